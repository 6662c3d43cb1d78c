"""When a driver writes its sweep's snapshot: as it leaves, and now and then while it works, for the next after a kill.

A short sweep has none: its log is folded before anybody would notice. A snapshot that cannot be written stops nothing:
that is told, and tried again when the next one is due.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from orchestrator.errors import StorageError
from orchestrator.state.fold import SweepState
from orchestrator.state.snapshot import keep
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.journal import JournalWriter
from orchestrator.storage.journal_places import JournalPlaces


class SnapshotPace(NamedTuple):
    """When a snapshot is due, by how many records of the log it does not hold."""

    on_leaving: int
    """As many are folded in a tenth of a second: a driver leaves so many to whoever comes after it."""
    at_work: int
    """More: a driver that goes on working is held up by the writing for a moment."""
    growth: float
    """And by this part the log has grown: all snapshots of a sweep together take a few times as long as the last."""


USUAL_PACE = SnapshotPace(on_leaving=10_000, at_work=50_000, growth=0.25)


class LogBefore(NamedTuple):
    """What a driver found of its sweep's log."""

    places: JournalPlaces
    """Where it ends, as the driver's own first record seals it."""
    records: int = 0
    """How many records it has."""
    kept: int = 0
    """How many of them a snapshot stood for."""


class SnapshotKeeper:
    """One driver's part in the snapshot of its sweep."""

    def __init__(
        self, files: FileSystem, state: SweepState, journal: JournalWriter, before: LogBefore,
        commit: Callable[[], None], tell: Callable[[str], None],
    ) -> None:  # fmt: skip
        """`state` is that of `before` and of all that `journal` takes; `commit` makes it durable."""
        self._files = files
        self._state = state
        self._journal = journal
        self._before = before
        self._commit = commit
        self._tell = tell
        self._kept = before.kept
        self.pace = USUAL_PACE
        """When one is due."""

    def look(self) -> None:
        """Write a snapshot where the log has grown enough. Raises what `commit` does."""
        if self._behind >= max(self.pace.at_work, self.pace.growth * self._kept):
            self._commit()
            self._keep()

    def close(self) -> None:
        """Write the last one, where there is something to write, after the last commit."""
        if self._behind >= self.pace.on_leaving:
            self._keep()

    @property
    def _records(self) -> int:
        return self._before.records + self._journal.records

    @property
    def _behind(self) -> int:
        """How many records the snapshot does not hold."""
        return self._records - self._kept

    def _keep(self) -> None:
        self._kept = self._records  # also where it fails: the next try is made when the next one is due
        own = self._journal.name.rpartition("/")[2]
        files, sealed = self._before.places.files | {own: self._journal.place}, self._before.places.sealed
        try:
            keep(self._files, self._state, self._records, JournalPlaces(files, sealed))
        except StorageError as error:
            self._tell(f"the snapshot fell behind the log, and whoever opens this sweep reads more of that: {error}")
