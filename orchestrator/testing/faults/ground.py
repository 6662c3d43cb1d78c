"""Where a pretended sweep lies: a real folder, or a prefix of a store in memory, seen with faults or without."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from typing_extensions import override

from orchestrator.storage.filesystem import FileSystem, LocalFileSystem
from orchestrator.storage.location import Location
from orchestrator.storage.object_files import ObjectFileSystem
from orchestrator.storage.url import is_url
from orchestrator.testing.faults.disk import FailingDisk, Fault, Platter, ProcessKilledError
from orchestrator.testing.faults.store import PretendStore, Refusal
from orchestrator.testing.faults.storm import Storm

URL = "s3://pretended/drawn"


@dataclass(frozen=True, slots=True)
class PretendLocation(Location):
    """A place as one driver reaches it."""

    opener: Callable[[str], FileSystem] = field(default=lambda place: LocalFileSystem(Path(place)), compare=False)
    """Makes the files of a place."""
    pretended: PretendStore | None = field(default=None, compare=False)
    """The store that a URL lies on; None for folders."""

    @override
    def files(self) -> FileSystem:
        """Return its files, as they fail for its driver."""
        return self.opener(self.text)

    @override
    def store(self) -> tuple[Any, str]:
        """Return the pretended store, and the key on it."""
        return self.pretended, self.text.removeprefix("s3://")


class Ground:
    """The storage of one sweep."""

    def __init__(self, root: Path | None, storm: Storm, random: Random) -> None:
        """Lie in a folder below `root`; None: on a store."""
        self._storm, self._random = storm, random
        self.place = URL if root is None else str(root / "runs" / "drawn")
        """Where the sweep lies now."""
        self._platter = Platter()
        self._store = PretendStore()
        self._moves = 0

    @property
    def is_remote(self) -> bool:
        """Say whether it is an object store."""
        return self.place == URL

    def seen_by(self, is_dead: Callable[[], bool], sleep: Callable[[float], None]) -> PretendLocation:
        """Return the sweep's place as a driver sees it; nothing of one that is dead reaches the storage."""
        platter = self._platter

        def disk(operation: str) -> Fault | None:
            _live(is_dead)
            return self._storm.disk(operation)

        def request(name: str) -> Refusal | None:
            _live(is_dead)
            return self._storm.store(name)

        client = self._store.client(request)
        return PretendLocation(
            self.place,
            lambda place: _objects(client, place, sleep) if is_url(place) else FailingDisk(Path(place), disk, platter),
            client,
        )

    def calm(self) -> PretendLocation:
        """Return the sweep's place as it is seen while nothing fails."""
        store = self._store
        return PretendLocation(
            self.place,
            lambda place: _objects(store, place) if is_url(place) else LocalFileSystem(Path(place)),
            store,
        )

    def put(self, attempt: str, number: int) -> str | None:
        """Put a checkpoint of an attempt, `SESSION/KEY`; returns what a report says of it, None where it fails."""
        if self._storm.is_away or not (self.is_remote or Path(self.place).is_dir()):
            return None
        name = f"checkpoints/{attempt}/checkpoint_{number:06d}"
        if self.is_remote:
            self._store.give(f"{self.place.removeprefix('s3://')}/{name}/model.pt", b"weights")
        else:
            (Path(self.place) / name).mkdir(parents=True, exist_ok=True)
            (Path(self.place) / name / "model.pt").write_bytes(b"weights")
        return f"{self.place}/{name}"

    def parts(self) -> list[str]:
        """Return the names of everything that the log consists of, leases included."""
        if self.is_remote:
            prefix = f"{self.place.removeprefix('s3://')}/"
            return [key.removeprefix(prefix) for key in self._store.keys(f"{prefix}journal")]
        folder = Path(self.place)
        return sorted(path.relative_to(folder).as_posix() for path in (folder / "journal").iterdir())

    def change(self, name: str, content: bytes | None) -> bytes:
        """Put another content into a part, None: remove it; returns what was in it."""
        if self.is_remote:
            key = f"{self.place.removeprefix('s3://')}/{name}"
            before = self._store.take(key)
            if content is not None:
                self._store.give(key, content)
            return before
        path = Path(self.place) / name
        before = path.read_bytes() if path.exists() else b""
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        return before

    def arrive(self) -> None:
        """Let late puts arrive."""
        self._store.arrive()

    def cut_power(self) -> None:
        """Turn the machine off: what was not synced may be gone."""
        self._platter.cut_power(self._random)

    def move(self) -> str:
        """Move the sweep's folder elsewhere; returns where it lies then."""
        self._moves += 1
        there = f"{self.place.partition('-moved')[0]}-moved{self._moves}"
        Path(self.place).rename(there)
        return there

    def replace(self) -> str:
        """Put a copy in the folder's place; returns where the folder itself lies then."""
        there = self.move()
        shutil.copytree(there, self.place)
        return there

    def delete(self) -> str:
        """Delete the folder; returns where a copy of it lies."""
        self._moves += 1
        there = f"{self.place.partition('-moved')[0]}-moved{self._moves}"
        shutil.copytree(self.place, there)
        shutil.rmtree(self.place)
        return there


def _objects(store: PretendStore, place: str, sleep: Callable[[float], None] = lambda _: None) -> ObjectFileSystem:
    return ObjectFileSystem(store, place.removeprefix("s3://"), place, block=8, sleep=sleep)


def _live(is_dead: Callable[[], bool]) -> None:
    if is_dead():
        raise ProcessKilledError
