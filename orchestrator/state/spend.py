"""What a sweep has cost so far, by the clocks of its drivers: a wall clock that is set changes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.sweep.event import AttemptEnded, AttemptPlaced
from orchestrator.sweep.resources import Resources
from orchestrator.sweep.trial import Attempt, Trial


@dataclass(slots=True)
class Spend:
    """What attempts cost."""

    worker_s: float = 0.0
    """Seconds from reservation to release."""
    gpu_hours: float = 0.0
    """GPUs times hours."""
    cpu_hours: float = 0.0
    """CPUs times hours."""
    fidelity: float = 0.0
    """Fidelity trained, repetitions included: epochs, as a rule. Counts open attempts too."""

    def charged(self, seconds: float, resources: Resources) -> Spend:
        """Return the spend with what a trial's place costs for so many seconds."""
        total = Spend(self.worker_s, self.gpu_hours, self.cpu_hours, self.fidelity)  # `replace` takes much longer
        total.charge(seconds, resources)
        return total

    def charge(self, seconds: float, resources: Resources) -> None:
        """Add what a trial's place cost for so many seconds."""
        self.worker_s += seconds
        self.gpu_hours += seconds / 3600 * resources.gpus
        self.cpu_hours += seconds / 3600 * resources.cpus

    def with_open(self, attempts: Iterable[Attempt], now_s: float, resources: Resources) -> Spend:
        """Return the spend with open attempts paid until `now_s`, by the clock that measures (`Event.clock_s`)."""
        taken_s = sum(max(0.0, now_s - a.placed_s) for a in attempts if a.placed_s is not None)
        return self.charged(taken_s, resources)


class OpenTime:
    """What the open attempts have taken so far, from a count and a sum: as quick with ten thousand as with one.

    The sum is exact (`whole_parts`), however many come and go.
    """

    def __init__(self) -> None:
        self._count = 0
        self._placed = 0
        self._newest_s = -math.inf
        self.most = 0
        """Most attempts that held a place at once."""

    def begin(self, placed_s: float) -> None:
        """Take note that a worker took an attempt at `placed_s`, by the clock that measures (`Event.clock_s`)."""
        self._count += 1
        self.most = max(self.most, self._count)
        self._placed += whole_parts(placed_s)
        self._newest_s = max(self._newest_s, placed_s)

    def end(self, placed_s: float) -> None:
        """Take note that the attempt which a worker took at `placed_s` is over."""
        self._count -= 1
        self._placed -= whole_parts(placed_s)
        if not self._count:  # the next driver's clock may begin before all that this one's said
            self._newest_s = -math.inf

    @property
    def kept(self) -> tuple[int, str, float, int]:
        """All that it knows, to be kept; its whole number as text, being longer than what else holds numbers."""
        return self._count, str(self._placed), self._newest_s, self.most

    def go_on_from(self, kept: tuple[int, str, float, int]) -> None:
        """Begin with what was kept."""
        self._count, placed, self._newest_s, self.most = kept
        self._placed = int(placed)

    def until(self, now_s: float) -> float | None:
        """Return the seconds of them all at `now_s`; None where one was taken after that, as by a clock set back."""
        return None if now_s < self._newest_s else in_seconds(self._count * whole_parts(now_s) - self._placed)


_PARTS = 2**60


def whole_parts(seconds: float) -> int:
    """Return seconds as a whole number of parts, so that a sum of them is exact and their order changes nothing."""
    return int(seconds * _PARTS)  # a power of two: nothing is rounded that is longer than a part


def in_seconds(parts: int) -> float:
    """Return the seconds of so many parts, rounded once."""
    return parts / _PARTS


def paid_from_s(placed: AttemptPlaced) -> float:
    """Return when what an attempt costs begins, by the clock that measures: when its place was set aside for it.

    Where that is not known, as in format 1, when a worker took it.
    """
    held_s = 0.0 if placed.reserved_t is None else max(0.0, placed.t - placed.reserved_t)
    return placed.clock_s - held_s


def charged_s(attempt: Attempt, end: AttemptEnded) -> float:
    """Return what an attempt that has ended is charged, in seconds: nothing where no worker had taken it."""
    if attempt.placed_t is None or attempt.placed_s is None:
        return 0.0
    if end.charged_s is not None:
        return end.charged_s
    if end.charged_until is not None:
        return max(0.0, end.charged_until - attempt.placed_t)
    return max(0.0, end.clock_s - attempt.placed_s)


def taken_s(trial: Trial, now_s: float) -> float:
    """Return what a trial's attempts took on their workers until `now_s`, by the clock that measures, in seconds."""
    ended = sum(attempt.charged_s for attempt in trial.attempts)
    if not trial.is_open or trial.attempt.placed_s is None:
        return ended
    return ended + max(0.0, now_s - trial.attempt.placed_s)


def seconds_per_fidelity(attempts: Iterable[Attempt]) -> float | None:
    """Return the mean seconds of one unit of fidelity over the attempts that have ended; None before any."""
    closed = [attempt for attempt in attempts if attempt.ended_t is not None]
    trained = sum(max(0.0, attempt.fidelity - attempt.resumed_from) for attempt in closed)
    return sum(attempt.charged_s for attempt in closed) / trained if trained > 0 else None
