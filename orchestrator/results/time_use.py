"""Where the time of a sweep's places went: to process starts and imports, to training, to what follows it, to nothing.

    use = time_use(state)
    use.share(use.training_s), use.idle_s

Pure: from the fold alone. A place is counted from the first driver's begin to the newest record, as many places as ever
held an attempt at once, so that Ray's own start and the gaps between trials show as idle. What the log does not know of
an attempt (format 1; a training that was over before anybody asked where it is) counts as training.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.sweep.trial import Attempt, Trial

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState


@dataclass(frozen=True, slots=True)
class AttemptsTime:
    """Where the time of attempts went, in seconds, summed where they ran side by side."""

    waiting_s: float = 0.0
    """From the decision until a place was set aside, or where that is not known, until a worker took it: no place's."""
    starting_s: float = 0.0
    """From the place to the training function's first line: the process's start, and imports."""
    training_s: float = 0.0
    """From there to the last report, but for its checkpoints."""
    ending_s: float = 0.0
    """From the last report until the place was free: the answer, a `finally`, the process's end."""
    checkpoints_s: float = 0.0
    """What trainings waited for their checkpoints to be put; of attempts that ended, for only then it is told."""

    @property
    def held_s(self) -> float:
        """How long places were held."""
        return self.starting_s + self.training_s + self.ending_s + self.checkpoints_s

    def __add__(self, other: AttemptsTime) -> AttemptsTime:
        return AttemptsTime(
            self.waiting_s + other.waiting_s,
            self.starting_s + other.starting_s,
            self.training_s + other.training_s,
            self.ending_s + other.ending_s,
            self.checkpoints_s + other.checkpoints_s,
        )


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
    trials = [*state.everyone(), *(test.run for test in state.tests)]
    attempts = [attempt for trial in trials for attempt in trial.attempts]
    used = _summed(attempts, state.last_clock_s)
    since_s = state.sessions[-1].clock_s if state.sessions else state.last_clock_s
    drivers_s = state.past_drivers_s + max(0.0, state.last_clock_s - since_s)
    return SweepTime(used, _most_at_once(attempts, state.last_t), drivers_s)


def trial_time(trial: Trial, now_s: float) -> AttemptsTime:
    """Say where the time of a trial went; `now_s` is by the clock that measures (`Event.clock_s`)."""
    return _summed(trial.attempts, now_s)


def attempt_time(attempt: Attempt, now_s: float) -> AttemptsTime:
    """Say where the time of an attempt went, of one that is open until `now_s` by the clock that measures."""
    return AttemptsTime(*_seconds(attempt, now_s))


def _summed(attempts: Iterable[Attempt], now_s: float) -> AttemptsTime:
    waiting_s = starting_s = training_s = ending_s = checkpoints_s = 0.0
    for attempt in attempts:
        seconds = _seconds(attempt, now_s)
        waiting_s += seconds[0]
        starting_s += seconds[1]
        training_s += seconds[2]
        ending_s += seconds[3]
        checkpoints_s += seconds[4]
    return AttemptsTime(waiting_s, starting_s, training_s, ending_s, checkpoints_s)


def _seconds(attempt: Attempt, now_s: float) -> tuple[float, float, float, float, float]:
    """Return the fields of its `AttemptsTime`, in order."""
    if attempt.placed_t is None or attempt.placed_s is None:
        ended_t = attempt.started_t if attempt.ended_t is None else attempt.ended_t
        return max(0.0, ended_t - attempt.started_t), 0.0, 0.0, 0.0, 0.0
    placed_t, placed_s, charged_s = attempt.placed_t, attempt.placed_s, attempt.charged_s
    reserved_t = placed_t if attempt.reserved_t is None else attempt.reserved_t
    if attempt.ended_t is None:
        charged_s = max(0.0, now_s - placed_s)
    entered_s = (attempt.entered_s or placed_s) - placed_s
    if reserved_t != placed_t or entered_s:  # else both are 0: not asked for, of a hundred thousand attempts
        entered_s = min(charged_s, max(0.0, placed_t - reserved_t, entered_s))
    last_s = charged_s
    if attempt.ended_t is not None and attempt.reported_s is not None:
        last_s = min(charged_s, max(entered_s, attempt.reported_s - placed_s))
    waiting_s = max(0.0, min(reserved_t, placed_t) - attempt.started_t)
    training_s = last_s - entered_s
    checkpoints_s = min(training_s, attempt.checkpoints_s) if attempt.checkpoints_s else 0.0
    return waiting_s, entered_s, training_s - checkpoints_s, charged_s - last_s, checkpoints_s


def _most_at_once(attempts: Iterable[Attempt], now_t: float) -> int:
    """Count the most attempts that were on their workers at one moment."""
    placed = [attempt for attempt in attempts if attempt.placed_t is not None]
    begins = sorted(attempt.placed_t or 0.0 for attempt in placed)
    ends = sorted(now_t if attempt.ended_t is None else attempt.ended_t for attempt in placed)
    ends.append(math.inf)
    most = over = 0
    for begun, begin in enumerate(begins, 1):
        while ends[over] <= begin:
            over += 1
        if begun - over > most:  # `max` takes three times as long
            most = begun - over
    return most
