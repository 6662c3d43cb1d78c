"""Where a trial's checkpoints go: Ray Tune's storage, which is tried again while it is away.

A checkpoint finds no room, or its server does not answer: that is no error of the training, which waits in its report
as it does for a verdict. After `limits.storage` the attempt ends with a word that tells the driver to leave (75).
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ray.train._internal.storage import StorageContext
from ray.tune import Checkpoint
from typing_extensions import override

from orchestrator.errors import StorageAwayError
from orchestrator.ray.worker.failure import STORAGE_AWAY, AttemptFailed
from orchestrator.storage import disk_errors, object_store
from orchestrator.storage.location import Location

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0


class PatientStorage(StorageContext):
    """Ray Tune's storage of one session. It travels to the workers by pickle."""

    def __init__(self, folder: Location, session_name: str, patience_s: float) -> None:
        """Keep checkpoints in `folder`; wait for `patience_s` seconds while that is away. Raises StorageError."""
        self._place = str(folder)
        self._patience_s = patience_s
        self.is_waiting = False
        """Whether a checkpoint waits for its storage just now."""
        self.put_s = 0.0
        """Seconds that checkpoints took so far in this process, those included for which storage was away."""
        with self._explained():
            store, path = folder.store() if folder.is_remote else (None, str(folder))
            super().__init__(storage_path=path, storage_filesystem=store, experiment_dir_name=session_name)

    @override
    def persist_current_checkpoint(self, checkpoint: Checkpoint) -> Checkpoint:
        """Put a checkpoint. Raises AttemptFailed where storage stays away, StorageError where it will not come back."""

        def put() -> Checkpoint:
            with self._explained():
                return super(PatientStorage, self).persist_current_checkpoint(checkpoint)

        begun_s = time.monotonic()
        try:
            return self._put_again(put)
        finally:
            self.is_waiting = False
            self.put_s += time.monotonic() - begun_s

    def _put_again(self, put: Callable[[], Checkpoint]) -> Checkpoint:
        begun_s, pause_s = time.monotonic(), FIRST_PAUSE_S
        while True:
            try:
                return put()
            except StorageAwayError as error:
                left_s = begun_s + self._patience_s - time.monotonic()
                if left_s <= 0:
                    raise AttemptFailed(
                        STORAGE_AWAY, f"{platform.node()} could not put a checkpoint: {error}"
                    ) from None
                self.is_waiting = True
                time.sleep(min(pause_s, left_s))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        if Location.parse(self._place).is_remote:
            with object_store.explained(self._place):
                yield
            return
        with disk_errors.explained(Path(self._place), ""):
            yield


class PutTime:
    """What checkpoints take of one attempt's time, in a process that may serve several."""

    def __init__(self, storage: StorageContext) -> None:
        """Count from now on."""
        self._storage = storage
        self._before_s = self._spent_s()

    def seen(self) -> float | None:
        """Return the seconds so far; None where no checkpoint was put."""
        return round(self._spent_s() - self._before_s, 3) or None

    def _spent_s(self) -> float:
        return self._storage.put_s if isinstance(self._storage, PatientStorage) else 0.0
