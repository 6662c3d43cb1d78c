"""Calls into storage that have not returned yet, and a watch that tells of one that hangs.

A call into a network mount whose server is gone may never return, and whoever made it can neither say so nor leave. So
each call is noted while it is under way, whatever thread made it, and a thread of its own looks. This is for commands
before and beside a driver's work; a driver watches its own calls by its sweep's limits
(`orchestrator.control.blocked_storage`).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

from orchestrator.errors import StorageAwayError

LOOK_S = 1.0
"""How often the watch looks."""
TOLD_S = 10.0
"""How long a call may take until that is told."""
LIMIT_S = 600.0
"""How long it is waited for, unless a sweep's `limits.storage` is known."""
LEAST_S = 60.0
"""How long it is waited for at least: stores and their clients try again by themselves."""
_CALLS: dict[int, str] = {}
"""Where each call goes, by the number of its note, oldest first."""


@contextlib.contextmanager
def under_way(place: str) -> Iterator[None]:
    """Note that a call at `place` is under way inside the block."""
    note = object()
    _CALLS[id(note)] = place
    try:
        yield
    finally:
        del _CALLS[id(note)]


def oldest() -> tuple[int, str] | None:
    """Return the number and the place of the call that has been under way for longest; None where none is."""
    return next(iter(_CALLS.copy().items()), None)


class StorageWatch:
    """Looks from a thread, inside the block, for a call that does not return."""

    def __init__(
        self, tell: Callable[[str], None], leave: Callable[[StorageAwayError], None] | None, limit_s: float = LIMIT_S
    ) -> None:
        """Tell of such a call after `TOLD_S`, and call `leave`, once, after `limit_s`; None: it is only told of."""
        self.limit_s = limit_s
        """For how long storage is waited for, in seconds, and `LEAST_S` at least."""
        self._tell = tell
        self._leave = leave
        self._call: tuple[int, str] | None = None
        self._for_s = 0.0
        self._has_told = self._has_left = False
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self._over = threading.Event()
        threading.Thread(target=self._run, args=(self._over,), name="stepladder-storage-watch", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Look at nothing inside the block: a driver does so itself."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()

    def look(self, since_s: float) -> None:
        """Look once more, `since_s` seconds after the last time."""
        call = oldest()
        if call is None or call != self._call:
            self._call, self._for_s, self._has_told = call, 0.0, False
            return
        self._for_s += min(since_s, 2 * LOOK_S)  # no more passes where this process was stopped
        limit_s = max(self.limit_s, LEAST_S)
        if self._for_s >= TOLD_S and not self._has_told:
            self._has_told = True
            until = "" if self._leave is None else f", {limit_s:.0f} s at most"
            self._tell(f"storage does not answer: {call[1]} for {self._for_s:.0f} s; it is waited for{until}")
        if self._for_s >= limit_s and self._leave is not None and not self._has_left:
            self._has_left = True
            self._leave(
                StorageAwayError(
                    f"storage does not answer: a call at {call[1]} has not returned for {self._for_s:.0f} s. "
                    "Nothing acknowledged is lost: try again once it answers"
                )
            )

    def _run(self, over: threading.Event) -> None:
        looked_s = time.monotonic()
        while not over.wait(LOOK_S):
            now_s = time.monotonic()
            self.look(now_s - looked_s)
            looked_s = now_s
