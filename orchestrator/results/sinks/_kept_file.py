"""A file that a sink keeps and that only grows, in a folder or on an object store.

Whoever has it open in a viewer reads on from where it was, so bytes are added to the same file and nothing is put in
its place. A store has no appending: there the whole object is put anew.
"""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.errors import StorageError
from orchestrator.storage.location import Location


class KeptFile:
    """One file. One process at a time writes it."""

    def __init__(self, folder: Location, name: str) -> None:
        """Keep `folder`/`name`, a name without a slash; neither needs to be there."""
        self._folder = folder
        self._name = name
        self._whole: bytes | None = None

    def read(self) -> bytes:
        """Return what is there; nothing where there is no file. Raises StorageError."""
        return self._folder.files().read(self._name)

    def replace(self, data: bytes) -> None:
        """Put a whole file in place. Raises StorageError."""
        self._folder.files().replace(self._name, data)
        self._whole = data if self._folder.is_remote else None

    def append(self, data: bytes) -> None:
        """Add to the end; what could be added in part only is taken back. Raises StorageError."""
        if self._folder.is_remote:
            self.replace((self.read() if self._whole is None else self._whole) + data)
            return
        path = self._folder.path / self._name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _append(path, data)
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror or error}; it is written again once that is mended") from error


class Recounted:
    """A file whose bytes follow from the log: counted out from the first record on, and held against what is there.

    What lies there from an earlier process is a beginning of the same bytes, and the rest is added; anything else is
    put right.
    """

    def __init__(self, file: KeptFile) -> None:
        self._file = file
        self._waiting = bytearray()
        self._has_met = False

    def add(self, data: bytes) -> None:
        """Add bytes, in memory."""
        self._waiting += data

    def write(self) -> None:
        """Bring the file up to what was added. Raises StorageError; the next call then does all that is missing."""
        waiting = bytes(self._waiting)
        if self._has_met:
            self._file.append(waiting)
        elif waiting.startswith(there := self._file.read()):
            if len(there) < len(waiting):
                self._file.append(waiting[len(there) :])
        elif not there.startswith(waiting):  # else: another process got further than this one
            self._file.replace(waiting)
        self._waiting.clear()
        self._has_met = True


def _append(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        size, view = os.fstat(descriptor).st_size, memoryview(data)
        try:
            while view:
                view = view[os.write(descriptor, view) :]
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def beside(place: Location) -> KeptFile:
    """Return the file at `place`, wherever that is."""
    if not place.is_remote:
        return KeptFile(place.at(place.path.absolute().parent), place.path.name)
    folder, _, name = str(place).rpartition("/")
    return KeptFile(place.at(folder), name)
