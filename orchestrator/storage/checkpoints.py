"""Where checkpoints lie: what the journal records of one, and where it is found again. Imports no ray.

A checkpoint that is gone is no damage: whoever wants its space back may remove it, and its trial begins again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath

from orchestrator.errors import StorageError
from orchestrator.storage.location import Location

FOLDER = "checkpoints"
"""Ray Tune's storage inside the sweep's folder."""
_DEPTH = 3
"""A checkpoint is `SESSION/ATTEMPT/checkpoint_000003` in there, and a session `NAME-EPOCH`."""
ASKED_AT_ONCE = 16
"""How many checkpoints are looked for at once: an object store takes some 50 ms for each."""


def recorded_checkpoint(path: str, root: str, sweep_folder: str) -> str:
    """Return what the journal records of a checkpoint that Ray Tune put: an absolute path, or a URL.

    `path` is on the file system of Tune's storage, whose own path there is `root`.
    """
    folder = Location.parse(sweep_folder)
    if not folder.is_remote:
        return path
    return str(folder / FOLDER / PurePosixPath(path).relative_to(root).as_posix())


def found_checkpoint(checkpoint: str, folder: Location) -> str | None:
    """Return where a recorded checkpoint of the sweep in `folder` lies now; None where it is gone, or nothing is in it.

    A sweep means the folder it lies in: that may have moved since, or be a copy of another, whose own checkpoints are
    no business of this one. Raises StorageError where an object store cannot tell.
    """
    return next((place for place in _places(checkpoint, folder) if _holds_something(folder.at(place))), None)


def path_inside(checkpoint: str, folder: Location) -> str | None:
    """Return the path of a recorded checkpoint below the sweep's folder, wherever that lay when it was recorded.

    None for one that is of no sweep's folder.
    """
    inside = folder.absolute().inside(checkpoint)
    name = "/".join(PurePosixPath(checkpoint).parts[-_DEPTH:])
    return inside or (f"{FOLDER}/{name}" if name in names_below(checkpoint) else None)


def names_below(checkpoint: str) -> list[str]:
    """Return what a recorded checkpoint may be called below the folder `checkpoints`: of several, one is meant."""
    parts = checkpoint.split(f"/{FOLDER}/")
    return [f"/{FOLDER}/".join(parts[at:]) for at in range(1, len(parts))]


def _places(checkpoint: str, folder: Location) -> list[str]:
    names = names_below(checkpoint)
    if folder.inside(checkpoint) is not None or not names:
        return [checkpoint]
    return [str(folder / FOLDER / name) for name in names]


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint that lies in a sweep's folder, named in its log or not."""

    name: str
    """Its path below the folder `checkpoints`, with forward slashes."""
    size: int
    """Bytes in it."""

    @property
    def epoch(self) -> int | None:
        """Which of the sweep's drivers it was made under; None where its folder is not named as ours are."""
        number = self.name.partition("/")[0].rpartition("-")[2]
        return int(number) if number.isdecimal() else None


def stored_checkpoints(folder: Location) -> list[StoredCheckpoint]:
    """Return what lies among a sweep's checkpoints, sorted by name. Raises StorageError, OSError."""
    sizes: dict[str, int] = {}
    for entry in (folder / FOLDER).entries():
        parts = entry.name.split("/")
        if len(parts) > _DEPTH:
            name = "/".join(parts[:_DEPTH])
            sizes[name] = sizes.get(name, 0) + entry.size
    return [StoredCheckpoint(name, size) for name, size in sorted(sizes.items())]


class CheckpointFinder:
    """Finds the checkpoints of one sweep, and tells once of each that is gone."""

    def __init__(self, folder: Location, tell: Callable[[str], None]) -> None:
        self._folder = folder.absolute()
        self._tell = tell
        self._told: set[str] = set()

    def find(self, checkpoint: str) -> str | None:
        """Return where a recorded checkpoint lies now; None where it is gone. Raises StorageError."""
        found = found_checkpoint(checkpoint, self._folder)
        if found is None and checkpoint not in self._told:
            self._told.add(checkpoint)
            self._tell(f"the checkpoint {checkpoint} is gone: its trial starts again from the beginning")
        return found

    def missing(self, checkpoints: Iterable[str]) -> list[str]:
        """Return those that are gone, of which the caller tells. Raises StorageError."""
        asked = list(checkpoints)
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            found = list(pool.map(lambda checkpoint: found_checkpoint(checkpoint, self._folder), asked))
        gone = [checkpoint for checkpoint, place in zip(asked, found, strict=True) if place is None]
        self._told.update(gone)
        return gone


def _holds_something(place: Location) -> bool:
    if place.is_remote:
        return place.is_folder()
    try:
        with os.scandir(place.path) as entries:
            return any(True for _ in entries)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StorageError(f"{place}: {error.strerror}; this checkpoint cannot be read") from error
