"""Which attempts must be ended now although they do not report."""

from __future__ import annotations

from orchestrator.policies.caps import Caps
from orchestrator.state.fold import SweepState
from orchestrator.sweep.trial import Trial

WITHDRAWN = "stop_trial"
"""The cause of an end that a person asked for (`AttemptEnded.cause`)."""
WITHDRAWN_S = 30.0
"""How long a trial that a person stopped may take to its next report: a stop there runs its `finally`."""


def overdue(state: SweepState, drains: str | None, caps: Caps, now_s: float) -> list[tuple[Trial, str]]:
    """Return each trial whose attempt is to be ended at `now_s`, by the clock that measures, with the cause.

    That is what runs once a cap is reached, unless it was told to stop and ends; what still waits for a worker once the
    sweep drains (`drains` says why); and what a person stopped, if no report of it came to be told so.
    """
    stopped = [state.open[number] for number in state.wished.stopped if number in state.open]
    late = [trial for trial in stopped if trial.attempt.placed_t is None or _is_late(trial, now_s)]
    return [*caps.overdue(drains, now_s), *((trial, WITHDRAWN) for trial in late)]


def _is_late(trial: Trial, now_s: float) -> bool:
    return trial.withdrawn_s is not None and now_s - trial.withdrawn_s >= WITHDRAWN_S
