"""The lease of a driver whose step takes long: a thread of its own renews it meanwhile.

The driver's loop renews the lease between two steps, every few seconds. Ray's start, a fold of a hundred thousand
trials or a first proposal after it can take longer than a lease lives, and a driver on another host would then take the
sweep from one that works. So a second thread looks whether the loop is late, and renews in its place; it writes nothing
else, and says nothing: what it finds wrong the loop finds by itself, at the latest before its next commit, which looks
for a newer lease. A loop that has not turned for ten minutes hangs, and is not stood in for any longer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from orchestrator.errors import StepladderError, StorageAwayError
from orchestrator.storage.lease import RENEW_S

LATE_S = 2 * RENEW_S
"""A loop that has not renewed for so long is stood in for: early enough for two tries in a lease's life."""
HANGS_S = 600.0
"""A loop that has not turned for so long does not work any more."""


class LeaseKeeper:
    """Renews the lease while the driver's loop is in a long step; a context manager around the loop."""

    def __init__(
        self, renew: Callable[[], None], clock: Callable[[], float], late_s: float = LATE_S, hangs_s: float = HANGS_S
    ) -> None:
        """`renew` may be called from another thread; `clock` counts seconds, and nobody sets it back."""
        self._renew = renew
        self._clock = clock
        self._late_s = late_s
        self._hangs_s = hangs_s
        self._turned_s = self._renewed_s = clock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def on_turn(self) -> None:
        """Note that the loop begins another step."""
        self._turned_s = self._clock()

    def on_renewed(self) -> None:
        """Note that the loop renewed the lease itself."""
        self._renewed_s = self._clock()

    def look(self) -> None:
        """Renew in the loop's place where that is due. Raises where the lease or the folder is lost."""
        now_s = self._clock()
        if now_s - self._renewed_s < self._late_s or now_s - self._turned_s > self._hangs_s:
            return
        try:
            self._renew()
        except StorageAwayError:  # again in a moment, while the loop waits for the storage as well
            return
        self._renewed_s = self._clock()

    def __enter__(self) -> Self:
        self.on_turn()
        self._ended.clear()
        self._thread = threading.Thread(target=self._keep, name="stepladder-lease", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Renew no more; returns when a renewal that is under way is done."""
        self._ended.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread = None

    def _keep(self) -> None:
        while not self._ended.wait(self._late_s / 4):
            try:
                self.look()
            except StepladderError:  # lost: the loop will find it, and say so
                return
