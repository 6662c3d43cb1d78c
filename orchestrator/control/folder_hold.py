"""A driver's hold on its sweep's folder: the journal that it writes is the one that everybody else finds there.

An open file follows a folder that is moved, and outlives one that is deleted. So the file is compared with what lies at
its path, and where it is another, or none, the driver stops and says what became of the folder and what is left where.
"""

from __future__ import annotations

import contextlib
import shlex
import threading
from collections.abc import Iterator

from orchestrator.errors import FolderLostError, StorageError
from orchestrator.state.fold import SweepState
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.journal import JournalWriter
from orchestrator.storage.lease import Lease
from orchestrator.storage.location import Location
from orchestrator.wording import counted


class FolderHold:
    """The lease and the journal of one driver, and the folder that they must lie in."""

    def __init__(
        self, folder: Location, files: FileSystem, lease: Lease, journal: JournalWriter, state: SweepState
    ) -> None:
        self._folder = folder
        self._files = files
        self._lease = lease
        self._journal = journal
        self._state = state
        self._one_at_a_time = threading.Lock()
        self._is_lost = False
        self._moved_to: str | None = None

    def check(self) -> None:
        """Raise LeaseLostError, FolderLostError where the driver or its folder was replaced.

        Called at every commit: an object store is asked no more than whether there is a newer lease.
        """
        self._lease.check()
        if not self._folder.is_remote:
            with self._told():
                self._files.refuse_replaced(self._journal.name)

    def renew(self) -> None:
        """Renew the lease, which proves that the folder is there and takes writes. Raises as `check`, StorageError."""
        with self._told(), self._one_at_a_time:
            self._files.refuse_replaced(self._journal.name)
            self._lease.renew(self._journal.mark)

    def renew_meanwhile(self) -> None:
        """Renew the lease alone, from another thread than the one that writes the journal, and say nothing.

        What is wrong with the folder is told by the driver itself, at its next commit or renewal. Raises as `renew`.
        """
        with self._one_at_a_time:
            self._lease.renew(self._journal.mark)

    def release(self) -> None:
        """Give the lease back, in the folder's new place where it was moved."""
        moved = self._folder.at(self._moved_to).files() if self._moved_to else None
        if moved is None and self._is_lost:
            return  # what lies at its place, a copy perhaps, is not this driver's
        # A lease that is not given back is taken over by the next driver.
        with contextlib.suppress(StorageError), self._one_at_a_time:
            self._lease.release(self._journal.mark, moved)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except FolderLostError as error:
            self._is_lost, self._moved_to = True, error.now_at
            raise FolderLostError(self._what_is_left(error), error.now_at) from error

    def _what_is_left(self, error: FolderLostError) -> str:
        """Say what happened to the folder, what can be gone on with, and what lies at its place now."""
        if error.now_at is not None:
            there = shlex.quote(error.now_at)
            remedy = f"Everything acknowledged went with it; go on there: `stepladder resume {there}`"
        else:
            trials = self._state.trials
            reports = counted(sum(trial.report_count for trial in trials), "report")
            remedy = (
                f"It held {counted(len(trials), 'trial')} with {reports}. If it was moved to another disk, go on there "
                "with `stepladder resume ITS_PLACE`; else restore it from a copy and resume that, or start anew"
            )
        try:
            left = ", ".join(self._files.names("")) or "nothing"
        except StorageError:
            left = "nothing that can be read"
        place = str(self._folder)
        return f"{place}: this sweep's folder changed under its driver: {error}. {remedy}. Left at {place}: {left}"
