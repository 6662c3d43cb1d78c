"""Some records of one file of the journal, found by what stands in their line: no other is decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from orchestrator.storage.journal_damage import decoded
from orchestrator.storage.journal_frames import BEGIN, frame_at, refuse_gap
from orchestrator.sweep import event as ev

_SEAM = 64
"""Bytes of a piece that are looked at again with the next one: what is looked for is shorter."""


def records_with(wanted: bytes, name: str, data: bytes, end: int | None, base: int = 0) -> Iterator[ev.Event]:
    """Hand out the records whose line holds `wanted`, up to where the file is torn; decodes no other.

    `data` is the file from byte `base` on, where a frame begins; it was sealed at byte `end`. Of its frames only those
    that hold such a record are checked. Raises JournalDamagedError for one that is damaged.
    """
    intact, found = 0, data.find(wanted)
    while found >= 0:
        if found >= intact:
            at = data.rfind(BEGIN, 0, found) + 1
            payload = frame_at(data, at, None)
            if payload is None:
                refuse_gap(name, data, at, base, end)
                return
            intact = payload.stop
        line = slice(data.rfind(b"\n", 0, found) + 1, data.find(b"\n", found))
        yield decoded(name, base + line.start, data[line])
        found = data.find(wanted, line.stop)


def part_with(wanted: bytes, chunks_from: Callable[[int], Iterable[bytes]]) -> tuple[int, bytes]:
    """Return the part of a file in which every `wanted` lies, and before it the byte where it begins; b"" without any.

    It begins with a frame, and the frame behind the last that counts is in it: that tells damage from a torn end.
    `chunks_from` yields the file from a byte on. It is looked through without being held.
    """
    looked, whole = _Looked(wanted), b""
    for chunk in chunks_from(0):
        whole = b"" if looked.is_begun else chunk  # a file that came in one piece is not read again
        looked.take(chunk)
    if looked.start is None:
        return 0, b""
    part = whole[looked.start :]
    for chunk in () if whole else chunks_from(looked.start):
        part += chunk
        if looked.stop is not None and looked.start + len(part) >= looked.stop:
            break
    return looked.start, part if looked.stop is None else part[: looked.stop - looked.start]


class _Looked:
    """What was seen of a file, piece by piece."""

    def __init__(self, wanted: bytes) -> None:
        self._wanted = wanted
        self._base = 0
        self._seam = b""
        self._begin = 0
        self._to_come = 0
        self.start: int | None = None
        """Where the frame begins in which the first `wanted` lies; None before there is one."""
        self.stop: int | None = None
        """Where the second frame behind the last `wanted` begins; None where the file ends before."""

    @property
    def is_begun(self) -> bool:
        """Say whether there was a piece."""
        return bool(self._seam)

    def take(self, chunk: bytes) -> None:
        """Look at the next piece."""
        window, behind = self._seam + chunk, max(0, len(self._seam) - len(BEGIN) + 1)
        first = window.find(self._wanted)
        if first >= 0:
            if self.start is None:
                self.start = self._last_begin(window, first)
            behind, self._to_come, self.stop = window.rfind(self._wanted), 2, None
        if self.start is None:
            self._begin = self._last_begin(window, len(window))
        while self._to_come and (found := window.find(BEGIN, behind)) >= 0:
            self._to_come, behind = self._to_come - 1, found + 1
            self.stop = None if self._to_come else self._base + found + 1
        self._base += max(0, len(window) - _SEAM)
        self._seam = window[-_SEAM:]

    def _last_begin(self, window: bytes, before: int) -> int:
        """Return where in the file the last frame begins that does so before this byte of the piece."""
        found = window.rfind(BEGIN, 0, before)
        return self._begin if found < 0 else self._base + found + 1
