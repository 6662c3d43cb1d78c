"""Sweeps on a table in which every training has a seed's luck, with and without confirming, at one total budget."""

from __future__ import annotations

import math
from random import Random
from typing import Literal, NamedTuple

from orchestrator.benchmarks.tables import LossTable
from orchestrator.control.simulator import SimulatedCluster, resume_simulation, simulate_plan
from orchestrator.planning.compile import compile_plan
from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev
from orchestrator.sweep.confirmation import Confirmation
from orchestrator.sweep.domains import Config
from orchestrator.sweep.plan import Plan, Provenance
from orchestrator.sweep.reserve import Confirm
from orchestrator.sweep.spec import Budget, Fidelity, Member, Objective, SweepSpec
from orchestrator.sweep.standing import ranked

WORKERS = 8
BEST = 5
"""So many single trainings say what luck is worth: as many as are confirmed, the baseline not counted, and one."""


class Confirmed(NamedTuple):
    """What came of one sweep."""

    regret: float
    """The winner's true mean."""
    bias: float
    """By how much what is reported of the winner is better than the truth, in standard deviations between seeds: pooled
    over the best five single trainings, as some configurations have next to none of their own."""
    holds: bool | None
    """Whether the interval holds the true mean; None without one."""
    wide: float
    """The spread that the interval is made of, in parts of the winner's own; not a number without an interval."""
    verdict: str | None
    """A value of `WinnerVerdict`; None where nothing was confirmed."""
    holds_difference: bool | None
    """Whether the interval of the difference to the baseline holds the true one; None without one."""


def confirmed_sweep(
    table: LossTable, trials: int, seed: int, *, searcher: str, confirm: bool, anew: int = 0
) -> list[Confirmed]:
    """Run one sweep of a budget of so many trials, each a full training; and from the end of its search `anew` times.

    What is run anew has other luck in its fresh seeds, and the same search before them.
    """
    plan = _plan(table, trials, seed, searcher=searcher, confirm=confirm)
    state, journal = simulate_plan(plan, lambda config, _: table.regret(config), _cluster(table, f"{seed}"))
    ended = [_judged(table, plan, state)]
    begun = (at for at, e in enumerate(journal.events) if isinstance(e, ev.TrialProposed) and e.replicates is not None)
    search = journal.events[: next(begun, len(journal.events))]
    for number in range(anew):
        cluster = _cluster(table, f"{seed}/{number}")
        ended.append(
            _judged(table, plan, resume_simulation(search, lambda config, _: table.regret(config), cluster)[0])
        )
    return ended


def _plan(table: LossTable, trials: int, seed: int, *, searcher: str, confirm: bool) -> Plan:
    asked: Confirm | Literal["none"] = Confirm() if confirm else "none"
    spec = SweepSpec(
        name="bench", trainable="bench.py:train", objective=Objective(metric="regret", goal="minimize"),
        fidelity=Fidelity(max=1.0), search_space=table.space(), searcher=Member(name=searcher),
        scheduler=Member(name="none"), budget=Budget(trials=trials), confirm=asked, seed=seed,
    )  # fmt: skip
    return compile_plan(spec, Provenance(versions={}, git_commit=None, code_hash=""))


def _cluster(table: LossTable, kind: str) -> SimulatedCluster:
    """Return workers whose trainings have a luck of this kind."""

    def luck(config: Config, training_seed: int, _: float) -> float:
        return Random(f"{table.name}/{kind}/{training_seed}").gauss(0.0, table.spread(config))

    return SimulatedCluster(WORKERS, noise=luck)


def _judged(table: LossTable, plan: Plan, state: SweepState) -> Confirmed:
    winner, found = state.winner(), state.confirmation()
    assert winner is not None
    assert winner.value is not None
    truth = table.regret(winner.config)
    best = ranked(plan.goal, state.trials)[:BEST]
    spread = math.sqrt(sum(table.spread(trial.config) ** 2 for trial in best) / len(best))
    score = None if found is None else found.scores.get(winner.number)
    reported = winner.value if score is None else score.mean
    holds = None if score is None or score.low is None or score.high is None else score.low <= truth <= score.high
    pooled = math.nan if score is None or score.spread is None else score.spread
    wide = pooled / table.spread(winner.config)
    verdict = None if found is None else found.verdict.value
    return Confirmed(truth, (truth - reported) / spread, holds, wide, verdict, _holds_difference(table, state, found))


def _holds_difference(table: LossTable, state: SweepState, found: Confirmation | None) -> bool | None:
    difference = None if found is None else found.difference
    if found is None or difference is None or difference.low is None or difference.high is None:
        return None
    pick = next(number for number in found.scores if number)
    truth = table.regret(state.trials[0].config) - table.regret(state.trials[pick].config)
    return difference.low <= truth <= difference.high
