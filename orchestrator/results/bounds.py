"""What became of the bounds of `constraints`: which trials kept within them, and what the winner reported."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState


@dataclass(frozen=True, slots=True)
class BoundSummary:
    """One bound."""

    metric: str
    """What it bounds."""
    text: str
    """The bound as people say it: `at most 20`."""
    winner: float | None
    """What the winner reported; None without a winner."""
    broken: int
    """Trials of the search that break it."""
    unsaid: int
    """Trials that ended well and never reported the metric."""


@dataclass(frozen=True, slots=True)
class ConstraintSummary:
    """All of them."""

    bounds: tuple[BoundSummary, ...]
    """In the order of the sweep file."""
    beyond: int
    """Trials of the search that break at least one."""


def constraint_summary(state: SweepState) -> ConstraintSummary | None:
    """Say what became of the bounds; None where the sweep has none."""
    constraints, winner = state.plan.spec.constraints, state.winner()
    if not constraints:
        return None
    ended = [trial for trial in state.trials if trial.state.is_final and trial.values]
    found = tuple(
        BoundSummary(
            metric=name,
            text=str(bound),
            winner=None if winner is None else _finite(winner.bounded.get(name)),
            broken=sum(1 for trial in state.trials if name in trial.breaks),
            unsaid=sum(1 for trial in ended if name in trial.unsaid),
        )
        for name, bound in constraints.items()
    )
    return ConstraintSummary(found, sum(1 for trial in state.trials if trial.breaks))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
