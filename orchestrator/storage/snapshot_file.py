r"""The files beside the log that hold what it has come to: `snapshot.bin`, and `resting.bin` for who only looks.

    stepladder snapshot 5b2f00aa\n       CRC-32 of all that follows
    {"form":"0.1.0-91c2...","records":1399650,"places":{...},"bytes":40213}\n
    the content

They can be thrown away at any time. Whoever reads one takes it for nothing where a byte is not what it was, where
another version wrote it, or where the journal is not what it was made from (`places`).
"""

from __future__ import annotations

import zlib

import msgspec

from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.journal_places import JournalPlaces

NAME = "snapshot.bin"
"""The state that a log came to; in the sweep's folder."""
RESTING = "resting.bin"
"""What is told of a sweep that nobody drives; beside it."""
_MAGIC = b"stepladder snapshot "


class SnapshotHead(msgspec.Struct, frozen=True):
    """What a snapshot says of itself."""

    form: str
    """What wrote the content: it is read by nothing else."""
    records: int
    """How many records it was made from."""
    places: JournalPlaces
    """The part of the journal in which these lie."""
    bytes: int
    """Length of the content."""


def write_snapshot(
    files: FileSystem, form: str, records: int, places: JournalPlaces, content: bytes, name: str = NAME
) -> None:
    """Put a snapshot in place of the one before. Raises StorageError."""
    head = msgspec.json.encode(SnapshotHead(form, records, places, len(content))) + b"\n"
    crc = zlib.crc32(content, zlib.crc32(head))
    files.replace(name, b"".join((_MAGIC, b"%08x\n" % crc, head, content)))


def opened(data: bytes) -> tuple[SnapshotHead, memoryview] | None:
    """Return head and content of what lies in a snapshot's file; None where a byte is not what it was."""
    first = len(_MAGIC) + 9
    body = memoryview(data)[first:]
    if data[:first] != _MAGIC + b"%08x\n" % zlib.crc32(body):
        return None
    end = data.find(b"\n", first)
    try:
        head = msgspec.json.decode(data[first:end], type=SnapshotHead)
    except (msgspec.MsgspecError, UnicodeDecodeError):  # of another version, which had a head of another kind
        return None
    content = memoryview(data)[end + 1 :]
    return (head, content) if len(content) == head.bytes else None
