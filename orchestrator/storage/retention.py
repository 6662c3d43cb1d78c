"""Removes checkpoints that newer, acknowledged ones of the same trial have replaced, beside the loop.

Ray Tune's own retention would look at its own unacknowledged state; a checkpoint that the journal still names must
never go.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from pathlib import Path

from orchestrator.errors import StorageError
from orchestrator.storage.location import Location


class Retention:
    """A thread that removes folders inside the sweep's folder, and nothing outside it."""

    def __init__(self, folder: Location) -> None:
        self._folder = folder
        self._doomed: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
        self._thread.start()

    def remove(self, checkpoints: list[str]) -> None:
        """Remove these checkpoints soon."""
        for checkpoint in checkpoints:
            self._doomed.put(checkpoint)

    def stop(self) -> None:
        """Remove what is left and end."""
        self._doomed.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (checkpoint := self._doomed.get()) is not None:
            with contextlib.suppress(OSError, StorageError):  # one left behind costs space, nothing else
                if self._is_ours(checkpoint):
                    self._folder.at(checkpoint).delete()

    def _is_ours(self, checkpoint: str) -> bool:
        if self._folder.is_remote:
            return self._folder.inside(checkpoint) is not None
        path, folder = Path(checkpoint).resolve(), self._folder.path.resolve()
        return path.is_relative_to(folder) and path != folder
