"""Where the time of attempts went: to process starts and imports, to training, to what follows it.

What the log does not know of an attempt (format 1; a training that was over before anybody asked where it is) counts as
training.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.state.spend import in_seconds, whole_parts
from orchestrator.sweep.trial import Attempt, Trial


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


class TimeSum:
    """The time of many attempts that ended; exact (`whole_parts`), whichever come, go and change."""

    def __init__(self) -> None:
        self._parts = [0, 0, 0, 0, 0]

    def take(self, attempt: Attempt) -> None:
        """Add an attempt that ended; one that is open adds nothing yet."""
        self._add(attempt, 1)

    def leave(self, attempt: Attempt) -> None:
        """Take away an attempt that was added, before it changes; as it was then."""
        self._add(attempt, -1)

    @property
    def seconds(self) -> AttemptsTime:
        """The sum."""
        return AttemptsTime(*map(in_seconds, self._parts))

    @property
    def kept(self) -> list[str]:
        """All that it knows, to be kept; its whole numbers as text, being longer than what else holds numbers."""
        return [str(parts) for parts in self._parts]

    def go_on_from(self, kept: list[str]) -> None:
        """Begin with what was kept."""
        self._parts = [int(parts) for parts in kept]

    def _add(self, attempt: Attempt, times: int) -> None:
        if attempt.ended_t is not None:
            for field, seconds in enumerate(_seconds(attempt, 0.0)):
                if seconds:
                    self._parts[field] += times * whole_parts(seconds)


def trial_time(trial: Trial, now_s: float) -> AttemptsTime:
    """Say where the time of a trial went; `now_s` is by the clock that measures (`Event.clock_s`)."""
    return times_of(trial.attempts, now_s)


def times_of(attempts: Iterable[Attempt], now_s: float) -> AttemptsTime:
    """Say where the time of attempts went, of those that are open until `now_s` by the clock that measures."""
    return AttemptsTime(*map(sum, zip(*(_seconds(attempt, now_s) for attempt in attempts), strict=True)))


def _seconds(attempt: Attempt, now_s: float) -> tuple[float, float, float, float, float]:
    """Return the fields of its `AttemptsTime`, in order."""
    if attempt.placed_t is None or attempt.placed_s is None:
        ended_t = attempt.started_t if attempt.ended_t is None else attempt.ended_t
        return max(0.0, ended_t - attempt.started_t), 0.0, 0.0, 0.0, 0.0
    placed_t, placed_s, charged_s = attempt.placed_t, attempt.placed_s, attempt.charged_s
    reserved_t = placed_t if attempt.reserved_t is None else attempt.reserved_t
    if attempt.ended_t is None:
        charged_s = max(0.0, now_s - placed_s)
    entered_s = min(charged_s, max(0.0, placed_t - reserved_t, (attempt.entered_s or placed_s) - placed_s))
    last_s = charged_s
    if attempt.ended_t is not None and attempt.reported_s is not None:
        last_s = min(charged_s, max(entered_s, attempt.reported_s - placed_s))
    waiting_s = max(0.0, min(reserved_t, placed_t) - attempt.started_t)
    training_s = last_s - entered_s
    checkpoints_s = min(training_s, attempt.checkpoints_s) if attempt.checkpoints_s else 0.0
    return waiting_s, entered_s, training_s - checkpoints_s, charged_s - last_s, checkpoints_s
