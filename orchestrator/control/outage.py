"""Storage that goes away and comes back: what was decided waits, and the same is tried again, in growing pauses.

Whatever a driver does with its storage goes through here. While that fails in a way that may pass, the driver stands
still: no verdict leaves, nothing is decided, trainings wait at their next report. Before each new try the lease is
renewed, so a driver that was replaced meanwhile is told so, and writes nothing. After `limits.storage` it leaves with
exit code 75: everything acknowledged lies there, and whoever starts it again goes on from that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from orchestrator import wording
from orchestrator.control.record_writer import RecordWriter
from orchestrator.errors import StorageAwayError
from orchestrator.sweep import event as ev

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
SLICE_S = 0.5
"""How often a wait looks whether the driver is asked to leave, and lets progress be drawn."""
LEAVING_S = 10.0
"""How long storage is still waited for once the driver is asked to leave."""
AGAIN_S = 60.0
"""How often a wait is told of."""
BLAMED_S = 60.0
"""How long after an outage an error of a training is still taken for its consequence."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Outage:
    """Storage was away, and is back."""

    seconds: float
    """For how long."""
    problem: str
    """What it said, in one sentence."""


class Outages:
    """Takes one driver's dealings with its storage through the times when that is away."""

    def __init__(
        self,
        limit_s: Callable[[], float],
        renew: Callable[[], None],
        is_leaving: Callable[[], bool],
        tell: Callable[[str], None],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        note: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        """Wait for `limit_s()` seconds at most, by `clock`, which nobody sets back.

        `renew` renews the lease, and raises where it is lost; `is_leaving` says whether the driver was asked to leave.
        `note` is given what storage says once it is away, for others to read, and None once it is back.
        """
        self.while_away: Callable[[], None] = lambda: None
        """Called twice a second during a wait."""
        self.limit_s = limit_s
        """For how long storage is waited for, in seconds."""
        self._renew = renew
        self.is_leaving = is_leaving
        """Whether the driver was asked to leave."""
        self._tell = tell
        self._clock = clock
        self._sleep = sleep
        self._note = note
        self._called_s: float | None = None
        self._given_up: StorageAwayError | None = None
        self._has_given_up = False
        self._ended: list[Outage] = []
        self._ended_s: float | None = None

    def through(self, operation: Callable[[], _Answer]) -> _Answer:
        """Return what `operation` does, tried again while storage is away; it must bear to be done twice.

        Raises StorageAwayError after the limit, and at once whatever will not pass.
        """
        try:
            return self.called(operation)
        except StorageAwayError as error:
            if self.limit_s() <= 0 or self._has_given_up:
                raise
            since_s, problem = self._clock(), _sentence(error)
            self._tell(
                f"storage is away: {problem}. Decisions wait and are tried again for "
                f"{wording.duration(self.limit_s())} (limits.storage)"
            )
            self._note(problem)
            answer = self._again(operation, since_s)
            self._ended_s = self._clock()
            self._ended.append(Outage(self._ended_s - since_s, problem))
            self._note(None)
            self._tell(f"storage is back after {wording.duration(self._ended_s - since_s)}; the sweep goes on")
            return answer

    def called(self, operation: Callable[[], _Answer]) -> _Answer:
        """Return what `operation` does, done once; while it is under way, `pending_s` says for how long.

        Raises, once, the error by which it was given up meanwhile.
        """
        self._called_s = self._clock()
        try:
            return operation()
        finally:
            self._called_s = None
            given_up, self._given_up = self._given_up, None
            if given_up is not None:
                raise given_up

    def give_up(self, error: StorageAwayError) -> None:
        """Have the driver leave by `error` once the call that is under way returns, whatever it says. From any thread.

        A process that is not ours to end, as a notebook's, lives on and may see it return.
        """
        self._has_given_up, self._given_up = True, error

    def pending_s(self) -> float | None:
        """Return how long the call that is under way has taken; None where none is. From any thread."""
        called_s = self._called_s
        return None if called_s is None else self._clock() - called_s

    def take_ended(self) -> list[Outage]:
        """Return, once, the outages that have ended."""
        ended, self._ended = self._ended, []
        return ended

    def was_away(self) -> bool:
        """Make sure that storage is there, and say whether it came back only now: errors may be a consequence.

        Raises as `through`.
        """
        self.through(self._renew)
        return self._ended_s is not None and self._clock() - self._ended_s < BLAMED_S

    def _again(self, operation: Callable[[], _Answer], since_s: float) -> _Answer:
        wait = _Wait(since_s + self.limit_s())
        pause_s, said_s = FIRST_PAUSE_S, since_s
        while True:
            self._pause(pause_s, wait)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            try:
                self.called(self._renew)
                return self.called(operation)
            except StorageAwayError as error:
                if self._has_given_up:
                    raise
                now_s = self._clock()
                if now_s >= wait.until_s:
                    away = wording.duration(now_s - since_s)
                    raise StorageAwayError(f"storage stayed away for {away}: {error}") from error
                if now_s - said_s >= AGAIN_S:
                    said_s = now_s
                    self._tell(f"storage is still away, for {wording.duration(now_s - since_s)}: {_sentence(error)}")

    def _pause(self, pause_s: float, wait: _Wait) -> None:
        end_s = self._clock() + pause_s
        while True:
            now_s = self._clock()
            if self.is_leaving() and not wait.is_cut:
                wait.is_cut, wait.until_s = True, min(wait.until_s, now_s + LEAVING_S)
            left_s = min(end_s, wait.until_s) - now_s
            if left_s <= 0:
                return
            self.while_away()
            self._sleep(min(SLICE_S, left_s))


@dataclass(slots=True)
class _Wait:
    until_s: float
    """When storage is given up, by the clock of the wait."""
    is_cut: bool = False
    """Whether that was brought near, because the driver was asked to leave."""


class PatientWriter:
    """A journal that waits for its storage."""

    def __init__(self, journal: RecordWriter, outages: Outages) -> None:
        self._journal = journal
        self._outages = outages

    def append(self, event: ev.Event) -> None:
        """Take a record into the next frame."""
        self._journal.append(event)

    def commit(self) -> None:
        """Make every record so far durable, once storage is there. Raises as `Outages.through`."""
        self._outages.through(self._journal.commit)


def _sentence(error: StorageAwayError) -> str:
    return str(error).partition(". Nothing acknowledged is lost")[0]
