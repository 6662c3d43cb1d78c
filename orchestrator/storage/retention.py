"""Removes checkpoints that nobody can need any more, beside the loop.

Ray Tune's own retention would look at its own unacknowledged state; a checkpoint that the journal still names must
never go. Which ones go is decided elsewhere (`orchestrator.policies.keeping`), and is on disk before they are handed
on.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable
from functools import partial

from orchestrator.errors import StorageError
from orchestrator.storage.checkpoints import FOLDER, found_checkpoint, names_below, stored_checkpoints
from orchestrator.storage.location import Location


class Retention:
    """A thread that removes checkpoints of the sweep in a folder, and nothing outside that."""

    def __init__(self, folder: Location) -> None:
        self._folder = folder
        self._due: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
        self._thread.start()

    def remove(self, checkpoints: Iterable[str]) -> None:
        """Remove these recorded checkpoints soon."""
        for checkpoint in checkpoints:
            self._due.put(partial(remove_checkpoint, self._folder, checkpoint))

    def clear(self, named: Iterable[str], epoch: int) -> None:
        """Remove soon what drivers before that of `epoch` left beside the checkpoints that are `named` in the log."""
        self._due.put(partial(clear_earlier, self._folder, tuple(named), epoch))

    def stop(self) -> None:
        """Remove what is left and end."""
        self._due.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (due := self._due.get()) is not None:
            due()


def remove_checkpoint(folder: Location, checkpoint: str) -> None:
    """Remove a recorded checkpoint of the sweep in `folder`, wherever it lies in it now, and nothing that lies outside.

    One that cannot be removed stays: it costs space, and the next driver, or `stepladder gc`, finds it.
    """
    with contextlib.suppress(OSError, StorageError):
        place = found_checkpoint(checkpoint, folder)
        if place is None or not _is_inside(folder, place):
            return
        folder.at(place).delete()
        if not folder.is_remote:
            folder.at(place).path.parent.rmdir()  # its attempt's folder, where nothing else lies in it


def clear_earlier(folder: Location, named: Iterable[str], epoch: int) -> None:
    """Remove what drivers before that of `epoch` left among the checkpoints, but for what is `named` in the log.

    Those are newer ones that were not acknowledged when a driver died, and older ones that it did not come to remove.
    """
    kept = {name for checkpoint in named for name in names_below(checkpoint)}
    with contextlib.suppress(OSError, StorageError):
        for stored in stored_checkpoints(folder):
            if stored.epoch is not None and stored.epoch < epoch and stored.name not in kept:
                remove_checkpoint(folder, str(folder / FOLDER / stored.name))


def _is_inside(folder: Location, place: str) -> bool:
    if folder.is_remote:
        return folder.inside(place) is not None
    path, home = folder.at(place).path.resolve(), folder.path.resolve()
    return path.is_relative_to(home) and path != home
