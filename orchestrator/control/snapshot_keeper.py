"""When a driver writes its sweep's snapshot: as it leaves, and now and then while it works, for the next after a kill.

As it leaves it also writes what `status` will tell (`orchestrator.state.resting`), where somebody says that. A short
sweep has neither: its log is folded before anybody would notice. What cannot be written stops nothing: that is told,
and tried again when the next one is due.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from orchestrator.errors import StorageError
from orchestrator.state.fold import SweepState
from orchestrator.state.resting import keep_resting
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
    """And by this part the log has grown: all snapshots of a sweep together take some ten times as long as the last."""


USUAL_PACE = SnapshotPace(on_leaving=10_000, at_work=50_000, growth=0.1)


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
        self.tell_resting: Callable[[SweepState], bytes] | None = None
        """Says what is shown of the sweep once its driver has left; None: nobody does."""

    def look(self) -> None:
        """Write a snapshot where the log has grown enough. Raises what `commit` does."""
        if self._behind >= max(self.pace.at_work, self.pace.growth * self._kept):
            self._commit()
            self._keep()

    def close(self) -> None:
        """Write the last one, where there is something to write, after the last commit."""
        if self._behind >= self.pace.on_leaving:
            self._keep()
        if self.tell_resting is not None and self.records >= self.pace.on_leaving:
            self._keep_resting(self.tell_resting)

    @property
    def records(self) -> int:
        """How many records the log has."""
        return self._before.records + self._journal.records

    @property
    def _behind(self) -> int:
        """How many records the snapshot does not hold."""
        return self.records - self._kept

    def _keep(self) -> None:
        self._kept = self.records  # also where it fails: the next try is made when the next one is due
        try:
            keep(self._files, self._state, self.records, self._places)
        except StorageError as error:
            self._tell(f"the snapshot fell behind the log, and whoever opens this sweep reads more of that: {error}")

    def _keep_resting(self, tell: Callable[[SweepState], bytes]) -> None:
        try:
            keep_resting(self._files, self._state, self.records, self._places, tell(self._state))
        except StorageError as error:
            self._tell(f"`status` of this sweep will read its log, since what it tells could not be kept: {error}")

    @property
    def _places(self) -> JournalPlaces:
        """How far the journal has come."""
        own = self._journal.name.rpartition("/")[2]
        return JournalPlaces(self._before.places.files | {own: self._journal.place}, self._before.places.sealed)
