"""Where a sweep's folder lies: a folder on a file system, or a prefix on an object store (s3://, gs://, abfs://).

folder = Location.parse("s3://bucket/runs") / "digits"
folder.files().read("plan.json")
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.errors import UsageError
from orchestrator.storage.filesystem import FileSystem, LocalFileSystem
from orchestrator.storage.under_way import under_way
from orchestrator.storage.url import is_url, storage_problem


class StoredEntry(NamedTuple):
    """What lies in a folder, at any depth, and is none itself."""

    name: str
    """Its path below the folder, with forward slashes."""
    size: int
    """Bytes in it; of a link, of itself."""
    is_link: bool = False
    """Whether it is a link, wherever that leads."""


@dataclass(frozen=True, slots=True)
class Location:
    """A folder, there or not. Made by `parse`; `str()` gives back what a person would type."""

    text: str
    """The path or the URL, without a slash at the end."""

    @classmethod
    def parse(cls, place: str | os.PathLike[str]) -> Location:
        """Take a path or a URL. Raises UsageError for a URL of another scheme, or one that holds credentials."""
        return cls(_text(place))

    def at(self, place: str | os.PathLike[str]) -> Location:
        """Return another folder, reached as this one is; takes what `parse` does, and raises as that."""
        return replace(self, text=_text(place))

    @property
    def is_remote(self) -> bool:
        """Say whether it lies on an object store."""
        return is_url(self.text)

    @property
    def path(self) -> Path:
        """The path. Raises ValueError for a URL: ask `is_remote` before."""
        if self.is_remote:
            raise ValueError(f"{self.text} is no path")
        return Path(self.text)

    def absolute(self) -> Location:
        """Return it as it reads from any working directory."""
        return self if self.is_remote else replace(self, text=str(self.path.absolute()))

    def inside(self, place: str) -> str | None:
        """Return what leads from here to `place`, with forward slashes; None where that lies elsewhere."""
        if self.is_remote:
            return place.removeprefix(f"{self.text}/") if place.startswith(f"{self.text}/") else None
        path = Path(place)
        found = not is_url(place) and path != self.path and path.is_relative_to(self.path)
        return path.relative_to(self.path).as_posix() if found else None

    def files(self) -> FileSystem:
        """Return its files. Raises StorageError where a store's region cannot be found."""
        if not self.is_remote:
            return LocalFileSystem(self.path)
        from orchestrator.storage.object_files import ObjectFileSystem  # takes pyarrow along

        return ObjectFileSystem(*self.store(), str(self))

    def store(self) -> tuple[Any, str]:
        """Return pyarrow's file system for an object store and the path on it. Raises StorageError as `files` does."""
        from orchestrator.storage.object_store import open_store  # takes pyarrow along

        return open_store(self.text)

    def is_folder(self) -> bool:
        """Say whether it is there. Raises StorageError where the store cannot tell."""
        if not self.is_remote:
            with under_way(self.text):
                return self.path.is_dir()
        parent, _, name = self.text.rpartition("/")
        return replace(self, text=parent).files().exists(name)

    def entries(self) -> Iterator[StoredEntry]:
        """Yield all that lies in it, at any depth, links not followed; nothing where it is not there.

        Raises StorageError or OSError where it cannot be listed.
        """
        if not self.is_remote:
            yield from _entries(self.path, "")
            return
        from orchestrator.storage.object_store import explained, listed  # takes pyarrow along

        store, path = self.store()
        with explained(self.text):
            found = listed(store, path)
        yield from (StoredEntry(name, size) for name, size in found)

    def delete(self) -> None:
        """Remove the folder with all that is in it, or the file; not what a link leads to. None there is no error.

        Raises StorageError or OSError where it cannot be.
        """
        if not self.is_remote:
            if self.path.is_symlink() or self.path.is_file():
                self.path.unlink()
            elif self.path.exists():
                shutil.rmtree(self.path)
            return
        from orchestrator.storage.object_store import explained  # takes pyarrow along

        store, path = self.store()
        with explained(self.text):
            store.delete_dir(path)

    def __truediv__(self, name: str) -> Location:
        return replace(self, text=f"{self.text}/{name}" if self.is_remote else str(self.path / name))

    def __str__(self) -> str:
        return self.text


def _entries(folder: Path, above: str) -> Iterator[StoredEntry]:
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):  # it was removed meanwhile
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(Path(entry.path), f"{above}{entry.name}/")
            continue
        with contextlib.suppress(FileNotFoundError):
            yield StoredEntry(f"{above}{entry.name}", entry.stat(follow_symlinks=False).st_size, entry.is_symlink())


def _text(place: str | os.PathLike[str]) -> str:
    text = os.fspath(place)
    if not is_url(text):
        return str(Path(text))
    problem = storage_problem(text)
    if problem is not None:
        raise UsageError(problem)
    return text.rstrip("/")
