"""A sweep file, played on a benchmark: the real controller, ladder, searcher, rungs and confirming, no real worker."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.benchmarks import Benchmark
from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.planning.compile import compile_plan
from orchestrator.sweep import event as ev
from orchestrator.sweep.plan import Plan, Provenance
from orchestrator.sweep.spec import Budget, Fidelity, Member, Objective, SweepSpec

METRIC = "objective"
"""What a benchmark's objective is called in a sweep on it."""


@dataclass(frozen=True, slots=True)
class PlayedSweep:
    """What came of one sweep."""

    regret: float
    """The winner's: 0 is the best configuration over all seeds, 100 the median one."""
    of_default: float
    """The baseline's."""
    trials: int
    """How many configurations were tried."""
    stopped: int
    """How many of them were stopped for being weak."""
    trained: float
    """In full trainings, replicates included."""
    lasted: float
    """From start to end, in full trainings."""


def fitted(spec: SweepSpec, benchmark: Benchmark, seed: int) -> SweepSpec:
    """Return what of a sweep file can be tried on a benchmark, which has a space, an objective and a length of its own.

    The first rung keeps its part of a full training. Caps on hours mean nothing here and are left out; so is whatever
    names a hyperparameter or a metric.
    """
    asked = spec.fidelity
    first = None if asked.min is None or benchmark.longest <= 1 else asked.min / asked.max * benchmark.longest
    kept = {key: getattr(spec, key) for key in ("name", "search", "searcher", "scheduler", "confirm", "baseline_first")}
    return SweepSpec(
        **kept, trainable="benchmark.py:train", objective=Objective(metric=METRIC, goal=benchmark.goal),
        fidelity=Fidelity(max=benchmark.longest, min=first, reduction_factor=asked.reduction_factor),
        search_space=benchmark.space(), budget=Budget(trials=spec.budget.trials), seed=seed,
    )  # fmt: skip


def play(spec: SweepSpec, benchmark: Benchmark, workers: int) -> PlayedSweep:
    """Play a fitted sweep from its start to its end. Raises SpecError for what its members refuse."""
    plan = plan_for(spec)
    cluster = SimulatedCluster(workers, noise=benchmark.luck)
    state, journal = simulate_plan(plan, benchmark.mean, cluster)
    winner = state.winner()
    default = benchmark.regret(plan.space.baseline)
    return PlayedSweep(
        regret=default if winner is None else benchmark.regret(winner.config),
        of_default=default,
        trials=len(state.trials),
        stopped=sum(1 for event in journal.events if isinstance(event, ev.Reported) and event.stop == "weak"),
        trained=state.spend.fidelity / benchmark.longest,
        lasted=journal.events[-1].t / benchmark.longest,
    )


def plan_for(spec: SweepSpec) -> Plan:
    """Compile a fitted sweep file."""
    return compile_plan(spec, Provenance(versions={}, git_commit=None, code_hash=""))


def at_random(spec: SweepSpec, trained: float) -> SweepSpec:
    """Return a random search on the same benchmark that trains as much, in full trainings: nothing is stopped early."""
    changed = {
        "search": Member(name="random"), "searcher": Member(name="random"), "scheduler": Member(name="none"),
        "confirm": "none", "budget": Budget(trials=max(1, round(trained))),
    }  # fmt: skip
    return spec.model_copy(update=changed)
