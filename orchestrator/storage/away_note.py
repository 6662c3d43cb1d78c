"""A driver's note that its storage takes nothing, kept where others find it: how long already, and what was said.

The log cannot tell that while it lasts: it is what cannot be written. A full disk, or a used-up quota, still lets bytes
be written over others, so the note's room is set aside when a driver begins, and is written over in place. Where the
storage takes not even that, others see that the driver has written nothing for long, and no reason.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import msgspec

from orchestrator.errors import StorageError
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.marks import FOLDER

NAME = f"{FOLDER}/away.json"
"""Where the note lies, in the sweep's folder: one for all its drivers."""
SIZE = 1024
"""Bytes that are set aside for it."""
LONGEST = 400
"""Characters of what storage said that it holds."""


class _Away(msgspec.Struct, frozen=True):
    epoch: int
    """Whose note it is."""
    since_t: float
    """Since when storage is away, seconds since the epoch by that driver's clock."""
    problem: str
    """What it said."""


class AwayNote:
    """The note of the driver with one epoch. Nothing here fails: a note that cannot be kept is not kept."""

    def __init__(self, files: FileSystem, epoch: int) -> None:
        """Set its room aside."""
        self._files = files
        self._epoch = epoch
        with contextlib.suppress(StorageError):  # what is wrong is told where something that counts is written
            files.replace(NAME, _blank())

    def tell(self, since_t: float, problem: str) -> None:
        """Say that storage is away since then, seconds since the epoch."""
        self._put(_padded(msgspec.json.encode(_Away(self._epoch, since_t, problem[:LONGEST]))))

    def take_back(self) -> None:
        """Say that it is there."""
        self._put(_blank())

    def _put(self, data: bytes) -> None:
        with contextlib.suppress(StorageError):
            self._files.overwrite(NAME, data)


def described_away(files: FileSystem, epoch: int) -> str | None:
    """Say since when the storage of the driver with this epoch is away, and what it said; None where it is not known.

    Raises StorageError where the note cannot be read.
    """
    try:
        away = msgspec.json.decode(files.read(NAME) or b"null", type=_Away | None)
        since = None if away is None else datetime.fromtimestamp(away.since_t, UTC)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, OverflowError, OSError):
        return None  # read while it was written
    if away is None or since is None or away.epoch != epoch:
        return None
    return f"its storage is away since {since:%Y-%m-%d %H:%M:%S UTC}: {away.problem}; decisions wait (limits.storage)"


def _blank() -> bytes:
    return _padded(b"null")


def _padded(data: bytes) -> bytes:
    return data[:SIZE].ljust(SIZE)
