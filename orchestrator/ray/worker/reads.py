"""Which hyperparameters a training read: kept by its configuration itself, key by key.

Whatever sees the whole of a configuration (an iteration, `items()`, a copy, `**config`, pickling, JSON, its text) reads
all of it, and so does a reader whose source was not looked at: a library may well read more in the next trial.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from types import FrameType

from ray.tune import Trainable

from orchestrator.project import calling

_OURS = (f"{Path(__file__).parent}/", calling.__file__)
"""Hands a configuration over. What reads one in `orchestrator.training` is a library like others."""
_RAYS = Trainable.__init__.__code__.co_filename
"""Asks each configuration for options of Ray's own, which are no hyperparameters."""


class Reads:
    """What was read of one configuration, by readers whose source is in `examined`: paths as their code names them.

    Without any file nothing is kept: all counts as read.
    """

    def __init__(self, examined: Collection[str] = ()) -> None:
        self._examined = examined
        self._keys: set[str] = set()
        self._is_whole = not examined

    def take(self, key: object, reader: FrameType | None) -> None:
        """Take that `reader` asked for a key, there or not."""
        if self._is_whole:
            return
        file = "" if reader is None else reader.f_code.co_filename
        if file in self._examined or file.startswith(_OURS):
            self._keys.add(str(key))
        elif file != _RAYS:
            self._is_whole = True

    def take_whole(self) -> None:
        """Take that somebody saw all of it."""
        self._is_whole = True

    def unread(self, names: Iterable[str]) -> list[str]:
        """Return those of the hyperparameters that nobody read: neither they, nor a part of the name before a dot."""
        return [] if self._is_whole else [name for name in names if not self._has_read(name)]

    def _has_read(self, name: str) -> bool:
        parts = name.split(".")
        return any(".".join(parts[:length]) in self._keys for length in range(1, len(parts) + 1))
