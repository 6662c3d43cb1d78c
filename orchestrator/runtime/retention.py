"""Removes checkpoints that newer, acknowledged ones of the same trial have replaced, beside the loop.

Ray Tune's own retention would look at its own unacknowledged state; a checkpoint that the journal still names must
never go.
"""

from __future__ import annotations

import queue
import shutil
import threading
from pathlib import Path

from orchestrator.runtime.location import Location


class Retention:
    """A thread that removes folders inside the sweep's folder, and nothing outside it."""

    def __init__(self, folder: Location) -> None:
        self._folder = folder.path.resolve()
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
            path = Path(checkpoint).resolve()
            if path.is_relative_to(self._folder) and path != self._folder:
                shutil.rmtree(path, ignore_errors=True)  # one left behind costs space, nothing else
