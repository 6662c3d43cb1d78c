"""A file system in memory that forgets, on `crash`, everything that was not synced."""

from __future__ import annotations

from collections.abc import Callable, Iterator

CHUNK = 100
"""Bytes that are read at a time: few, so that what lies across two chunks is met."""


class PowerCutError(Exception):
    """The machine lost power in the middle of an operation."""


class ForgetfulFileSystem:
    """Keeps what was appended apart from what was synced; `budget` operations until the power is cut (None: never)."""

    def __init__(self, durable: dict[str, bytes] | None = None, budget: int | None = None) -> None:
        self.durable = dict(durable or {})
        self.volatile = dict(self.durable)
        self.budget = budget
        self.operations = 0

    def read(self, name: str, offset: int = 0) -> bytes:
        return self.volatile.get(name, b"")[offset:]

    def chunks(self, name: str, offset: int = 0) -> Iterator[bytes]:
        content = self.read(name, offset)
        yield from (content[at : at + CHUNK] for at in range(0, len(content), CHUNK))

    def append(self, name: str, data: bytes) -> None:
        self._spend(lambda: self._grow(name, data[: len(data) // 2]))
        self._grow(name, data)

    def sync(self, name: str) -> None:
        self._spend()
        self.durable[name] = self.volatile[name]

    def settle(self, name: str) -> None:
        self._spend()
        self.durable[name] = self.volatile[name]

    def refuse_replaced(self, name: str) -> None:
        """Nobody else works on this disk."""

    def replace(self, name: str, data: bytes) -> None:
        self._spend()
        self.durable[name] = self.volatile[name] = data

    def overwrite(self, name: str, data: bytes) -> None:
        self.replace(name, data)

    def create(self, name: str, data: bytes) -> bool:
        self._spend()
        if name in self.volatile:
            return False
        self.durable[name] = self.volatile[name] = data
        return True

    def exists(self, name: str) -> bool:
        return name in self.volatile

    def names(self, folder: str) -> list[str]:
        return sorted(name.removeprefix(f"{folder}/") for name in self.volatile if name.startswith(f"{folder}/"))

    def crash(self, kept: int = 0) -> ForgetfulFileSystem:
        """Return what a machine finds after a power loss: what was synced, and `kept` bytes of what was not."""
        survivors = {}
        for name in self.volatile.keys() | self.durable.keys():
            synced = self.durable.get(name, b"")
            survivors[name] = synced + self.volatile.get(name, b"")[len(synced) : len(synced) + kept]
        return ForgetfulFileSystem({name: data for name, data in survivors.items() if data or name in self.durable})

    def _grow(self, name: str, data: bytes) -> None:
        self.volatile[name] = self.volatile.get(name, b"") + data

    def _spend(self, half: Callable[[], None] = lambda: None) -> None:
        self.operations += 1
        if self.budget is not None and self.operations > self.budget:
            half()
            raise PowerCutError
