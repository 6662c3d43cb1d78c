"""What tells of a driver that dies: its heartbeats, and what the next one writes about every attempt it left open."""

from __future__ import annotations

from orchestrator.control.answers import HostView
from orchestrator.state.fold import SweepState
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.lease import describe_leaving
from orchestrator.sweep.event import AttemptEnded, Heartbeat, TrialReopened
from orchestrator.sweep.trial import Attempt, Outcome, TrialState

HEARTBEAT_S = 30.0
"""Seconds between two records of what is running: a crash hides no more than that from the newest record on."""

DRIVER_DIED = "driver_died"
"""The cause of such an end (`AttemptEnded.cause`)."""


def heartbeat(state: SweepState, host: HostView, t: float, m: float | None) -> Heartbeat:
    """Return the record of what runs, and of what the host sees there; written at `t` and `m` as below."""
    placed = (trial for trial in state.open.values() if trial.attempt.placed_t is not None)
    running = [(trial.number, trial.attempt.number) for trial in placed]
    silent = [(trial, seconds) for trial, seconds in host.silent.items() if trial in state.open]
    return Heartbeat(t, running, silent, host.avoided, m=m)


def left_without_record(state: SweepState, holder: str | None, files: FileSystem) -> str | None:
    """Say when and by what the last driver left where the log does not tell; None where it does, or nobody knows.

    `holder` says who drives the sweep, None where nobody does. Raises StorageError.
    """
    return describe_leaving(files) if holder is None and state.sessions and state.stopped is None else None


def ended_by_crash(state: SweepState, t: float, m: float | None = None) -> list[AttemptEnded]:
    """Return the ends of the attempts a dead driver left open, written at `t` seconds since the epoch.

    `m` is the same moment by the writing driver's monotonic clock.

    The attempts count as interrupted, not as lost. They are charged to the newest record of the driver that died, by
    its own clock: nothing between two drivers is charged. A driver that did not measure is charged as it charged
    itself, to an attempt's last sign of life plus one heartbeat, by the wall clock.
    """
    ends = []
    for trial in state.open.values():
        until, charged_s = _charged(state, trial.attempt, t)
        ended = (t, trial.number, trial.attempt.number, Outcome.INTERRUPTED, "the driver died", until)
        ends.append(AttemptEnded(*ended, cause=DRIVER_DIED, charged_s=charged_s, m=m))
    return ends


def reopened(state: SweepState, t: float, m: float | None = None) -> list[TrialReopened]:
    """Return the records that open every failed trial again, written at `t` seconds since the epoch, `m` as above."""
    return [TrialReopened(t, trial.number, m=m) for trial in state.everyone() if trial.state is TrialState.FAILED]


def _charged(state: SweepState, attempt: Attempt, t: float) -> tuple[float | None, float | None]:
    """Return until when an attempt is charged, and how many seconds where that was measured."""
    if attempt.seen_t is None or attempt.placed_s is None:
        return None, None
    if state.last_m is None:
        return min(t, attempt.seen_t + HEARTBEAT_S), None
    return state.last_t, max(0.0, state.last_m - attempt.placed_s)
