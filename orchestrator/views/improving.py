"""Whether a sweep still gets better: which trial was the last that did, and how much has ended since without."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator import wording
from orchestrator.sweep.standing import better
from orchestrator.sweep.trial import TrialState

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState


@dataclass(frozen=True, slots=True)
class LastImprovement:
    """The newest full training that was better than all before it."""

    trial: int
    """Its number."""
    stage: str
    """Its stage."""
    ended_since: int
    """Trials that ended after it."""
    full_since: int
    """Those of them that were trained to the end."""


def last_improvement(state: SweepState) -> LastImprovement | None:
    """Return it; None before a trial was trained to the end."""
    ended = [
        (last.ended_t, trial.number)
        for trial in state.trials
        if trial.attempts and (last := trial.attempts[-1]).ended_t is not None and trial.state.is_final
    ]
    ended.sort()
    trained = [number for _, number in ended if state.trials[number].state is TrialState.COMPLETED]
    newest, best = None, None
    for number in trained:
        trial = state.trials[number]
        value = None if trial.max_fidelity is not None or trial.breaks else trial.value
        if value is not None and (best is None or better(state.plan.goal, value, best)):
            newest, best = trial, value
    if newest is None:
        return None
    since = len(ended) - 1 - bisect_left(ended, (newest.attempts[-1].ended_t or 0.0, newest.number))
    full = len(trained) - 1 - trained.index(newest.number)
    return LastImprovement(newest.number, newest.stage, since, full)


def improvement_line(found: LastImprovement) -> str:
    """Write it: `last by trial 12, in tier-1; 35 trials ended since, 13 of them trained to the end`."""
    text = f"last by trial {found.trial}, in {found.stage}"
    if not found.ended_since:
        return f"{text}, the newest to end"
    return f"{text}; {wording.counted(found.ended_since, 'trial')} ended since, {found.full_since} trained to the end"
