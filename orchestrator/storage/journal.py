r"""The log on disk: append-only files of JSON lines in checksummed frames, one file for each driver.

    journal/000001.jsonl     {"frame":0,"bytes":812,"crc":"5b2f00aa"}\n  then 812 bytes of records, one a line

A frame is what one commit wrote: it is on disk whole, or it does not count. Since a frame is synced before the next is
begun, only the last one can be torn; anything else that does not add up is damage and is refused with its offset.

A driver's first record names how far the files before it counted (`sealed`): whatever a replaced driver wrote after
it had lost the sweep lies behind that mark and is never read.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec

from orchestrator.errors import JournalDamagedError
from orchestrator.storage.filesystem import FileSystem
from orchestrator.sweep import event as ev

FOLDER = "journal"
_HEADER = re.compile(rb'\{"frame":(\d+),"bytes":(\d+),"crc":"([0-9a-f]{8})"\}\n')
_FILE = re.compile(r"\d{6}\.jsonl")
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[ev.Event] = msgspec.json.Decoder(ev.Event)


class JournalWriter:
    """Appends records to the file of one driver. Nothing counts before `commit` returns."""

    def __init__(self, files: FileSystem, epoch: int) -> None:
        self.name = f"{FOLDER}/{epoch:06d}.jsonl"
        self._files = files
        self._frame = 0
        self._pending: list[bytes] = []

    def append(self, event: ev.Event) -> None:
        """Take a record into the next frame."""
        self._pending.append(_encoder.encode(event))

    def commit(self) -> None:
        """Write the waiting records as one frame and sync it.

        Raises StorageError (disk full, connection lost); the frame then does not count.
        """
        if not self._pending:
            return
        payload = b"\n".join(self._pending) + b"\n"
        header = b'{"frame":%d,"bytes":%d,"crc":"%08x"}\n' % (self._frame, len(payload), zlib.crc32(payload))
        self._files.append(self.name, header + payload)
        self._files.sync(self.name)
        self._frame += 1
        self._pending.clear()


@dataclass(slots=True)
class _Position:
    offset: int = 0
    frame: int = 0


class JournalReader:
    """Reads the records of a journal in order, now and as it grows. Never writes, never locks."""

    def __init__(self, files: FileSystem) -> None:
        self._files = files
        self._names: list[str] = []
        self._positions: dict[str, _Position] = {}
        self._sealed: dict[str, int] = {}

    @property
    def offsets(self) -> dict[str, int]:
        """How far each file was read: what a new driver seals."""
        return {name: position.offset for name, position in self._positions.items()}

    def read_new(self) -> list[ev.Event]:
        """Return the records committed since the last call.

        Raises JournalDamagedError with file and byte offset where a record before the end is damaged, StorageError
        where a file cannot be read. After an error the next call begins where this one did: no record is lost.
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
        self._names = [name for name in self._files.names(FOLDER) if _FILE.fullmatch(name)]
        self._learn_seals()
        for name in self._names:
            position = self._positions.setdefault(name, _Position())
            end = self._sealed.get(name)
            if end is not None and position.offset > end:
                raise JournalDamagedError(
                    f"{FOLDER}/{name}: read past byte {end}, where a newer driver sealed it; read again"
                )
            if end is None or position.offset < end:
                yield from self._frames(name, position, end)

    def _learn_seals(self) -> None:
        for name in self._names[1:]:
            if self._positions.get(name, _Position()).frame == 0:
                data = self._files.read(f"{FOLDER}/{name}")
                for event in self._records(name, data, _Position(), None, limit=1):
                    if isinstance(event, ev.DriverStarted):
                        self._sealed.update(event.sealed)

    def _frames(self, name: str, position: _Position, end: int | None) -> Iterator[ev.Event]:
        start = position.offset
        data = self._files.read(f"{FOLDER}/{name}", start)
        if end is not None:
            data = data[: end - start]
        yield from self._records(name, data, position, end)
        if end is not None and position.offset < end:
            raise _damaged(name, position.offset)

    def _records(
        self, name: str, data: bytes, position: _Position, end: int | None, limit: int | None = None
    ) -> Iterator[ev.Event]:
        at, base, frames = 0, position.offset, 0
        while at < len(data) and frames != limit:
            payload = _frame_at(data, at, position.frame)
            if payload is None:
                if end is not None or _later_frame(data, at):
                    raise _damaged(name, base + at)
                return
            at = payload.stop
            frames += 1
            for line in data[payload].splitlines():
                yield _decode(name, base + payload.start, line)
            position.offset, position.frame = base + at, position.frame + 1


def _frame_at(data: bytes, at: int, frame: int | None) -> slice | None:
    header = _HEADER.match(data, at)
    if header is None or (frame is not None and int(header[1]) != frame):
        return None
    payload = slice(header.end(), header.end() + int(header[2]))
    body = data[payload]
    intact = len(body) == int(header[2]) and zlib.crc32(body) == int(header[3], 16)
    return payload if intact else None


def _later_frame(data: bytes, at: int) -> bool:
    return any(_frame_at(data, match.start(), None) for match in _HEADER.finditer(data, at))


def _decode(name: str, offset: int, line: bytes) -> ev.Event:
    try:
        return _decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise JournalDamagedError(
            f"{FOLDER}/{name}: the frame at byte {offset} holds a record this version cannot read ({error}); "
            "use the version that wrote it, or a newer one"
        ) from error


def _damaged(name: str, offset: int) -> JournalDamagedError:
    return JournalDamagedError(
        f"{FOLDER}/{name}: damaged at byte {offset}, and intact records follow. Nothing is skipped in silence: "
        "restore the file from a copy, or move the sweep's folder away and start anew"
    )
