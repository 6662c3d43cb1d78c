r"""The log on disk: append-only files of JSON lines in checksummed frames, one file for each driver.

    journal/000001.jsonl     {"frame":0,"bytes":812,"crc":"5b2f00aa"}\n  then 812 bytes of records, one a line

A frame is what one commit wrote: it is on disk whole, or it does not count. Since a frame is synced before the next is
begun, only the last one can be torn; anything else that does not add up is damage and is refused with its offset.

A driver's first record names how far the files before it counted (`sealed`): whatever a replaced driver wrote after
it had lost the sweep lies behind that mark and is never read. What is sealed, and what a lease's mark says was durable
(`orchestrator.storage.marks`), must be there: what is missing is damage like any other, and refused with its name.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import msgspec

from orchestrator.errors import FolderLostError, JournalDamagedError, StorageError
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.journal_damage import damaged, decoded, refuse_foreign, refuse_replaced
from orchestrator.storage.journal_frames import frame_at, refuse_damaged, refuse_gap
from orchestrator.storage.journal_places import FilePlace, JournalPlaces, are_there
from orchestrator.storage.journal_search import part_between, part_with, records_with
from orchestrator.storage.marks import FOLDER, REMEDY, DurableMark, journal_name, read_marks
from orchestrator.sweep import event as ev

__all__ = ["FOLDER", "JournalReader", "JournalWriter"]

_FILE = re.compile(r"\d{6}\.jsonl")
_encoder = msgspec.json.Encoder()


class JournalWriter:
    """Appends records to the file of one driver. Nothing counts before `commit` returns."""

    def __init__(self, files: FileSystem, epoch: int) -> None:
        self.name = f"{FOLDER}/{journal_name(epoch)}"
        self._files = files
        self._frame = 0
        self._bytes = self._crc = 0
        self.records = 0
        """How many records were committed."""
        self._mark = DurableMark(0, f"{0:08x}")
        self._pending: list[bytes] = []
        self._begun: bytes | None = None
        self._begun_records = 0

    @property
    def mark(self) -> DurableMark:
        """How much of the file is durable; any thread may ask."""
        return self._mark

    @property
    def place(self) -> FilePlace:
        """How far the file was committed."""
        return FilePlace(self._bytes, self._frame, self._crc)

    def append(self, event: ev.Event) -> None:
        """Take a record into the next frame. Raises StorageError for one that could not be read back."""
        try:
            self._pending.append(_encoder.encode(event))
        except (UnicodeEncodeError, OverflowError, TypeError, ValueError) as error:
            raise StorageError(
                f"{self.name}: a record of {type(event).__name__} holds what the log cannot ({error}); it was not "
                "written, and the sweep can be resumed"
            ) from None

    def commit(self) -> None:
        """Write the waiting records as one frame and sync it.

        Raises StorageError (disk full, connection lost); the frame then does not count, and the next call begins with
        the same one. Raises FolderLostError where the file is then not as it was left.
        """
        if self._begun is not None:  # it may lie there in part, or in whole
            self._refuse_changed()
            self._write(self._begun)
        if self._pending:
            payload = b"\n".join(self._pending) + b"\n"
            header = b'{"frame":%d,"bytes":%d,"crc":"%08x"}\n' % (self._frame, len(payload), zlib.crc32(payload))
            self._begun, self._begun_records = header + payload, len(self._pending)
            self._pending.clear()
            self._write(self._begun)

    def _write(self, frame: bytes) -> None:
        self._files.append(self.name, frame)
        self._files.sync(self.name)
        self._frame += 1
        self._bytes += len(frame)
        self._crc = zlib.crc32(frame, self._crc)
        self._mark = DurableMark(self._bytes, f"{self._crc:08x}")  # in one step, for whoever looks meanwhile
        self.records += self._begun_records
        self._begun = None

    def _refuse_changed(self) -> None:
        before = self._files.read(self.name)[: self._bytes]
        if (len(before), zlib.crc32(before)) != (self._bytes, self._crc):
            raise FolderLostError(
                f"{self.name} is not as its driver left it: of its first {self._bytes} bytes {len(before)} are there, "
                "or others"
            )


@dataclass(slots=True)
class _Position:
    """How far a file was read."""

    offset: int = 0
    """Bytes."""
    frame: int = 0
    """Frames."""
    crc: int = 0
    """CRC-32 of those bytes."""


class JournalReader:
    """Reads the records of a journal in order, now and as it grows. Never writes, never locks."""

    def __init__(self, files: FileSystem) -> None:
        """Begin before the first record."""
        self._files = files
        self._names: list[str] = []
        self._positions: dict[str, _Position] = {}
        self._sealed: dict[str, int] = {}

    @property
    def offsets(self) -> dict[str, int]:
        """How far each file was read: what a new driver seals."""
        return {name: position.offset for name, position in self._positions.items()}

    @property
    def places(self) -> JournalPlaces:
        """How far every file was read: where another reader may begin (`begin_at`)."""
        found = {name: FilePlace(at.offset, at.frame, at.crc) for name, at in self._positions.items() if at.offset}
        return JournalPlaces(found, dict(self._sealed))

    def begin_at(self, places: JournalPlaces) -> bool:
        """Begin behind what another reader had read, and say so; where that is not what lies there, at the start.

        Raises StorageError, JournalDamagedError.
        """
        if not are_there(self._files, places):
            return False
        self._positions = {name: _Position(at.offset, at.frame, at.crc) for name, at in places.files.items()}
        self._sealed = dict(places.sealed)
        return True

    def settle(self) -> None:
        """Make what was read durable, before a new driver seals it: who wrote it may have died before it was synced.

        A power loss would else take away what a newer file says is there. Raises StorageError.
        """
        for name, position in self._positions.items():
            if position.offset > self._sealed.get(name, 0):
                self._files.settle(f"{FOLDER}/{name}")

    def read_new(self) -> list[ev.Event]:
        """Return the records committed since the last call.

        Raises JournalDamagedError with file and byte offset where a record before the end is damaged, or a file or the
        end of one is missing; StorageError where a file cannot be read. After an error the next call begins where this
        one did: no record is lost.
        """
        before = {name: replace(position) for name, position in self._positions.items()}
        try:
            return list(self.stream_new())
        except BaseException:
            self._positions = before
            raise

    def stream_new(self) -> Iterator[ev.Event]:
        """Hand out the records committed since the last one handed out, without holding them all.

        Raises as `read_new`. After a StorageError that is no damage, the next call goes on behind the last record.
        """
        settled = [int(name[:6]) for name, end in self._sealed.items() if self.offsets.get(name, 0) == end]
        marks = read_marks(self._files, settled)  # before the files: what a mark promises was there when it was written
        self._learn_seals()
        self._refuse_absent(marks)
        for name in self._names:
            position = self._positions.setdefault(name, _Position())
            end = self._sealed.get(name)
            if end is not None and position.offset > end:
                raise JournalDamagedError(
                    f"{FOLDER}/{name}: read past byte {end}, where a newer driver sealed it; read again"
                )
            if end is None or position.offset < end:
                yield from self._frames(name, position, end, marks.get(name))

    def search(self, wanted: bytes) -> Iterator[ev.Event]:
        """Hand out the records whose line holds `wanted`, of the whole journal, and decode no other.

        Every frame is checked. Raises as `read_new`, but for what is missing.
        """
        self._learn_seals()
        for name in self._names:
            end = self._sealed.get(name)
            data = self._files.read(f"{FOLDER}/{name}")[:end]
            refuse_damaged(name, data, end)
            yield from records_with(wanted, name, data, end)

    def search_read(self, wanted: bytes, between: tuple[float, float] | None) -> Iterator[list[ev.Event]]:
        """Do likewise where the journal was read just before, and hand out those of each file together.

        Only frames that hold such a record are checked again. With `between`, two moments in seconds since the epoch,
        only what was written then is looked through, as far as the wall clock went forward.
        """
        self._learn_seals()
        for name in self._names:
            end, chunks_from = self._sealed.get(name), partial(self._files.chunks, f"{FOLDER}/{name}")
            base, data = part_with(wanted, chunks_from) if between is None else part_between(*between, chunks_from)
            data = data if end is None else data[: max(0, end - base)]
            yield list(records_with(wanted, name, data, end, base))

    def _learn_seals(self) -> None:
        """Learn which files there are, and from each driver's first record how far those before it count."""
        self._names = [name for name in self._files.names(FOLDER) if _FILE.fullmatch(name)]
        for name in self._names:
            if name != journal_name(1) and self._positions.get(name, _Position()).frame == 0:
                for event in self._records(name, self._beginning(name), _Position(), None, limit=1):
                    if isinstance(event, ev.DriverStarted):
                        self._sealed.update(event.sealed)

    def _beginning(self, name: str) -> bytes:
        """Return a file up to the end of its first frame, or further; all of it where that frame is not whole."""
        data = b""
        for chunk in self._files.chunks(f"{FOLDER}/{name}"):
            data += chunk
            if frame_at(data, 0, None) is not None:
                break
        return data

    def _refuse_absent(self, marks: Mapping[str, DurableMark]) -> None:
        """Raise where a file is not there of which something was sealed, promised by a lease, or read before."""
        promised = {name: mark.bytes for name, mark in marks.items()}
        for known, says in (
            (self.offsets, "it was read before"),
            (self._sealed, "a newer driver went on from it"),
            (promised, "its driver's lease says what it had written"),
        ):
            for name in sorted(name for name, end in known.items() if end > 0 and name not in self._names):
                if not self._files.exists(f"{FOLDER}/{name}"):  # a listing may be behind on a network file system
                    raise JournalDamagedError(f"{FOLDER}/{name}: this file is missing, and {says}. {REMEDY}")

    def _frames(self, name: str, position: _Position, end: int | None, mark: DurableMark | None) -> Iterator[ev.Event]:
        start = position.offset
        data = self._files.read(f"{FOLDER}/{name}", start)
        if end is not None:
            data = data[: end - start]
        yield from self._records(name, data, position, end, mark=mark)
        if end is not None and position.offset < end:
            raise damaged(name, position.offset)
        if mark is not None and position.offset < mark.bytes:
            raise JournalDamagedError(
                f"{FOLDER}/{name}: ends at byte {position.offset}, and its driver had committed "
                f"{f'{mark.bytes} bytes' if mark.crc else 'more'}: its end is damaged or missing. {REMEDY}"
            )

    def _records(
        self,
        name: str,
        data: bytes,
        position: _Position,
        end: int | None,
        limit: int | None = None,
        mark: DurableMark | None = None,
    ) -> Iterator[ev.Event]:
        at, base, frames = 0, position.offset, 0
        while at < len(data) and frames != limit:
            payload = frame_at(data, at, position.frame)
            if payload is None:
                refuse_gap(name, data, at, base, end)
                return
            crc = zlib.crc32(data[at : payload.stop], position.crc)
            if mark is not None and mark.crc is not None and base + at < mark.bytes <= base + payload.stop:
                refuse_replaced(name, mark, base + payload.stop, crc)
            at = payload.stop
            frames += 1
            for line in data[payload].splitlines():
                event = decoded(name, base + payload.start, line)
                if isinstance(event, ev.DriverStarted):
                    refuse_foreign(name, event.epoch)
                yield event
            position.offset, position.frame, position.crc = base + at, position.frame + 1, crc
