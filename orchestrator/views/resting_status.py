"""What `status` shows of a sweep that nobody drives, as bytes beside its log (`orchestrator.state.resting`).

A driver that leaves says it (`told_of`); whoever asks reads it (`status_told`), whatever name the folder has then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from orchestrator.results.diagnoses import diagnosed_winner
from orchestrator.views.here import InFolder
from orchestrator.views.status import Status, in_folder, status

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location


class _Told(msgspec.Struct, frozen=True):
    """All of it."""

    status: Status
    """With an empty folder's name."""
    here: InFolder
    """What depends on that name."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Told)


def told_of(folder: Location, state: SweepState) -> bytes:
    """Return what is shown of the sweep in `folder` once its driver has left, which is the end of `state`.

    Raises StorageError.
    """
    found = status(state, folder, None, state.last_t, diagnosis=diagnosed_winner(folder, state))
    return _encoder.encode(_Told(found, InFolder.of(state, found.condition)))


def status_told(told: bytes, folder: Location) -> Status:
    """Return a status that was told."""
    kept = _decoder.decode(told)
    return in_folder(kept.status, folder, kept.here)
