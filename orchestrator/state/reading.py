"""A sweep's log, read and folded record by record: nobody holds it whole, and who reads on does not read it again."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from itertools import chain

from orchestrator.errors import JournalDamagedError, StorageError, SweepNotFoundError
from orchestrator.state.fold import SweepState, replay
from orchestrator.state.snapshot import Kept, kept_state
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.journal import FOLDER, JournalReader
from orchestrator.storage.journal_places import JournalPlaces
from orchestrator.storage.location import Location
from orchestrator.storage.marks import REMEDY, read_marks
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Trial

PLAN = "plan.json"
"""What a sweep compiled to, written before the first record."""

_OF_ATTEMPTS = (ev.AttemptStarted, ev.AttemptPlaced, ev.Reported, ev.AttemptEnded)


class LogReading:
    """One reader of a sweep's log, and the state that it has come to.

    It begins where the sweep's snapshot ends, if there is one that the log agrees with. It never writes one.
    """

    def __init__(
        self, folder: Location, files: FileSystem, *, trusts_snapshot: bool = True, stays: bool = True
    ) -> None:
        """With `stays` the state is for long: it takes a little longer to read, and less memory."""
        self._folder = folder
        self._files = files
        self._reader = JournalReader(files)
        self._state: SweepState | None = None
        self._trusts_snapshot = trusts_snapshot
        self._stays = stays
        self.records = 0
        """How many records the state was made from."""
        self.kept_records = 0
        """How many of them a snapshot stood for."""
        self.unused: str | None = None
        """Why a snapshot that lies there was of no use; None where it was, or none lies there."""

    @property
    def offsets(self) -> dict[str, int]:
        """How far each file was read: what a new driver seals."""
        return self._reader.offsets

    @property
    def places(self) -> JournalPlaces:
        """The same as a snapshot says it."""
        return self._reader.places

    def go_on(self) -> SweepState:
        """Return the state with every record that is committed by now.

        Raises SweepNotFoundError where there is no sweep, JournalDamagedError with the folder's name where its journal
        is damaged, StorageError where this version cannot read it, or it cannot be read.
        """
        with named(self._folder):
            try:
                self._take()
            except JournalDamagedError:
                if self._state is None:
                    raise
                # A newer driver may have sealed a file before what was read of it: then what was read does not count.
                # Likewise a snapshot with which the end of the log does not agree.
                self._reader, self._state, self._trusts_snapshot = JournalReader(self._files), None, False
                self.unused = "the end of the log goes on from another place" if self.kept_records else self.unused
                self._take()
            if self._state is None and has_begun(self._files):
                self._take()  # its first record was committed just after the first look
        if self._state is None:
            raise no_sweep(self._folder)
        return self._state

    def settle(self) -> None:
        """Make what was read durable before it is built on (`JournalReader.settle`). Raises StorageError."""
        self._reader.settle()

    def _take(self) -> None:
        if self._state is None:
            self._state, self.records = self._from_snapshot()
            self.kept_records = self.records
        records = self._counted()
        with following(self._folder), _without_collecting():
            if self._state is None:
                first = next(records, None)
                self._state = None if first is None else replay(chain((first,), records))
            else:
                for record in records:
                    self._state.apply(record)

    def _counted(self) -> Iterator[ev.Event]:
        for record in self._reader.stream_new():
            self.records += 1
            yield record

    def _from_snapshot(self) -> tuple[SweepState | None, int]:
        if not self._trusts_snapshot:
            return None, 0
        with _without_collecting():
            kept = kept_state(self._files, stays=self._stays)
        if not isinstance(kept, Kept):
            self.unused = kept
        elif self._reader.begin_at(kept.places):
            return kept.state, kept.records
        else:
            self.unused = "the log does not begin with what it was made from"
        return None, 0


def sweep_exists(folder: Location) -> bool:
    """Say whether a sweep lives in `folder`. Raises JournalDamagedError where one did and its journal is gone."""
    with named(folder):
        return has_begun(folder.files())


def read_sweep(folder: Location) -> SweepState:
    """Return the state of a sweep from its journal, living or dead; takes no lock, and holds no record.

    Raises SweepNotFoundError where there is none, JournalDamagedError where its journal is damaged.
    """
    return LogReading(folder, folder.files(), stays=False).go_on()


def no_sweep(folder: Location) -> SweepNotFoundError:
    """Return the error for a folder without a sweep."""
    return SweepNotFoundError(f"{folder}: there is no sweep; start one with `stepladder run SWEEP_FILE`")


def reports_of(folder: Location, trial: int, known: Trial | None = None) -> list[ev.Reported]:
    """Return every report of one trial or replicate, in the log's order; decodes no other trial's records.

    `known` is that trial where the sweep was read just before: what holds none of them is not checked again then, and
    of a trial that is over no more is looked through than was written meanwhile. Raises as `read_sweep`.
    """
    wanted = b'"trial":%d,' % trial
    with named(folder):
        reader = JournalReader(folder.files())
        if known is None:
            found = list(reader.search(wanted))
        else:
            found = _life_of(known, reader, wanted) or list(chain.from_iterable(reader.search_read(wanted, None)))
    return [event for event in found if isinstance(event, ev.Reported) and event.trial == trial]


def _life_of(trial: Trial, reader: JournalReader, wanted: bytes) -> list[ev.Event]:
    """Return a trial's records where it was proposed and came to its end under one driver; nothing where not."""
    if trial.is_open or not trial.attempts:
        return []
    last, end_t = trial.attempt.number, trial.attempt.ended_t or 0.0
    for found in reader.search_read(wanted, (trial.attempts[0].started_t, end_t)):
        own = [event for event in found if isinstance(event, _OF_ATTEMPTS) and event.trial == trial.number]
        ends = any(isinstance(event, ev.AttemptEnded) and event.attempt == last for event in own)
        if ends and isinstance(own[0], ev.AttemptStarted) and own[0].attempt == 0:
            return list(own)
    return []


def has_begun(files: FileSystem) -> bool:
    """Say whether a sweep's first record is in these files. Raises JournalDamagedError where it is damaged or missing.

    A driver that was killed before its first commit leaves a lease, a plan and perhaps a torn record: no sweep yet.
    """
    is_planned = files.exists(PLAN)  # looked for first: the lease, in the journal's folder, is written before it
    names = files.names(FOLDER)
    if any(mark.bytes and name in names for name, mark in read_marks(files, ()).items()):
        return True
    if names:
        return next(JournalReader(files).stream_new(), None) is not None
    if is_planned:
        raise JournalDamagedError(
            f"{FOLDER}: this sweep's journal is missing, and {PLAN} says that the sweep began here. {REMEDY}"
        )
    return False


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """Keep the garbage collector from walking over a million new objects, again and again: none of them is garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def following(folder: Location) -> Iterator[None]:
    """Say of records that do not make a state what is wrong with them."""
    try:
        yield
    except ValueError as error:
        raise StorageError(f"{folder / FOLDER}: {error}") from error
    except (LookupError, AssertionError, OverflowError) as error:
        raise JournalDamagedError(
            f"{FOLDER}: its records do not follow from one another ({error!r}). {REMEDY}"
        ) from error


@contextlib.contextmanager
def named(folder: Location) -> Iterator[None]:
    """Name the sweep's folder in front of the part of it that is damaged."""
    try:
        yield
    except JournalDamagedError as error:
        raise JournalDamagedError(f"{folder}/{error}") from error
