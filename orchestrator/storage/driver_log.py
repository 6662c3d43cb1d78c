"""What a sweep's drivers said, kept with the sweep: `logs/driver/<epoch>.txt`, one file a driver.

A driver that nobody watches on a terminal writes into a file: Ray's of the job, Slurm's, one beside the sweep file.
That file goes with the cluster. So it is copied into the sweep's folder while it grows, as it is, tracebacks and all
that libraries say included. Nothing stands between the driver and its stderr: a driver that hangs, or is killed, has
said what it said.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from orchestrator.errors import StorageError
from orchestrator.storage.attempt_logs import FOLDER
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.location import Location

DRIVERS = f"{FOLDER}/driver"
"""Where they lie in the sweep's folder."""
MOST_BYTES = 16 * 2**20
"""No more is kept of one driver: its beginning."""
_LOOK_S, _REMOTE_LOOK_S = 1.0, 15.0
_DUMPS = "[state-dump]"
"""What a line of Ray's holds that tells the state of its own processes where one of them died."""
_STDERR = 2


class DriverLog:
    """Copies the file that stderr is into a sweep's folder, until the process ends."""

    def __init__(
        self, folder: Location, epoch: int, descriptor: int = _STDERR, *, began_at_byte: int | None = None
    ) -> None:
        """Copy what comes to the file `descriptor`; nothing where that is none, as a terminal.

        What the driver said before it had its sweep, from `began_at_byte` of the file on, is copied too.
        """
        self._folder = folder
        self._name = f"{DRIVERS}/{epoch:06d}.txt"
        self._source = f"/proc/self/fd/{descriptor}"
        size = _size(descriptor)
        self._begin = self._copied = size if began_at_byte is None or size is None else min(size, began_at_byte)
        self._alone = threading.Lock()
        self._stop = threading.Event()
        self.copy()
        if self._begin is not None:
            threading.Thread(target=self._run, name="stepladder-driver-log", daemon=True).start()
            atexit.register(self.copy)

    def copy(self) -> None:
        """Copy what is new; where storage takes nothing it is tried again. A folder that is gone is not made again."""
        with self._alone, contextlib.suppress(OSError, StorageError):
            if self._begin is not None and self._copied is not None and self._is_there():
                if self._folder.is_remote:
                    self._send(self._begin, self._copied)
                else:
                    self._append(self._copied)

    def stop(self) -> None:
        """Copy once more, and no more."""
        self._stop.set()
        self.copy()
        atexit.unregister(self.copy)

    def _run(self) -> None:
        while not self._stop.wait(_REMOTE_LOOK_S if self._folder.is_remote else _LOOK_S):
            self.copy()

    def _is_there(self) -> bool:
        files = self._folder.files()
        try:
            return files.exists("plan.json")
        finally:
            files.close()

    def _append(self, copied: int) -> None:
        new = self._read(copied)
        if new:
            path = self._folder.path / self._name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(new)
            self._copied = copied + len(new)

    def _send(self, begin: int, copied: int) -> None:
        whole = self._read(begin)
        if begin + len(whole) > copied:
            files = self._folder.files()
            try:
                files.replace(self._name, whole)
            finally:
                files.close()
            self._copied = begin + len(whole)

    def _read(self, offset: int) -> bytes:
        assert self._begin is not None
        with open(self._source, "rb") as file:  # noqa: PTH123 - a descriptor, opened anew so that it has a place of its own
            file.seek(offset)
            return file.read(max(0, self._begin + MOST_BYTES - offset))


def read_driver_logs(files: FileSystem) -> Iterator[str]:
    """Yield what a sweep's drivers said, each with a line above it, without what Ray says of its own processes.

    Raises StorageError.
    """
    for number, name in enumerate(sorted(name for name in files.names(DRIVERS) if name.endswith(".txt"))):
        yield f"{chr(10) if number else ''}==> driver {int(name.removesuffix('.txt'))} <==\n"
        yield from without_dumps([files.read(f"{DRIVERS}/{name}").decode(errors="replace")])


def without_dumps(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the same text without the lines in which Ray dumps the state of its processes.

    Pieces may be cut anywhere; a line is passed on once it is whole.
    """
    line = ""
    for piece in pieces:
        *whole, line = f"{line}{piece}".split("\n")
        yield from (f"{text}\n" for text in whole if _DUMPS not in text)
    if line and _DUMPS not in line:
        yield line


def _size(descriptor: int) -> int | None:
    """Return where the file ends now; None where it is no file that can be read again."""
    try:
        found = os.fstat(descriptor)
        is_file = stat.S_ISREG(found.st_mode) and Path(f"/proc/self/fd/{descriptor}").exists()
        return found.st_size if is_file else None
    except OSError:
        return None
