"""Where the time of a sweep's places went: to its attempts (`orchestrator.state.attempt_time`), or to nothing.

    use = time_use(state)
    use.share(use.attempts.training_s), use.idle_s

Pure: from the fold alone, and at a cost that does not grow with the sweep. A place is counted from the first driver's
begin to the newest record, as many places as ever held an attempt at once, so that Ray's own start and the gaps between
trials show as idle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.state.attempt_time import AttemptsTime, times_of

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState


@dataclass(frozen=True, slots=True)
class SweepTime:
    """Where the time of a sweep's places went."""

    attempts: AttemptsTime
    """Of all its attempts together."""
    places: int
    """Most attempts that held a place at once."""
    drivers_s: float
    """How long drivers worked on it, from first to newest record of each."""

    @property
    def idle_s(self) -> float:
        """What no attempt had of the places' time: Ray's start, gaps between trials, the driver's end."""
        return max(0.0, self.places * self.drivers_s - self.attempts.held_s)

    def share(self, seconds: float) -> float:
        """Return a time as a part of the places' whole time, 0 to 1; 0 before anything was placed."""
        whole_s = self.attempts.held_s + self.idle_s
        return seconds / whole_s if whole_s else 0.0


def time_use(state: SweepState) -> SweepTime:
    """Say where the time of a sweep went up to its newest record, confirming and tests included."""
    open_ = times_of((trial.attempt for trial in state.open.values()), state.last_clock_s)
    since_s = state.sessions[-1].clock_s if state.sessions else state.last_clock_s
    drivers_s = state.past_drivers_s + max(0.0, state.last_clock_s - since_s)
    return SweepTime(state.ended_time.seconds + open_, state.open_time.most, drivers_s)
