"""What was told of a sweep as its last driver left, kept beside the log: who asks how it stands then folds nothing.

It is believed as a snapshot is (`orchestrator.state.snapshot`), and only while the log ends where it was made: it says
how a sweep stands that nobody has driven since. What is told is for whoever shows it, and is bytes here.
"""

from __future__ import annotations

import functools

import msgspec

from orchestrator.state.fold import SweepState
from orchestrator.state.snapshot import form_of
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.journal import JournalReader
from orchestrator.storage.journal_places import JournalPlaces
from orchestrator.storage.snapshot_file import RESTING, opened, write_snapshot


class Resting(msgspec.Struct, frozen=True):
    """How a sweep stands that nobody drives."""

    overrides: list[str]
    """Overrides of its sweep file that are in force."""
    known: set[str]
    """Names of the wishes that were ruled on."""
    told: bytes
    """What is shown of it."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Resting)


@functools.cache
def form() -> str:
    """Name the code whose words this process reads and writes: every module of the package."""
    return form_of(("",))


def keep_resting(files: FileSystem, state: SweepState, records: int, places: JournalPlaces, told: bytes) -> None:
    """Write what is told of a state that was made from so many records, up to `places`. Raises StorageError."""
    kept = Resting(list(state.plan.provenance.overrides), state.wished.known, told)
    write_snapshot(files, form(), records, places, _encoder.encode(kept), RESTING)


def resting(files: FileSystem) -> Resting | None:
    """Return how a sweep stands as it was told last; None where nothing says so that the whole log agrees with.

    Raises StorageError, JournalDamagedError as whoever reads the log.
    """
    found = opened(files.read(RESTING))
    if found is None or found[0].form != form():
        return None
    reader = JournalReader(files)
    if not reader.begin_at(found[0].places) or next(reader.stream_new(), None) is not None:
        return None
    try:
        return _decoder.decode(found[1])
    except (ValueError, msgspec.MsgspecError):  # the checksum holds: another's work, and no error
        return None
