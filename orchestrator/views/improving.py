"""Whether a sweep still gets better: which trial was the last that did, and how much has ended since without."""

from __future__ import annotations

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
    ended = [t for t in state.trials if t.state.is_final and t.attempts and t.attempts[-1].ended_t is not None]
    ended.sort(key=lambda trial: (trial.attempts[-1].ended_t or 0.0, trial.number))
    newest, best = None, None
    for place, trial in enumerate(ended):
        is_full = trial.state is TrialState.COMPLETED and trial.max_fidelity is None and not trial.breaks
        if is_full and trial.value is not None and (best is None or better(state.plan.goal, trial.value, best)):
            newest, best = place, trial.value
    if newest is None:
        return None
    since = ended[newest + 1 :]
    full = sum(1 for trial in since if trial.state is TrialState.COMPLETED)
    return LastImprovement(ended[newest].number, ended[newest].stage, len(since), full)


def improvement_line(found: LastImprovement) -> str:
    """Write it: `last by trial 12, in tier-1; 35 trials ended since, 13 of them trained to the end`."""
    text = f"last by trial {found.trial}, in {found.stage}"
    if not found.ended_since:
        return f"{text}, the newest to end"
    return f"{text}; {wording.counted(found.ended_since, 'trial')} ended since, {found.full_since} trained to the end"
