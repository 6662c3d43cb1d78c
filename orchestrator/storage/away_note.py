"""What a driver leaves for others where its log does not tell it: that storage takes nothing, and why it left at last.

The log cannot say that storage is away while it lasts: it is what cannot be written. A full disk, or a used-up quota,
still lets bytes be written over others, so the note's room is set aside when a driver begins, and is written over in
place. Where the storage takes not even that, others see that the driver has written nothing for long, and no reason.

A driver that leaves because of that, or by an error, says so in the same place: without it, whoever looks later finds a
log that ends in the middle, as after a kill.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import msgspec

from orchestrator.errors import LeaseLostError, StepladderError, StorageAwayError, StorageError
from orchestrator.secrecy import mask
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.marks import FOLDER

NAME = f"{FOLDER}/away.json"
"""Where the note lies, in the sweep's folder: one for all its drivers."""
SIZE = 1024
"""Bytes that are set aside for it."""
LONGEST = 400
"""Characters of what storage, or an error, said that it holds."""


class _Away(msgspec.Struct, frozen=True):
    epoch: int
    """Whose note it is."""
    since_t: float | None
    """Since when storage is away, seconds since the epoch by that driver's clock; None where it is not."""
    problem: str
    """What it said, or the error by which the driver left."""
    left_t: float | None = None
    """When the driver left, likewise; None while it waits."""


class AwayNote:
    """The note of the driver with one epoch. Nothing here fails: a note that cannot be kept is not kept."""

    def __init__(self, files: FileSystem, epoch: int) -> None:
        """Set its room aside."""
        self._files = files
        self._epoch = epoch
        self._away: _Away | None = None
        self._is_taken = True
        with contextlib.suppress(StorageError):  # what is wrong is told where something that counts is written
            files.replace(NAME, _blank())

    def tell(self, since_t: float, problem: str) -> None:
        """Say that storage is away since then, seconds since the epoch."""
        self._away = _Away(self._epoch, since_t, problem[:LONGEST])
        self._put(_padded(msgspec.json.encode(self._away)))

    def take_back(self) -> None:
        """Say that it is there."""
        self._away = None
        self._put(_blank())

    def leave(self, left_t: float, error: BaseException) -> None:
        """Say that the driver leaves by an error, at `left_t` in seconds since the epoch.

        A driver that was replaced says nothing: the note is another's now. Nor is a storage asked once more that took
        no note when it went away, since that may take as long as it did.
        """
        if isinstance(error, LeaseLostError) or not self._is_taken:
            return
        if self._away is None or not isinstance(error, StorageAwayError):
            said = str(error) if isinstance(error, StepladderError) else f"{type(error).__name__}: {error}"
            said = said.partition(". Nothing acknowledged is lost")[0].partition("\n")[0]
            self._away = _Away(self._epoch, None, mask(said)[:LONGEST])
        self._put(_padded(msgspec.json.encode(msgspec.structs.replace(self._away, left_t=left_t))))

    def _put(self, data: bytes) -> None:
        self._is_taken = False
        with contextlib.suppress(StorageError):
            self._files.overwrite(NAME, data)
            self._is_taken = True


def described_away(files: FileSystem, epoch: int) -> str | None:
    """Say since when the storage of the driver with this epoch is away, and what it said; None where it is not known.

    Raises StorageError where the note cannot be read.
    """
    away = _read(files, epoch)
    if away is None or away.since_t is None or away.left_t is not None:
        return None
    return f"its storage is away since {_date(away.since_t)}: {away.problem}; decisions wait (limits.storage)"


def described_left(files: FileSystem, epoch: int) -> str | None:
    """Say when the driver with this epoch left, and by what, as a clause; None where it left no note of that.

    Raises StorageError where the note cannot be read.
    """
    away = _read(files, epoch)
    if away is None or away.left_t is None:
        return None
    left = f"left at {_date(away.left_t)}"
    if away.since_t is None:
        return f"{left} with an error: {away.problem}"
    return f"{left} because its storage was away since {_date(away.since_t)}: {away.problem}"


def _read(files: FileSystem, epoch: int) -> _Away | None:
    """Return the note of a driver; None without one, and where it is damaged, or read while it is written."""
    try:
        away = msgspec.json.decode(files.read(NAME) or b"null", type=_Away | None)
        for t in () if away is None else (away.since_t, away.left_t):
            _date(t or 0.0)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, OverflowError, OSError):
        return None
    return away if away is not None and away.epoch == epoch else None


def _date(t: float) -> str:
    return f"{datetime.fromtimestamp(t, UTC):%Y-%m-%d %H:%M:%S UTC}"


def _blank() -> bytes:
    return _padded(b"null")


def _padded(data: bytes) -> bytes:
    return data[:SIZE].ljust(SIZE)
