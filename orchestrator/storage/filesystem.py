"""The few file operations that durability rests on, rooted in one folder that no name can leave.

They are passed in, so that a test can run the real log on a file system that forgets whatever was not synced. Every
OSError becomes a StorageError that says what to do.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

from orchestrator.errors import StorageError


class FileSystem(Protocol):
    """What the journal, the lease and the files beside them need. Names are relative, with forward slashes."""

    def read(self, name: str, offset: int = 0) -> bytes:
        """Return the content from byte `offset` on; empty for a file that is not there."""

    def append(self, name: str, data: bytes) -> None:
        """Add to the end of a file, making it and its folder if needed. Durable only after `sync`."""

    def sync(self, name: str) -> None:
        """Make everything appended to the file survive a power loss, its directory entry included."""

    def replace(self, name: str, data: bytes) -> None:
        """Put a whole file in place, atomically and durably."""

    def create(self, name: str, data: bytes) -> bool:
        """Put a whole file in place, durably, only if none is there; False if there is one."""

    def exists(self, name: str) -> bool:
        """Say whether there is a file of that name."""

    def names(self, folder: str) -> list[str]:
        """List a folder's file names, sorted; empty for a folder that is not there."""

    def close(self) -> None:
        """Let go of what is kept open for appending."""


class LocalFileSystem:
    """A folder on a disk, or on a network file system with close-to-open consistency and atomic link and rename."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._open: dict[str, int] = {}
        self._new: set[str] = set()

    def read(self, name: str, offset: int = 0) -> bytes:
        """Return the content from byte `offset` on; empty for a file that is not there."""
        with _explained(self.root, name):
            try:
                with self._path(name).open("rb") as file:
                    file.seek(offset)
                    return file.read()
            except FileNotFoundError:
                return b""

    def append(self, name: str, data: bytes) -> None:
        """Add to the end of a file, making it and its folder if needed. Durable only after `sync`."""
        with _explained(self.root, name):
            if name not in self._open:
                path = self._path(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                if not path.exists():
                    self._new.add(name)
                self._open[name] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            view = memoryview(data)
            while view:
                view = view[os.write(self._open[name], view) :]

    def sync(self, name: str) -> None:
        """Make everything appended to the file survive a power loss, its directory entry included."""
        with _explained(self.root, name):
            os.fsync(self._open[name])
            if name in self._new:
                _sync_folder(self._path(name).parent)
                self._new.discard(name)

    def replace(self, name: str, data: bytes) -> None:
        """Put a whole file in place, atomically and durably."""
        with _explained(self.root, name), self._temporary(name, data) as temporary:
            temporary.replace(self._path(name))
            _sync_folder(temporary.parent)

    def create(self, name: str, data: bytes) -> bool:
        """Put a whole file in place, durably, only if none is there; False if there is one."""
        with _explained(self.root, name), self._temporary(name, data) as temporary:
            try:
                os.link(temporary, self._path(name))
            except FileExistsError:
                return False
            _sync_folder(temporary.parent)
            return True

    def exists(self, name: str) -> bool:
        """Say whether there is a file of that name."""
        return self._path(name).exists()

    def names(self, folder: str) -> list[str]:
        """List a folder's file names, sorted; empty for a folder that is not there."""
        with _explained(self.root, folder):
            try:
                return sorted(entry.name for entry in os.scandir(self._path(folder)) if not entry.name.startswith("."))
            except FileNotFoundError:
                return []

    def close(self) -> None:
        """Close the files kept open for appending."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _path(self, name: str) -> Path:
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts:
            raise StorageError(f"{name!r} leaves the sweep's folder {self.root}")
        return self.root / pure

    @contextlib.contextmanager
    def _temporary(self, name: str, data: bytes) -> Iterator[Path]:
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _explained(root: Path, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = {
            errno.ENOSPC: "the disk is full; free some space",
            errno.EDQUOT: "the disk quota is used up; free some space",
            errno.EACCES: "permission is missing; make the folder writable",
            errno.EROFS: "the disk is read-only; choose another storage",
        }.get(error.errno or 0, error.strerror or str(error))
        raise StorageError(
            f"{root / name}: {remedy}. Nothing acknowledged is lost: run `stepladder resume {root}` once it is mended."
        ) from error
