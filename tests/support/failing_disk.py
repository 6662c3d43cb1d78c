"""A real folder whose operations fail now and then, as full disks and network file systems do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

from orchestrator.storage.disk_errors import explained
from orchestrator.storage.filesystem import LocalFileSystem


class Fault(NamedTuple):
    """How an operation fails."""

    errno: int
    when: Literal["before", "half", "after"]
    """Before it does anything, with half of the bytes written, or with all done and only the answer lost."""


class FailingDisk(LocalFileSystem):
    """Asks `strike` at each operation, by its name, whether it fails."""

    def __init__(self, root: Path, strike: Callable[[str], Fault | None]) -> None:
        super().__init__(root)
        self._strike = strike

    def append(self, name: str, data: bytes) -> None:
        fault = self._strike("append")
        if fault is None:
            return super().append(name, data)
        with explained(self.root, name), self._all_or_again(name):
            if fault.when != "before":
                super().append(name, data if fault.when == "after" else data[: len(data) // 2])
            raise OSError(fault.errno, os.strerror(fault.errno))

    def sync(self, name: str) -> None:
        fault = self._strike("sync")
        if fault is None:
            return super().sync(name)
        with explained(self.root, name), self._all_or_again(name):
            raise OSError(fault.errno, os.strerror(fault.errno))

    def replace(self, name: str, data: bytes) -> None:
        with self._failing("replace", name):
            super().replace(name, data)

    def create(self, name: str, data: bytes) -> bool:
        with self._failing("create", name):
            return super().create(name, data)

    def read(self, name: str, offset: int = 0) -> bytes:
        with self._failing("read", name):
            return super().read(name, offset)

    def exists(self, name: str) -> bool:
        with self._failing("exists", name):
            return super().exists(name)

    def names(self, folder: str) -> list[str]:
        with self._failing("names", folder):
            return super().names(folder)

    @contextmanager
    def _failing(self, operation: str, name: str) -> Iterator[None]:
        fault = self._strike(operation)
        with explained(self.root, name):
            if fault is not None and fault.when != "after":
                raise OSError(fault.errno, os.strerror(fault.errno))
            yield
            if fault is not None:
                raise OSError(fault.errno, os.strerror(fault.errno))


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
        if self.is_fair:
            return None
        if self._left == 0 and self._random.random() < self._share:
            self._left, self._errno = self._random.randint(1, self._longest), self._random.choice(self._errors)
            self.outages += 1
        if self._left == 0:
            return None
        self._left -= 1
        return Fault(self._errno, self._random.choice(("before", "half", "after")))
