"""Some records of one file of the journal, found by what stands in their line: no other is decoded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from orchestrator.storage.journal_damage import decoded
from orchestrator.storage.journal_frames import BEGIN, frame_at, refuse_gap
from orchestrator.sweep import event as ev

_SEAM = 64
"""Bytes of a piece that are looked at again with the next one: what is looked for is shorter."""
_TIME = re.compile(rb'\n\{"event":"\w+","t":([-+.\deE]+)[,}]')
"""The beginning of a record, and when it was written."""
_STEP = 2**16
"""Bytes that are looked through at first for the beginning of a frame, backwards."""


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
    whole = seam = b""
    at, found = 0, list[int]()
    for chunk in chunks_from(0):
        whole = chunk if not at else b""  # a file that came in one piece is not read again
        across = seam + chunk[:_SEAM]
        found += [at - len(seam) + place for place in _ends(across, wanted)] + [
            at + place for place in _ends(chunk, wanted)
        ]
        at, seam = at + len(chunk), chunk[-_SEAM:]
    if not found:
        return 0, b""
    if whole:
        return 0, whole
    start = _begin_before(min(found), chunks_from)
    return start, _until_second_begin(max(found) - start, chunks_from(start))


def part_between(begin_t: float, end_t: float, chunks_from: Callable[[int], Iterable[bytes]]) -> tuple[int, bytes]:
    """Return the part of a file that was written between two moments, and before it the byte where it begins.

    They are seconds since the epoch. As `part_with`, but of the file only a little is read, as far as the wall clock
    went forward while it was written: whoever asks sees whether what is wanted is there.
    """
    pieces = iter(chunks_from(0))
    whole, rest = next(pieces, b""), next(pieces, b"")
    if not rest:
        return 0, whole
    size = len(whole)
    first = _first_chunk(size, lambda t: t < begin_t, chunks_from) - 1
    start = _begin_before(first * size + 1, chunks_from)
    end = _first_chunk(size, lambda t: t <= end_t, chunks_from) * size
    return start, _until_second_begin(end - start, chunks_from(start))


def _first_chunk(size: int, is_before: Callable[[float], bool], chunks_from: Callable[[int], Iterable[bytes]]) -> int:
    """Return the first piece of so many bytes, but 0, that is not `is_before` by its first record; by halves."""

    def is_early(piece: int) -> bool:
        found = next((match for chunk in chunks_from(piece * size) if (match := _TIME.search(chunk))), None)
        return found is not None and is_before(float(found[1]))

    early, late = 0, 1
    while is_early(late):
        early, late = late, 2 * late
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (middle, late) if is_early(middle) else (early, middle)
    return late


def _ends(data: bytes, wanted: bytes) -> tuple[int, ...]:
    """Return where the first `wanted` lies and where the last does; nothing without any."""
    first = data.find(wanted)
    return () if first < 0 else (first, data.rfind(wanted))


def _begin_before(place: int, chunks_from: Callable[[int], Iterable[bytes]]) -> int:
    """Return where the last frame begins that does so before this byte."""
    span = _STEP
    while span < place:
        data = b""
        for chunk in chunks_from(place - span):
            data += chunk
            if len(data) >= span:
                break
        if (found := data.rfind(BEGIN, 0, span)) >= 0:
            return place - span + found + 1
        span *= 4
    return 0


def _until_second_begin(place: int, chunks: Iterable[bytes]) -> bytes:
    """Return what is yielded, up to the second frame that begins after this byte; all where none does."""
    data, to_come = bytearray(), 2
    for chunk in chunks:
        data += chunk
        while to_come and (found := data.find(BEGIN, place)) >= 0:
            place, to_come = found + 1, to_come - 1
        if not to_come:
            return bytes(data[:place])
        place = max(place, len(data) - len(BEGIN) + 1)
    return bytes(data)
