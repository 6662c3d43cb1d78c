"""Where checkpoints lie: what the journal records of one, and where it is found again. Imports no ray."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from orchestrator.storage.location import Location

FOLDER = "checkpoints"
"""Ray Tune's storage inside the sweep's folder."""


def recorded_checkpoint(path: str, root: str, sweep_folder: str) -> str:
    """Return what the journal records of a checkpoint that Ray Tune put: an absolute path, or a URL.

    `path` is on the file system of Tune's storage, whose own path there is `root`.
    """
    folder = Location.parse(sweep_folder)
    if not folder.is_remote:
        return path
    return str(folder / FOLDER / PurePosixPath(path).relative_to(root).as_posix())


def found_checkpoint(checkpoint: str | None, folder: Location) -> str | None:
    """Return where a recorded checkpoint lies now: a sweep's folder may have moved since, or be mounted elsewhere.

    Raises StorageError where an object store cannot tell.
    """
    if checkpoint is None or folder.inside(checkpoint) is not None or Path(checkpoint).is_dir():
        return checkpoint
    _, found, inside = checkpoint.rpartition(f"/{FOLDER}/")
    moved = folder / FOLDER / inside
    return str(moved) if found and moved.is_folder() else checkpoint
