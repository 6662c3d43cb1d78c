"""A real folder whose operations fail now and then, as full disks and network file systems do, and forget at a cut."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

from typing_extensions import override

from orchestrator.storage.disk_errors import explained
from orchestrator.storage.filesystem import LocalFileSystem

KILLED = 0
"""In place of an error's number: the process is killed there."""
When = Literal["before", "half", "after"]
"""An operation fails before it does anything, with half of the bytes written, or with only its answer lost."""


class ProcessKilledError(BaseException):
    """The process is dead: no line of it runs any more, so nothing of ours may catch this."""


class Fault(NamedTuple):
    """How an operation fails."""

    errno: int
    """The system's number of the error, or `KILLED`."""
    when: When
    """Where in the operation."""

    def error(self) -> BaseException:
        """Return what the operation raises."""
        return ProcessKilledError() if self.errno == KILLED else OSError(self.errno, os.strerror(self.errno))


class Platter:
    """What of one folder's growing files has reached the disk, whoever wrote it."""

    def __init__(self) -> None:
        self._durable: dict[Path, int] = {}

    def grows(self, path: Path) -> None:
        """Take note that a file is about to be appended to."""
        if path not in self._durable:
            self._durable[path] = path.stat().st_size if path.exists() else 0

    def is_synced(self, path: Path) -> None:
        """Take note that all of a file is on the disk."""
        self._durable[path] = path.stat().st_size

    def cut_power(self, random: Random) -> None:
        """Forget what was not synced: all of it, or what the disk happens not to hold."""
        for path, durable in self._durable.items():
            if path.exists() and (size := path.stat().st_size) > durable:
                os.truncate(path, durable + random.choice((0, random.randint(0, size - durable))))


class FailingDisk(LocalFileSystem):
    """Asks `strike` at each operation, by its name, whether it fails."""

    def __init__(self, root: Path, strike: Callable[[str], Fault | None], platter: Platter | None = None) -> None:
        super().__init__(root)
        self._strike = strike
        self._platter = platter or Platter()

    @override
    def append(self, name: str, data: bytes) -> None:
        fault = self._strike("append")
        self._platter.grows(self.root / name)
        if fault is None:
            return super().append(name, data)
        with explained(self.root, name), self._all_or_again(name):
            if fault.when != "before":
                super().append(name, data if fault.when == "after" else data[: len(data) // 2])
            raise fault.error()

    @override
    def sync(self, name: str) -> None:
        fault = self._strike("sync")
        if fault is None:
            super().sync(name)
            return self._platter.is_synced(self.root / name)
        with explained(self.root, name), self._all_or_again(name):
            raise fault.error()

    @override
    def settle(self, name: str) -> None:
        with self._failing("sync", name):
            super().settle(name)
            self._platter.is_synced(self.root / name)

    @override
    def replace(self, name: str, data: bytes) -> None:
        with self._failing("replace", name):
            super().replace(name, data)

    @override
    def overwrite(self, name: str, data: bytes) -> None:
        with self._failing("overwrite", name):
            super().overwrite(name, data)

    @override
    def create(self, name: str, data: bytes) -> bool:
        with self._failing("create", name):
            return super().create(name, data)

    @override
    def read(self, name: str, offset: int = 0) -> bytes:
        with self._failing("read", name):
            return super().read(name, offset)

    @override
    def exists(self, name: str) -> bool:
        with self._failing("exists", name):
            return super().exists(name)

    @override
    def names(self, folder: str) -> list[str]:
        with self._failing("names", folder):
            return super().names(folder)

    @contextlib.contextmanager
    def _failing(self, operation: str, name: str) -> Iterator[None]:
        fault = self._strike(operation)
        with explained(self.root, name):
            if fault is not None and fault.when != "after":
                raise fault.error()
            yield
            if fault is not None:
                raise fault.error()


class Weather:
    """Draws outages of some operations each, with an error of their own."""

    def __init__(self, seed: int, errors: list[int], share: float = 0.03, longest: int = 12) -> None:
        self._random = Random(seed)
        self._errors = errors
        self._share = share
        self._longest = longest
        self._left = 0
        self._errno = 0
        self.outages = 0
        """How many there were."""
        self.is_fair = True
        """Whether nothing fails for now."""

    def __call__(self, _operation: str) -> Fault | None:
        """Say how an operation fails; None where it does not."""
        if self.is_fair:
            return None
        if self._left == 0 and self._random.random() < self._share:
            self._left, self._errno = self._random.randint(1, self._longest), self._random.choice(self._errors)
            self.outages += 1
        if self._left == 0:
            return None
        self._left -= 1
        return Fault(self._errno, self._random.choice(("before", "half", "after")))
