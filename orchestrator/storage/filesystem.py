"""The few file operations that durability rests on, rooted in one folder that no name can leave.

They are passed in, so that a test can run the real log on a file system that forgets whatever was not synced. Every
OSError becomes a StorageError that says what to do.

A folder is made once, at its first use, and never again: where it is gone, somebody moved or deleted it, and what was
written there would be read by nobody.

A write that failed may have been done in part, or in whole with its answer lost. So after an error of `append` or
`sync` nothing since the last `sync` counts: the file is opened anew, and **the same bytes** are appended again, over
what may lie there of them. Whoever reads meanwhile sees a beginning of those bytes, as ever.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from orchestrator.errors import FolderLostError, StorageError
from orchestrator.storage.disk_errors import explained

CHUNK = 2**20
"""Bytes that a file is read by in pieces: they fit a processor's cache, and their memory is used anew."""


class FileSystem(Protocol):
    """What the journal, the lease and the files beside them need. Names are relative, with forward slashes."""

    def read(self, name: str, offset: int = 0) -> bytes:
        """Return the content from byte `offset` on; empty for a file that is not there."""

    def chunks(self, name: str, offset: int = 0) -> Iterator[bytes]:
        """Yield the same in pieces, none of them empty: who looks through a long file once holds a piece at a time."""

    def append(self, name: str, data: bytes) -> None:
        """Add to the end of a file, making it and its folder if needed. Durable only after `sync`.

        After an error of this or of `sync`, to be called again with all bytes since the last `sync` that worked.
        """

    def refuse_replaced(self, name: str) -> None:
        """Raise FolderLostError where a file that is appended to is not the one that others find by its name.

        The error's text is a clause on what became of the file, without a full stop.
        """

    def sync(self, name: str) -> None:
        """Make everything appended to the file survive a power loss, its directory entry included."""

    def settle(self, name: str) -> None:
        """Make what another process appended to a file survive a power loss, its directory entry included."""

    def replace(self, name: str, data: bytes) -> None:
        """Put a whole file in place, atomically and durably."""

    def overwrite(self, name: str, data: bytes) -> None:
        """Write as many bytes over those of a file that is there, asking for no room; readers may see parts of it."""

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
    synced: int
    """Bytes in it that are durable."""


class LocalFileSystem:
    """A folder on a disk, or on a network file system with close-to-open consistency and atomic link and rename."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._open: dict[str, _Growing] = {}
        self._failed: dict[str, int] = {}
        self._new: set[str] = set()
        self._made: set[Path] = set()

    def read(self, name: str, offset: int = 0) -> bytes:
        """Return the content from byte `offset` on; empty for a file that is not there."""
        with explained(self.root, name):
            try:
                return self._read(name, offset)
            except FileNotFoundError:
                return b""
            except OSError as error:
                if error.errno != errno.ESTALE:  # on a network, another host put a new file in its place just then
                    raise
                return self._read(name, offset)

    def chunks(self, name: str, offset: int = 0) -> Iterator[bytes]:
        """Yield the same in pieces, none of them empty: who looks through a long file once holds a piece at a time."""
        with explained(self.root, name):
            try:
                file = self._path(name).open("rb", buffering=0)
            except FileNotFoundError:
                return
            with file:
                file.seek(offset)
                while chunk := file.read(CHUNK):
                    yield chunk

    def append(self, name: str, data: bytes) -> None:
        """Add to the end of a file, making it and its folder if needed. Durable only after `sync`."""
        with explained(self.root, name), self._all_or_again(name):
            if name not in self._open:
                self._open[name] = self._opened(name)
            file, view = self._open[name], memoryview(data)
            while view:
                written = os.pwrite(file.descriptor, view, file.size)
                file.size += written
                view = view[written:]

    def refuse_replaced(self, name: str) -> None:
        """Raise FolderLostError where a file that is appended to is not the one that others find by its name."""
        if name not in self._open:
            return
        with explained(self.root, name):
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
        with explained(self.root, name), self._all_or_again(name):
            file = self._open[name]
            os.fsync(file.descriptor)
            if name in self._new:
                _sync_folder(self._path(name).parent)
                self._new.discard(name)
            file.synced = file.size

    def settle(self, name: str) -> None:
        """Make what another process appended to a file survive a power loss, its directory entry included."""
        with explained(self.root, name):
            descriptor = os.open(self._path(name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            _sync_folder(self._path(name).parent)

    def replace(self, name: str, data: bytes) -> None:
        """Put a whole file in place, atomically and durably."""
        with explained(self.root, name), self._temporary(name, data) as temporary:
            temporary.replace(self._path(name))
            _sync_folder(temporary.parent)

    def overwrite(self, name: str, data: bytes) -> None:
        """Write as many bytes over those of a file that is there, asking for no room; readers may see parts of it."""
        with explained(self.root, name), self._path(name).open("r+b", buffering=0) as file:
            file.write(data)

    def create(self, name: str, data: bytes) -> bool:
        """Put a whole file in place, durably, only if none is there; False if there is one."""
        with explained(self.root, name), self._temporary(name, data) as temporary:
            try:
                os.link(temporary, self._path(name))
            except FileExistsError:
                return False
            _sync_folder(temporary.parent)
            return True

    def exists(self, name: str) -> bool:
        """Say whether there is a file of that name."""
        with explained(self.root, name):
            return self._path(name).exists()

    def names(self, folder: str) -> list[str]:
        """List a folder's file names, sorted; empty for a folder that is not there."""
        with explained(self.root, folder):
            try:
                return sorted(entry.name for entry in os.scandir(self._path(folder)) if not entry.name.startswith("."))
            except FileNotFoundError:
                return []

    def close(self) -> None:
        """Close the files kept open for appending."""
        for file in self._open.values():
            with contextlib.suppress(OSError):  # a file system that is away tells so again; what counts was synced
                os.close(file.descriptor)
        self._open.clear()
        self._made.clear()

    def _read(self, name: str, offset: int) -> bytes:
        with self._path(name).open("rb") as file:
            file.seek(offset)
            return file.read()

    def _opened(self, name: str) -> _Growing:
        """Open a file to append to it; one that failed before is gone on with where it was durable."""
        path, synced = self._path(name), self._failed.get(name)
        if synced:
            descriptor = os.open(path, os.O_WRONLY)  # not made again: where it is gone, the sweep's folder is another
        else:
            self._make(path.parent)
            if not path.exists():
                self._new.add(name)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)  # less the umask, as every file here
        size = os.fstat(descriptor).st_size
        if synced is not None and size < synced:
            os.close(descriptor)
            raise FolderLostError(f"{name} has {size} bytes, and its driver wrote {synced}: something else changed it")
        self._failed.pop(name, None)
        end = size if synced is None else synced
        return _Growing(descriptor, end, end)

    @contextlib.contextmanager
    def _all_or_again(self, name: str) -> Iterator[None]:
        """Forget what was appended since the last sync where that cannot be relied on: on any error within."""
        try:
            yield
        except OSError:
            file = self._open.pop(name, None)
            if file is not None:
                self._failed[name] = file.synced
                with contextlib.suppress(OSError):  # it may tell the same error again
                    os.close(file.descriptor)
            raise

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
        temporary = path.parent / f".{path.name}.{secrets.token_hex(8)}.tmp"  # process ids repeat between machines
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
