"""The file operations on an object store: s3://, gs://, abfs://, by pyarrow's file systems.

A store has no appending and, through pyarrow, no conditional put. So a file that grows is a folder of immutable
segments, one for each `sync`, named by the bytes that they hold; and `create` lets its callers agree on one of them by
writing objects that are never changed (see `orchestrator.storage.agreement`).

    journal/000001.jsonl/000000000000/000000000000-000000000812     bytes 0 to 812, written by one commit
    journal/000001.jsonl/000000000000/000000000812-000000001377
    journal/000001.jsonl/000000000000-000000093004                  a whole block of them in one object

`BLOCK` segments make a block, whose bytes are put once more as one object, where that succeeds: who reads from the
start reads few objects, who follows lists only the newest block. A reader takes what connects to where it stands; where
something lies behind a gap, an object was removed, and that is refused by name, since no writer begins an object before
the one before it is there. What it needs of the store is that a put that was answered is seen by every later read and
list, as S3, Google Cloud Storage and Azure promise. A put that was not answered is done again, under the same key.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from random import Random
from typing import Any, NamedTuple
from uuid import uuid4

from pyarrow.fs import FileInfo, FileSelector, FileType
from pyarrow.fs import FileSystem as ArrowFileSystem

from orchestrator.errors import FolderLostError, JournalDamagedError, StorageAwayError, StorageError
from orchestrator.storage.agreement import Decision, Get, Names, Operation, Pause, Put, agree
from orchestrator.storage.marks import REMEDY
from orchestrator.storage.object_store import explained

BLOCK = 256
"""Segments in a block: two minutes of commits."""
READERS = 16
"""Objects read at once."""
READS = 20
"""How often an object that is replaced at each reading is read again."""
_SPAN = re.compile(r"(\d{12})-(\d{12})")


class _Span(NamedTuple):
    start: int
    """First byte that the object holds."""
    end: int
    """First byte behind."""
    key: str
    """The object's key."""


@dataclass(slots=True)
class _Growing:
    """A file that this process appends to."""

    end: int
    """Bytes in the store."""
    waiting: bytearray = field(default_factory=bytearray)
    """Bytes that the next `sync` writes."""
    block_start: int = 0
    """First byte of the present block."""
    block: bytearray = field(default_factory=bytearray)
    """The present block's bytes."""
    segments: int = 0
    """Segments in it."""
    newest: str | None = None
    """Key of the object that was put last; None before the first."""


