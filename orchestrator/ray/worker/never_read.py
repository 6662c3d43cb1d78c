"""Which hyperparameters a training has never read, by two witnesses: its configuration, and its pinned code's syntax.

A false alarm would cost more than silence. So nothing is said of an attempt that went on from a checkpoint (what it
was begun with may have been read before), that was stopped, or whose code is not pinned; nor where a configuration is
handed whole to what is not the project's, or the code names the hyperparameter anywhere.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from orchestrator.errors import StorageError
from orchestrator.project.mentions import hands_on, is_named
from orchestrator.ray.worker.given import TrialInfo
from orchestrator.ray.worker.reads import Reads
from orchestrator.ray.worker.trainable import PinnedPlace, Trainable, TrainableFile
from orchestrator.storage.location import Location
from orchestrator.storage.pinned_code import read_code

_known: dict[PinnedPlace, frozenset[str]] = {}
"""Files of pinned code that this process has looked up."""
_named: dict[tuple[PinnedPlace, str], bool] = {}
"""Whether pinned code names a hyperparameter, as far as this process has asked."""
_handing: dict[tuple[PinnedPlace, str, str | None], bool] = {}
"""Whether a file of pinned code hands configurations on, by the parameter that takes one, likewise."""


class Recording:
    """What one attempt reads of its configuration."""

    def __init__(self) -> None:
        self.reads = Reads()
        """What it has read."""
        self.parameter: str | None = None
        """The parameter that takes the configuration whole; None where none does, or it is not known."""
        self._place: PinnedPlace | None = None
        self._root, self._files, self._names = Path(), frozenset[str](), tuple[str, ...]()

    def begin(self, trainable: Trainable, trial: TrialInfo, names: Iterable[str]) -> None:
        """Look at a training from now on, with the hyperparameters `names`, unless nothing is said of it.

        Raises StorageError where its pinned code is not there.
        """
        if not isinstance(trainable, TrainableFile) or trainable.pinned is None:
            return
        if trial.checkpoint is not None or trial.purpose != "train":
            return
        self._place, self._root, self._names = trainable.pinned, trainable.code_folder(), tuple(names)
        self._files = _python_of(self._place, self._root)
        self.reads = Reads(self._files)

    def unread(self) -> tuple[str, ...] | None:
        """Return the hyperparameters that a training which has ended well never read; None where that is not known."""
        if not self._files or self._place is None:
            return None
        found = [name for name in self.reads.unread(self._names) if not self._is_named(self._place, name)]
        return () if found and self._hands_on(self._place) else tuple(found)

    def _is_named(self, place: PinnedPlace, name: str) -> bool:
        if (place, name) not in _named:
            _named[place, name] = any(is_named(name, _content(file)) for file in self._files)
        return _named[place, name]

    def _hands_on(self, place: PinnedPlace) -> bool:
        """Say whether what this process imported of the code hands configurations on."""
        own = {part.removesuffix(".py") for file in self._files for part in Path(file).relative_to(self._root).parts}
        imported = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        for file in self._files & imported:
            key = place, file, self.parameter
            if key not in _handing:
                _handing[key] = hands_on(_content(file), own, self.parameter)
            if _handing[key]:
                return True
        return False


def _python_of(place: PinnedPlace, root: Path) -> frozenset[str]:
    if place not in _known:
        try:
            files = read_code(Location.parse(place.sweep).files(), place.key).files
        except StorageError:  # the copy is there; whoever needs the list says what ails it
            return frozenset()
        _known[place] = frozenset(str(root / path) for path in files if path.endswith(".py"))
    return _known[place]


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError:
        return b"\0"  # no Python: it may name anything
