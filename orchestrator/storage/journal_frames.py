"""The frames of one file of the journal: where each lies, and whether it is whole."""

from __future__ import annotations

import re
import zlib

from orchestrator.storage.journal_damage import damaged

HEADER = re.compile(rb'\{"frame":(\d+),"bytes":(\d+),"crc":"([0-9a-f]{8})"\}\n')
"""The line that a frame begins with."""
BEGIN = b'\n{"frame":'
"""Only a header's line begins so: a record's says first which event it is."""


def frame_at(data: bytes, at: int, frame: int | None) -> slice | None:
    """Return where the records lie of the frame that begins at byte `at`; None where it is not whole, or another one.

    With `frame` None its number may be any.
    """
    header = HEADER.match(data, at)
    if header is None or (frame is not None and int(header[1]) != frame):
        return None
    payload = slice(header.end(), header.end() + int(header[2]))
    body = data[payload]
    intact = len(body) == int(header[2]) and zlib.crc32(body) == int(header[3], 16)
    return payload if intact else None


def refuse_gap(name: str, data: bytes, at: int, base: int, end: int | None) -> None:
    """Raise where a frame that is not whole at byte `at`, `base` bytes before `data`, is no end that was torn."""
    if end is not None or _later_frame(data, at):
        raise damaged(name, base + at)


def refuse_damaged(name: str, data: bytes, end: int | None) -> None:
    """Raise where a frame of a whole file is damaged; decodes nothing. `end`: where it was sealed."""
    at = 0
    while at < len(data):
        payload = frame_at(data, at, None)
        if payload is None:
            refuse_gap(name, data, at, 0, end)
            return
        at = payload.stop


def _later_frame(data: bytes, at: int) -> bool:
    return any(frame_at(data, match.start(), None) for match in HEADER.finditer(data, at))
