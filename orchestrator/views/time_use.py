"""In a line each: where the time of a sweep's places, and of a trial, went."""

from __future__ import annotations

from orchestrator import wording
from orchestrator.results.time_use import AttemptsTime, SweepTime


def time_line(time: SweepTime) -> str:
    """Write `2 places for 1m 12s: 67 % training, 12 % process starts and imports, 3 % ending, 18 % idle`."""
    used = time.attempts
    parts = (
        (used.training_s, "training"),
        (used.starting_s, "process starts and imports"),
        (used.ending_s, "ending"),
        (time.idle_s, "idle"),
    )
    shares = ", ".join(f"{round(100 * time.share(seconds))} % {what}" for seconds, what in parts)
    return f"{wording.counted(time.places, 'place')} for {wording.duration(time.drivers_s)}: {shares}{_waited(used)}"


def trial_time_line(time: AttemptsTime) -> str:
    """Write `training 1m 05s, process start and imports 4s, ending 1s`."""
    parts = (
        (time.training_s, "training"),
        (time.starting_s, "process start and imports"),
        (time.ending_s, "ending"),
    )
    return ", ".join(f"{what} {wording.duration(seconds)}" for seconds, what in parts) + _waited(time)


def _waited(time: AttemptsTime) -> str:
    return f"; waited for a place {wording.duration(time.waiting_s)}" if time.waiting_s >= 1 else ""
