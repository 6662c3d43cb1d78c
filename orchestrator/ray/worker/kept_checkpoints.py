"""What a program names as its checkpoint, handed on to storage with its content, whatever it is made of.

Programs keep their checkpoints in many ways: a file, a folder, a link `last.pt` to the newest of several, a folder with
links in it. What counts is the content: links are followed, and what has no content (a link that leads nowhere or back
to where it came from, a socket, a pipe) is left out and told.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from ray.tune import Checkpoint

from orchestrator.ray.worker.reports import ReportError

RAYS_OWN = ".metadata.json"
"""What Ray may put beside the content of a checkpoint."""


class KeptCheckpoints:
    """Hands checkpoints on to storage; here the newest is kept, for the program may read it again."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        """Take checkpoints from `folder`; `tell` hears what of them cannot be kept, once each."""
        self._folder = folder
        self._staging = folder.with_name("staging")
        self._newest: str | None = None
        self._tell = tell
        self._told: set[str] = set()

    def staged(self, name: str, where: str) -> Checkpoint:
        """Return the named file or folder as a checkpoint that holds its content under its name.

        Raises ReportError, with `where` it is named in front, where nothing is there to be kept.
        """
        source = self._folder / name
        if not source.exists():
            leads = f", it is a link to {os.readlink(source)!r}, which is not there" if source.is_symlink() else ""  # noqa: PTH115 - as written
            raise ReportError(
                f"{where}: there is no {name!r} in STEPLADDER_CHECKPOINTS{leads}; "
                "write the checkpoint before the report that names it"
            )
        shutil.rmtree(self._staging, ignore_errors=True)
        self._staging.mkdir()
        if not self._take(source, self._staging / name, ()):
            raise ReportError(f"{where}: {name!r} in STEPLADDER_CHECKPOINTS is neither a file nor a folder")
        older = self._folder / (self._newest or name)
        if older != source and not source.resolve().is_relative_to(older.resolve()):
            _remove(older)
        self._newest = name
        return Checkpoint.from_directory(str(self._staging))

    def done(self) -> None:
        """Take that storage has the checkpoint."""
        shutil.rmtree(self._staging, ignore_errors=True)

    def _take(self, source: Path, target: Path, above: tuple[tuple[int, int], ...]) -> bool:
        """Put the content of `source` at `target`; `above` are the folders that it lies in, by device and number."""
        try:
            found = source.stat()
        except OSError as error:
            self._leave(source, f"leads nowhere ({error.strerror})")
            return False
        if stat.S_ISREG(found.st_mode):
            _link_or_copy(source, target)
            return True
        key = found.st_dev, found.st_ino
        if not stat.S_ISDIR(found.st_mode) or key in above:
            self._leave(source, "leads back to a folder that it lies in" if key in above else "is no file")
            return False
        target.mkdir()
        for entry in sorted(source.iterdir()):
            self._take(entry, target / entry.name, (*above, key))
        return True

    def _leave(self, source: Path, why: str) -> None:
        name = str(source.relative_to(self._folder))
        if name not in self._told:
            self._told.add(name)
            self._tell(f"{name} of the checkpoint is not kept: it {why}")


def found_in(folder: Path) -> Path | None:
    """Return what a program's checkpoint holds: its one file or folder; None where there is nothing."""
    return next((path for path in sorted(folder.iterdir()) if path.name != RAYS_OWN), None)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)  # at no cost, and storage may read it while the program goes on
    except OSError:  # it lies on another file system, or on one without such links
        shutil.copyfile(source, target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
