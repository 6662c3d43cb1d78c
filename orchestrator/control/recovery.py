"""What a driver writes about the one that died before it: every attempt it left open is over, and paid for."""

from __future__ import annotations

from orchestrator.control.fold import SweepState
from orchestrator.sweep.event import AttemptEnded, TrialReopened
from orchestrator.sweep.trial import Outcome, TrialState

HEARTBEAT_S = 30.0
"""Seconds between two records of what is running; also what a crash is charged beyond the last sign of life."""

DRIVER_DIED = "driver_died"
"""The cause of such an end (`AttemptEnded.cause`)."""


def ended_by_crash(state: SweepState, t: float, m: float | None = None) -> list[AttemptEnded]:
    """Return the ends of the attempts a dead driver left open, written at `t` seconds since the epoch.

    `m` is the same moment by the writing driver's monotonic clock.

    The attempts count as interrupted, not as lost. They are charged to their last sign of life plus one heartbeat.
    """
    ends = []
    for trial in state.open.values():
        seen = trial.attempt.seen_t
        until = min(t, seen + HEARTBEAT_S) if seen is not None else None
        ended = (t, trial.number, trial.attempt.number, Outcome.INTERRUPTED, "the driver died", until)
        ends.append(AttemptEnded(*ended, cause=DRIVER_DIED, m=m))
    return ends


def reopened(state: SweepState, t: float, m: float | None = None) -> list[TrialReopened]:
    """Return the records that open every failed trial again, written at `t` seconds since the epoch, `m` as above."""
    return [TrialReopened(t, trial.number, m=m) for trial in state.trials if trial.state is TrialState.FAILED]
