"""Sweeps on a table in which every training has a seed's luck, with and without confirming, at one total budget."""

from __future__ import annotations

import math
from random import Random
from typing import Literal, NamedTuple

from orchestrator.benchmarks.tables import LossTable
from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.planning.compile import compile_plan
from orchestrator.sweep.domains import Config
from orchestrator.sweep.plan import Provenance
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


def confirmed_sweep(table: LossTable, trials: int, seed: int, *, searcher: str, confirm: bool) -> Confirmed:
    """Run one sweep of a budget of so many trials, each a full training."""
    asked: Confirm | Literal["none"] = Confirm() if confirm else "none"
    spec = SweepSpec(
        name="bench", trainable="bench.py:train", objective=Objective(metric="regret", goal="minimize"),
        fidelity=Fidelity(max=1.0), search_space=table.space(), searcher=Member(name=searcher),
        scheduler=Member(name="none"), budget=Budget(trials=trials), confirm=asked, seed=seed,
    )  # fmt: skip

    def luck(config: Config, training_seed: int, _: float) -> float:
        return Random(f"{table.name}/{seed}/{training_seed}").gauss(0.0, table.spread(config))

    plan = compile_plan(spec, Provenance(versions={}, git_commit=None, code_hash=""))
    state, _ = simulate_plan(plan, lambda config, _: table.regret(config), SimulatedCluster(WORKERS, noise=luck))
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
    return Confirmed(truth, (truth - reported) / spread, holds, wide, None if found is None else found.verdict.value)
