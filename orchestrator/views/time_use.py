"""In a line each: where the time of a sweep's places, and of a trial, went."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator import wording
from orchestrator.results.time_use import SweepTime
from orchestrator.state.attempt_time import AttemptsTime


def time_line(time: SweepTime) -> str:
    """Write `2 places for 1m 12s: 67 % training, 12 % process starts and imports, 3 % ending, 18 % idle`."""
    used = time.attempts
    shares = ", ".join(f"{round(100 * time.share(seconds))} % {what}" for what, seconds in parts_of(time))
    return f"{wording.counted(time.places, 'place')} for {wording.duration(time.drivers_s)}: {shares}{_waited(used)}"


def parts_of(time: SweepTime) -> list[tuple[str, float]]:
    """Return what the time of a sweep's places went to, and how many seconds of it."""
    return [*_parts(time.attempts, "process starts and imports"), ("idle", time.idle_s)]


def trial_time_line(time: AttemptsTime) -> str:
    """Write `training 1m 05s, checkpoints 2s, process start and imports 4s, ending 1s`."""
    parts = _parts(time, "process start and imports")
    return ", ".join(f"{what} {wording.duration(seconds)}" for what, seconds in parts) + _waited(time)


def _parts(time: AttemptsTime, starting: str) -> Iterator[tuple[str, float]]:
    yield "training", time.training_s
    if time.checkpoints_s:
        yield "checkpoints", time.checkpoints_s
    yield starting, time.starting_s
    yield "ending", time.ending_s


def _waited(time: AttemptsTime) -> str:
    return f"; waited for a place {wording.duration(time.waiting_s)}" if time.waiting_s >= 1 else ""
