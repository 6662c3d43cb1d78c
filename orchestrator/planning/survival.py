"""How far trials of a bracket are expected to train, by a scheduler's ideal rate of survival at each rung."""

from __future__ import annotations

from orchestrator.sweep.plan import Bracket


def trained(bracket: Bracket, end: float, survival: float | None) -> float | None:
    """Return how far a trial of `bracket` is expected to train whose training ends at `end`."""
    rungs = [rung for rung in bracket.rungs if rung < end]
    if not rungs:
        return end
    if survival is None:
        return None
    expected, before, alive = 0.0, 0.0, 1.0
    for rung in (*rungs, end):
        expected += alive * (rung - before)
        before, alive = rung, alive * survival
    return expected
