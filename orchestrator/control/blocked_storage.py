"""Storage that never answers: a call that does not return, as into a network mount whose server is gone, ends no wait.

The driver's thread is in the kernel then, and can neither try again nor leave. So another one looks how long the call
has taken already, says so, and after `limits.storage` has the process left with the code to repeat (75). Nothing is
written for that, since it would hang as well: what is open ends as after a driver that was killed. Where the process is
not ours to end, as a notebook's, the driver leaves by the same error once the call returns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from orchestrator import wording
from orchestrator.control.outage import LEAVING_S, Outages
from orchestrator.errors import StorageAwayError

LOOK_S = 1.0
"""How often the thread looks."""
TOLD_S = 30.0
"""How long a call may take until that is told."""
LEAST_S = 60.0
"""How long it may take at least, whatever the limit: stores and their clients try again by themselves."""


class BlockedStorage:
    """Watches over a driver's calls into its storage, from a thread inside the block."""

    def __init__(
        self, place: str, outages: Outages, tell: Callable[[str], None], leave: Callable[[StorageAwayError], None]
    ) -> None:
        """Call `leave`, once, from the thread, where the storage at `place` stays blocked; it is to end the process."""
        self._place = place
        self._outages = outages
        self._tell = tell
        self._leave = leave
        self._has_told = self._has_left = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stepladder-blocked-storage", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()

    def look(self) -> None:
        """Tell of a call that has not returned, and leave where it is not waited for any longer."""
        for_s = self._outages.pending_s()
        if for_s is None or for_s < TOLD_S:
            self._has_told = False
            return
        until_s = max(self._outages.limit_s(), LEAST_S)
        if not self._has_told:
            self._has_told = True
            self._tell(
                f"storage does not answer: a call at {self._place} has not returned for {wording.duration(for_s)}; it "
                f"is waited for, {wording.duration(until_s)} at most (limits.storage)"
            )
        if not self._has_left and (for_s >= until_s or (self._outages.is_leaving() and for_s >= TOLD_S + LEAVING_S)):
            self._has_left = True
            error = StorageAwayError(
                f"storage does not answer: a call at {self._place} has not returned for {wording.duration(for_s)}. "
                f"Nothing acknowledged is lost: run `stepladder resume {self._place}` once it answers."
            )
            self._outages.give_up(error)
            self._leave(error)

    def _run(self) -> None:
        while not self._over.wait(LOOK_S):
            self.look()
