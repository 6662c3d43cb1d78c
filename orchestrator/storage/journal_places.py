"""How far a journal was read, and whether what was read then still lies there: what a snapshot is trusted by."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec

from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.marks import FOLDER, DurableMark, read_marks


class FilePlace(msgspec.Struct, frozen=True):
    """How far one file was read; a frame ends there."""

    offset: int
    """Bytes."""
    frame: int
    """Frames."""
    crc: int
    """CRC-32 of those bytes."""


class JournalPlaces(msgspec.Struct, frozen=True):
    """How far a reader had come."""

    files: dict[str, FilePlace]
    """By the file's name inside the journal."""
    sealed: dict[str, int]
    """File to the byte up to which it counts, as the files that were read say."""


def are_there(files: FileSystem, places: JournalPlaces) -> bool:
    """Say whether the journal holds, byte for byte, what was read of it, and every driver's mark agrees with that.

    Also that whatever else lies in it follows what was read, and lies nowhere in between. Reads all of it, and decodes
    nothing. Raises StorageError, and JournalDamagedError where a lease cannot be read.
    """
    marks = read_marks(files, ())
    return _is_settled(files, places) and all(
        _begins_so(files.chunks(f"{FOLDER}/{name}"), place, marks.get(name), is_sealed=name in places.sealed)
        for name, place in places.files.items()
    )


def _is_settled(files: FileSystem, places: JournalPlaces) -> bool:
    """Say whether of the files before the newest that was read nothing will ever be read that was not."""
    newest = max(places.files, default="")
    return all(
        places.sealed.get(name) == (places.files[name].offset if name in places.files else 0)
        or (name not in places.files and not files.read(f"{FOLDER}/{name}"))
        for name in {*files.names(FOLDER), *places.files}
        if name < newest
    )


def _begins_so(chunks: Iterable[bytes], place: FilePlace, mark: DurableMark | None, *, is_sealed: bool) -> bool:
    if is_sealed and mark is not None and mark.bytes > place.offset:
        return False  # nobody reads on there, and so nobody would say that the mark promises more
    if mark is None or mark.crc is None or mark.bytes > place.offset:
        return _checksums(chunks, [place.offset]) == [place.crc]  # whoever reads on holds the rest against the mark
    found = _checksums(chunks, [mark.bytes, place.offset])
    return len(found) == 2 and (f"{found[0]:08x}", found[1]) == (mark.crc, place.crc)


def _checksums(chunks: Iterable[bytes], ends: Sequence[int]) -> list[int]:
    """Return the CRC-32 of the first bytes of a file up to each end, ascending; of those alone that it reaches."""
    found, crc, at, due = list[int](), 0, 0, list(ends)
    for chunk in chain([b""], chunks):
        view, first = memoryview(chunk), at
        while due and due[0] <= first + len(chunk):
            crc = zlib.crc32(view[at - first : due[0] - first], crc)
            at = due.pop(0)
            found.append(crc)
        if not due:
            break
        crc, at = zlib.crc32(view[at - first :], crc), first + len(chunk)
    return found
