"""Follows a sweep's log as it grows: reads it, keeps the state, and tells observers of each record.

Everything that is made from a sweep while it runs (tables, a page, sinks, a live view) is an observer and shares
nothing with whoever writes the log. It works the same on a local folder and an object store, and whether the sweep
lives, died or is finished: a follower always begins at the first record and catches up.

- **Order.** Observers are told of every record in the order of the log, each in the order they were given. All of them
  take a record before the next one is folded in, so the state is the one right after it.
- **Batches.** `advance` reads what was committed since the last call, and lets the observers `flush` only once the end
  of the log is reached: what they put outside never shows an earlier state than the one before.
- **Failures stay where they are.** An observer that fails takes neither the others nor the caller along. A StorageError
  from `flush` (a full disk, a server that is away) is told and tried again at every `advance`. Whatever else it raises,
  from `take` above all, ends that observer: it may have half taken the record. Both stand in `problems`.
- **A damaged log is told.** `advance` raises, and raises again at every later call; nobody is flushed. A torn last
  frame is no damage: it does not count, and is read once it is whole.

No clock is read here: who calls `advance` decides when (`orchestrator.results.background` does so every second).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from orchestrator.errors import JournalDamagedError, StepladderError, StorageError
from orchestrator.state.fold import SweepState
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.journal import FOLDER, JournalReader
from orchestrator.sweep import event as ev


class Observer(Protocol):
    """What is told of a sweep's records. One that is slow holds up the others: bound every wait."""

    name: str
    """What it keeps, for messages, as in "the tables fell behind the journal"; no two observers share one."""

    def take(self, event: ev.Event, state: SweepState) -> None:
        """Take one record in, in memory alone: writing is for `flush`. What this raises ends the observer.

        `state` holds the record already. It is one object for the whole sweep: keep it to read in `flush`, where it is
        the state after the newest record; never change it.
        """

    def flush(self) -> None:
        """Bring what lies outside up to the records taken. Called only where there are some since the last time.

        Raises StorageError where something outside refuses for now: it is then called again, newer records or none.
        """

    def close(self) -> None:
        """Let go of everything. Called once, after failures too, and nothing follows."""


class Follower:
    """Reads one sweep's log and tells its observers. One thread at a time may call it."""

    def __init__(self, files: FileSystem, observers: Sequence[Observer]) -> None:
        """Begin before the first record. Raises ValueError where two observers share a name."""
        self.state: SweepState | None = None
        """The state after the newest record read; None before the first."""
        self._reader = JournalReader(files)
        self._seats = {observer.name: _Seat(observer) for observer in observers}
        self._failure: Exception | None = None
        if len(self._seats) < len(observers):
            raise ValueError(f"two observers share a name: {', '.join(observer.name for observer in observers)}")

    @property
    def names(self) -> list[str]:
        """The observers' names, in order."""
        return list(self._seats)

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong with an observer now, a sentence by its name; without those that are well."""
        return {name: seat.problem for name, seat in self._seats.items() if seat.problem is not None}

    @property
    def errors(self) -> dict[str, Exception]:
        """What ended an observer, by its name; without those that still follow."""
        return {name: seat.error for name, seat in self._seats.items() if seat.error is not None}

    def advance(self) -> bool:
        """Take in what was committed since the last call, and flush. Returns whether there was anything.

        Raises StorageError where the log cannot be read now: the next call goes on from there. Raises
        JournalDamagedError where it is damaged, does not begin with a plan, or is of a newer format; then, and after
        any error of the fold's, every later call raises the same.
        """
        if self._failure is not None:
            raise self._failure
        is_new = False
        try:
            for event in self._reader.stream_new():
                self._take(event)
                is_new = True
        except Exception as error:
            if isinstance(error, JournalDamagedError) or not isinstance(error, StorageError):
                self._failure = error
            raise
        for seat in self._seats.values():
            seat.flush()
        return is_new

    def close(self) -> None:
        """Let every observer go. Reads and flushes nothing: `advance` before where the rest is wanted."""
        for seat in self._seats.values():
            seat.close()

    def _take(self, event: ev.Event) -> None:
        self.state = _folded(self.state, event)
        for seat in self._seats.values():
            seat.take(event, self.state)


class _Seat:
    """One observer, and how it fares."""

    def __init__(self, observer: Observer) -> None:
        self.problem: str | None = None
        self.error: Exception | None = None
        self._observer = observer
        self._is_behind = False

    def take(self, event: ev.Event, state: SweepState) -> None:
        if self.error is not None:
            return
        self._is_behind = True
        try:
            self._observer.take(event, state)
        except Exception as error:  # noqa: BLE001 - an observer's errors are its own: kept, told, never passed on
            self._end(error)

    def flush(self) -> None:
        if self.error is not None or not self._is_behind:
            return
        try:
            self._observer.flush()
            self._is_behind, self.problem = False, None
        except StorageError as error:
            self.problem = f"{self._observer.name} fell behind the journal: {error}"
        except Exception as error:  # noqa: BLE001 - as in take
            self._end(error)

    def close(self) -> None:
        try:
            self._observer.close()
        except Exception as error:  # noqa: BLE001 - as in take
            self.error = self.error or error
            self.problem = self.problem or f"{self._observer.name} did not end in order: {_said(error)}"

    def _end(self, error: Exception) -> None:
        self.error = error
        self.problem = f"{self._observer.name} fell behind the journal and stays there, by an error: {_said(error)}"


def _said(error: Exception) -> str:
    """Return an error of ours as its sentence, another one with its type."""
    return str(error) if isinstance(error, StepladderError) else repr(error)


def _folded(state: SweepState | None, event: ev.Event) -> SweepState:
    """Return the state with one more record in it. Raises JournalDamagedError where it cannot follow."""
    try:
        if state is not None:
            state.apply(event)
            return state
        if isinstance(event, ev.SweepPlanned):
            return SweepState(event)
    except ValueError as error:
        raise JournalDamagedError(f"{FOLDER}: {error}") from error
    raise JournalDamagedError(f"{FOLDER}: it does not begin with a plan; restore its first file from a copy")
