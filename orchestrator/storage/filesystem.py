"""The few file operations that durability rests on, rooted in one folder that no name can leave.

They are passed in, so that a test can run the real log on a file system that forgets whatever was not synced. Every
OSError becomes a StorageError that says what to do.

A folder is made once, at its first use, and never again: where it is gone, somebody moved or deleted it, and what was
written there would be read by nobody.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from orchestrator.errors import FolderLostError, StorageError


class FileSystem(Protocol):
    """What the journal, the lease and the files beside them need. Names are relative, with forward slashes."""

    def read(self, name: str, offset: int = 0) -> bytes:
        """Return the content from byte `offset` on; empty for a file that is not there."""

    def append(self, name: str, data: bytes) -> None:
        """Add to the end of a file, making it and its folder if needed. Durable only after `sync`."""

    def refuse_replaced(self, name: str) -> None:
        """Raise FolderLostError where a file that is appended to is not the one that others find by its name.

        The error's text is a clause on what became of the file, without a full stop.
        """

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


@dataclass(slots=True)
class _Growing:
    """A file that this process appends to."""

    descriptor: int
    """Its open descriptor."""
    size: int
    """Bytes in it, as far as this process knows."""


class LocalFileSystem:
    """A folder on a disk, or on a network file system with close-to-open consistency and atomic link and rename."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._open: dict[str, _Growing] = {}
        self._new: set[str] = set()
        self._made: set[Path] = set()

    def read(self, name: str, offset: int = 0) -> bytes:
        """Return the content from byte `offset` on; empty for a file that is not there."""
        with _explained(self.root, name):
            try:
                return self._read(name, offset)
            except FileNotFoundError:
                return b""
            except OSError as error:
                if error.errno != errno.ESTALE:  # on a network, another host put a new file in its place just then
                    raise
                return self._read(name, offset)

    def append(self, name: str, data: bytes) -> None:
        """Add to the end of a file, making it and its folder if needed. Durable only after `sync`."""
        with _explained(self.root, name):
            if name not in self._open:
                path = self._path(name)
                self._make(path.parent)
                if not path.exists():
                    self._new.add(name)
                descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
                self._open[name] = _Growing(descriptor, os.fstat(descriptor).st_size)
            file, view = self._open[name], memoryview(data)
            while view:
                written = os.write(file.descriptor, view)
                file.size += written
                view = view[written:]

    def refuse_replaced(self, name: str) -> None:
        """Raise FolderLostError where a file that is appended to is not the one that others find by its name."""
        if name not in self._open:
            return
        with _explained(self.root, name):
            file = self._open[name]
            try:
                there = self._path(name).stat()
            except (FileNotFoundError, NotADirectoryError):
                raise _lost(name, file.descriptor) from None
            if not os.path.samestat(os.fstat(file.descriptor), there):
                raise _lost(name, file.descriptor, f"something else lies in its place now ({name} is another file); ")
            if there.st_size != file.size:
                raise FolderLostError(
                    f"{name} has {there.st_size} bytes, and its driver wrote {file.size}: something else changed it"
                )

    def sync(self, name: str) -> None:
        """Make everything appended to the file survive a power loss, its directory entry included."""
        with _explained(self.root, name):
            os.fsync(self._open[name].descriptor)
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
        for file in self._open.values():
            os.close(file.descriptor)
        self._open.clear()
        self._made.clear()

    def _read(self, name: str, offset: int) -> bytes:
        with self._path(name).open("rb") as file:
            file.seek(offset)
            return file.read()

    def _make(self, folder: Path) -> None:
        """Make a folder at its first use; raise FileNotFoundError where the sweep's own is gone since its first use."""
        if folder in self._made:
            return
        if self.root in self._made and not self.root.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.root))
        folder.mkdir(parents=True, exist_ok=True)
        self._made |= {self.root, folder}

    def _path(self, name: str) -> Path:
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts:
            raise StorageError(f"{name!r} leaves the sweep's folder {self.root}")
        return self.root / pure

    @contextlib.contextmanager
    def _temporary(self, name: str, data: bytes) -> Iterator[Path]:
        path = self._path(name)
        self._make(path.parent)
        temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


def _lost(name: str, descriptor: int, said: str = "") -> FolderLostError:
    """Say what became of an open file that does not lie at its name any more, and where it lies where that is known."""
    try:
        place = Path(f"/proc/self/fd/{descriptor}").readlink()
    except OSError:  # no /proc
        place = Path()
    if os.fstat(descriptor).st_nlink == 0 or place.name.startswith(".nfs"):
        return FolderLostError(f"{said}{name} was deleted")
    if place.is_absolute() and place.as_posix().endswith(f"/{name}"):
        folder = place.as_posix().removesuffix(f"/{name}")
        return FolderLostError(f"{said}it was moved to {folder}", folder)
    return FolderLostError(f"{said}{name} was moved away" + (f", to {place}" if place.is_absolute() else ""))


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
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FolderLostError(f"{root / name}: its folder is gone; was the sweep moved or deleted?") from error
    except OSError as error:
        remedy = {
            errno.ENOSPC: "the disk is full; free some space",
            errno.EDQUOT: "the disk quota is used up; free some space",
            errno.EACCES: "permission is missing; make the folder writable",
            errno.EPERM: "it may not be changed; make the folder writable (chattr -i)",
            errno.EROFS: "the disk is read-only; make it writable, or choose another storage",
            errno.ESTALE: "it was deleted or replaced on its server (stale file handle); look whether it is there",
        }.get(error.errno or 0, error.strerror or str(error))
        raise StorageError(
            f"{root / name}: {remedy}. Nothing acknowledged is lost: run `stepladder resume {root}` once it is mended."
        ) from error
