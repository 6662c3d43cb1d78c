"""How far each driver is known to have written: the mark that its lease carries, and whoever reads the journal checks.

A journal file that was cut at a frame's end, or is not there at all, looks from the inside like one that ends there. So
a driver's lease, which is rewritten every few seconds, says how many bytes of its file were durable then, and their
checksum. A mark is taken after a commit and before the look at whether a newer lease exists, so every newer driver has
read, and sealed, at least as much.

A reader reads the marks *before* it lists the journal: what a mark promises was there when the mark was written. What a
driver committed after its last mark (seconds, and only where it was killed) is not promised.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TypeVar

import msgspec

from orchestrator.errors import JournalDamagedError
from orchestrator.storage.filesystem import FileSystem

FOLDER = "journal"
"""Where journal files and leases lie, in the sweep's folder."""
REMEDY = "Nothing is skipped in silence: restore it from a copy, or move the sweep's folder away and start anew"
_LEASE = re.compile(r"lease-(\d{6})\.json")
_Form = TypeVar("_Form")


class DurableMark(msgspec.Struct, frozen=True):
    """How much of a driver's journal file was durable when it last said so."""

    bytes: int
    """Length; a frame ends there."""
    crc: str | None
    """CRC-32 of those bytes, eight hexadecimal digits; None where an older version wrote the lease."""


class _Marked(msgspec.Struct):
    """What counts here of a lease: see `orchestrator.storage.lease`."""

    renewals: int = 0
    released: bool = False
    mark: DurableMark | None = None


def journal_name(epoch: int) -> str:
    """Return the name of a driver's file inside the journal."""
    return f"{epoch:06d}.jsonl"


def lease_name(epoch: int) -> str:
    """Return the name of a driver's lease in the sweep's folder."""
    return f"{FOLDER}/lease-{epoch:06d}.json"


def lease_epochs(files: FileSystem) -> list[int]:
    """Return the epochs whose leases are there, ascending."""
    return sorted(int(match[1]) for name in files.names(FOLDER) if (match := _LEASE.fullmatch(name)))


def read_marks(files: FileSystem, known: Collection[int]) -> dict[str, DurableMark]:
    """Return the mark of each driver's journal file, by its name inside the journal, but for the `known` epochs.

    A lease of an older version has none; one that was renewed or released tells that something had been committed.
    Raises JournalDamagedError where a lease cannot be read.
    """
    marks = {}
    for epoch in lease_epochs(files):
        if epoch not in known:
            lease = decoded_lease(files, epoch, _Marked)
            if lease.mark is not None:
                marks[journal_name(epoch)] = lease.mark
            elif lease.renewals or lease.released:
                marks[journal_name(epoch)] = DurableMark(1, None)
    return marks


def decoded_lease(files: FileSystem, epoch: int, form: type[_Form]) -> _Form:
    """Return a lease in the form asked for. Raises JournalDamagedError where it cannot be read."""
    name = lease_name(epoch)
    try:
        return msgspec.json.decode(files.read(name), type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise JournalDamagedError(
            f"{name}: this lease is damaged ({error}). It holds no results: once no driver is at work on the sweep, "
            "remove the file and go on"
        ) from error
