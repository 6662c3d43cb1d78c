"""Whether a sweep still gets better: which trial was the last that did, and how much has ended since without."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator import wording
from orchestrator.sweep.standing import sign_of
from orchestrator.sweep.trial import TrialState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.state.fold import SweepState
    from orchestrator.sweep.trial import Trial


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
    sign, completed, newest, best, full = sign_of(state.plan.goal), TrialState.COMPLETED, None, -math.inf, 0
    ended = _ended(state.trials)
    for place, trial in enumerate(ended, 1):
        if trial.state is completed:
            full += 1
            value = None if trial.max_fidelity is not None or trial.breaks else trial.value
            if value is not None and sign * value > best:
                newest, best = (trial, place, full), sign * value
    if newest is None:
        return None
    trial, ended_by_then, full_by_then = newest
    return LastImprovement(trial.number, trial.stage, len(ended) - ended_by_then, full - full_by_then)


def _ended(trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials that nothing follows for as they ended; of those of one moment the first comes first."""
    found = [trial for trial in trials if trial.attempts and not trial.is_open and trial.state.is_final]
    found.sort(key=lambda trial: trial.attempts[-1].ended_t or 0.0)
    return found


def improvement_line(found: LastImprovement) -> str:
    """Write it: `last by trial 12, in tier-1; 35 trials ended since, 13 of them trained to the end`."""
    text = f"last by trial {found.trial}, in {found.stage}"
    if not found.ended_since:
        return f"{text}, the newest to end"
    return f"{text}; {wording.counted(found.ended_since, 'trial')} ended since, {found.full_since:,} trained to the end"