class ObjectFileSystem:
    """A prefix on an object store. Every error is a StorageError that says what to do, and shows no secret."""

    def __init__(
        self, store: ArrowFileSystem, prefix: str, place: str, block: int = BLOCK,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._store = store
        self._prefix = prefix
        self._place = place
        self._block = block
        self._sleep = sleep
        self._growing: dict[str, _Growing] = {}

    def read(self, name: str, offset: int = 0) -> bytes:
        """Return the content from byte `offset` on; empty for a file that is not there."""
        key = self._key(name)
        with explained(f"{self._place}/{name}"):
            blocks = self._list(key)
            if blocks:
                return self._read_segments(name, key, blocks, offset)
            with contextlib.suppress(FileNotFoundError):
                return self._get_unchanged(key)[offset:]
        return b""

    def chunks(self, name: str, offset: int = 0) -> Iterator[bytes]:
        """Yield the same in one piece: a request costs more than the memory."""
        if content := self.read(name, offset):
            yield content

    def append(self, name: str, data: bytes) -> None:
        """Take bytes for the end of a file. Nothing is written before `sync`; what that failed on is not kept."""
        self._key(name)
        if name not in self._growing:
            end = len(self.read(name))
            self._growing[name] = _Growing(end, block_start=end)
        self._growing[name].waiting += data

    def refuse_replaced(self, name: str) -> None:
        """Raise FolderLostError where the object that was put last for a file that is appended to is gone."""
        newest = self._growing[name].newest if name in self._growing else None
        if newest is None:
            return
        with explained(f"{self._place}/{name}"):
            if self._store.get_file_info(newest).type is FileType.NotFound:
                raise FolderLostError(f"the newest part of {name} was deleted ({newest.rpartition('/')[2]})")

    def sync(self, name: str) -> None:
        """Write everything appended to the file as one object."""
        file = self._growing[name]
        if not file.waiting:
            return
        waiting, file.waiting = bytes(file.waiting), bytearray()
        start, end = file.end, file.end + len(waiting)
        with explained(f"{self._place}/{name}"):
            key = f"{self._key(name)}/{file.block_start:012d}/{start:012d}-{end:012d}"
            self._put(key, waiting)  # once more under the same key, where the answer to the first time was lost
        file.end, file.newest = end, key
        file.block += waiting
        file.segments += 1
        if file.segments >= self._block:
            with contextlib.suppress(StorageError), explained(f"{self._place}/{name}"):  # its segments are there
                self._put(f"{self._key(name)}/{file.block_start:012d}-{end:012d}", bytes(file.block))
            self._growing[name] = _Growing(end, block_start=end, newest=file.newest)

    def settle(self, name: str) -> None:
        """Do nothing: what can be read in a store is durable."""

    def replace(self, name: str, data: bytes) -> None:
        """Put a whole file in place, atomically and durably."""
        with explained(f"{self._place}/{name}"):
            self._put(self._key(name), data)

    def overwrite(self, name: str, data: bytes) -> None:
        """Put a whole file in place: objects are never changed in part."""
        self.replace(name, data)

    def create(self, name: str, data: bytes) -> bool:
        """Put a whole file in place, durably, only if none is there; False if there is one.

        Of several callers at once, one gets True, whoever crashes or is slow; its content may be put a second time by
        another caller that found it missing.
        """
        if self.exists(name):
            return False
        caller = uuid4().hex
        with explained(f"{self._place}/{name}"):
            decision = self._agreed(name, agree(caller, data, Random(caller)))
            if decision.winner == caller or not self.exists(name):
                self._put(self._key(name), decision.content)
        return decision.winner == caller

    def exists(self, name: str) -> bool:
        """Say whether there is a file of that name."""
        key = self._key(name)
        with explained(f"{self._place}/{name}"):
            return bool(self._store.get_file_info(key).type is not FileType.NotFound)

    def names(self, folder: str) -> list[str]:
        """List a folder's file names, sorted; empty for a folder that is not there."""
        with explained(f"{self._place}/{folder}"):
            return sorted(found.base_name for found in self._list(self._key(folder)) if found.base_name[0] != ".")

    def close(self) -> None:
        """Forget what is kept open for appending."""
        self._growing.clear()

    def _read_segments(self, name: str, key: str, blocks: list[FileInfo], offset: int) -> bytes:
        chain, gap = _chain(self._objects(key, blocks, offset), offset)
        if gap is not None:  # a list that began before an object was put may show one that was put later
            chain, gap = _chain(self._objects(key, self._list(key), offset), offset)
        if gap is not None:
            raise JournalDamagedError(
                f"{name}: the object that begins at byte {gap} is missing, and later ones are there. {REMEDY}"
            )
        if not chain:
            return b""
        with ThreadPoolExecutor(min(READERS, len(chain))) as pool:
            content = b"".join(pool.map(partial(self._content, name), chain))
        return content[offset - chain[0].start :]

    def _content(self, name: str, span: _Span) -> bytes:
        content = self._get(span.key)
        if len(content) != span.end - span.start:
            raise JournalDamagedError(
                f"{name}: the object {span.key.rpartition('/')[2]} has {len(content)} bytes, not the "
                f"{span.end - span.start} that its name says. {REMEDY}"
            )
        return content

    def _objects(self, key: str, blocks: list[FileInfo], offset: int) -> Iterator[_Span]:
        """Yield what may hold bytes from `offset` on: a block's own object, or its segments where it has none yet."""
        whole = {span.start: span for info in blocks if (span := _span(info))}
        starts = sorted({*whole, *(int(info.base_name) for info in blocks if info.base_name.isdecimal())})
        for start, following in zip(starts, [*starts[1:], None], strict=True):
            if following is not None and following <= offset:
                continue
            if start in whole:
                yield whole[start]
            else:
                yield from (span for info in self._list(f"{key}/{start:012d}") if (span := _span(info)))

    def _key(self, name: str) -> str:
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts:
            raise StorageError(f"{name!r} leaves the sweep's folder {self._place}")
        return f"{self._prefix}/{pure}" if pure.parts else self._prefix

    def _get(self, key: str) -> bytes:
        with self._store.open_input_stream(key) as file:
            return bytes(file.read())

    def _get_unchanged(self, key: str) -> bytes:
        """Return an object that may be replaced while it is read.

        Arrow asks for its size first and then for so many bytes: of a longer one that lies there by then it reads the
        beginning, and a shorter one it fills up with whatever is in memory. So the size is asked for again.
        """
        for _ in range(READS):
            try:
                content = self._get(key)
            except FileNotFoundError:
                raise
            except OSError:  # of one that is empty by now a store refuses the bytes that the size promised
                if self._store.get_file_info(key).size != 0:
                    raise
                return b""
            if self._store.get_file_info(key).size == len(content):
                return content
        raise StorageAwayError(f"{key} was replaced each time it was read, {READS} times")

    def _put(self, key: str, data: bytes) -> None:
        with self._store.open_output_stream(key) as file:
            file.write(data)

    def _agreed(self, name: str, agreement: Generator[Operation, Any, Decision]) -> Decision:
        folder, _, base = self._key(name).rpartition("/")
        marks = f"{folder}/.{base}"
        answer: object = None
        while True:
            try:
                operation = agreement.send(answer)
            except StopIteration as end:
                decision: Decision = end.value
                return decision
            answer = self._answer(marks, operation)

    def _answer(self, marks: str, operation: Operation) -> object:
        match operation:
            case Put(name, content):
                self._put(f"{marks}/{name}", content)
            case Get(name):
                return self._get(f"{marks}/{name}")
            case Pause(seconds):
                self._sleep(seconds)
            case Names():
                return [info.base_name for info in self._list(marks)]
        return None

    def _list(self, key: str) -> list[FileInfo]:
        found: list[FileInfo] = self._store.get_file_info(FileSelector(key, allow_not_found=True))
        return [info for info in found if info.base_name]


def _span(info: FileInfo) -> _Span | None:
    match = _SPAN.fullmatch(info.base_name)
    return _Span(int(match[1]), int(match[2]), info.path) if match else None


def _chain(objects: Iterable[_Span], offset: int) -> tuple[list[_Span], int | None]:
    """Return those that hold the bytes from `offset` on, as far as they connect, and where a gap is, or None."""
    chain: list[_Span] = []
    spans = sorted(objects, key=lambda span: (span.start, -span.end))
    for span in spans:
        connects = span.start == chain[-1].end if chain else span.start <= offset < span.end
        if connects:
            chain.append(span)
    end = chain[-1].end if chain else offset
    return chain, end if any(span.start > end for span in spans) else None
