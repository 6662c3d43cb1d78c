"""Watches from a thread of its own whether Ray is still there, because the loop cannot: Ray's calls wait in its C++.

Two doors are knocked at every few seconds: the control store (GCS) on the cluster's head, and the raylet of this
machine. One that stays shut means that nothing can be placed, answered or ended any more. With the control store gone,
Ray's own library ends this process after a minute, without a word of ours; so the sweep is left before.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType

from orchestrator.errors import ClusterLostError

KNOCK_S = 1.5
"""How often it is knocked."""
CONNECT_S = 2.0
"""How long a door may take to open; the kernel opens it, however busy the process behind it is."""
GONE_S = 5.0
"""How long a door must have been shut, knocked at more than once, until what is behind it counts as gone."""
LEAVE_S = 2.0
"""How long the loop has to leave by itself, before the sweep is left without it."""


class Vigil:
    """A thread that knocks, from `begin` to the end of the block."""

    def __init__(self, on_lost: Callable[[ClusterLostError], None], leave: Callable[[ClusterLostError], None]) -> None:
        """Call `on_lost` once Ray is gone, then, where the block has not ended within `LEAVE_S`, `leave`."""
        self._on_lost = on_lost
        self._leave = leave
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Vigil:
        """Prepare; nothing is knocked at yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the thread, unless it has begun to leave."""
        self._over.set()

    def begin(self, doors: Mapping[str, tuple[str, int]]) -> None:
        """Knock at these addresses from now on, each by the name of what is behind it."""
        self._thread = threading.Thread(target=self._run, args=(dict(doors),), name="stepladder-vigil", daemon=True)
        self._thread.start()

    def _run(self, doors: dict[str, tuple[str, int]]) -> None:
        shut: dict[str, float] = {}
        while not self._over.wait(KNOCK_S):
            for behind, address in doors.items():
                if is_open(address):
                    shut.pop(behind, None)
                elif time.monotonic() - shut.setdefault(behind, time.monotonic()) >= GONE_S:
                    self._lost(lost(behind, address))
                    return

    def _lost(self, error: ClusterLostError) -> None:
        if self._over.is_set():
            return
        self._on_lost(error)
        if not self._over.wait(LEAVE_S):
            self._leave(error)


def is_open(address: tuple[str, int]) -> bool:
    """Say whether somebody listens there."""
    try:
        socket.create_connection(address, CONNECT_S).close()
    except OSError:
        return False
    return True


def lost(behind: str, address: tuple[str, int]) -> ClusterLostError:
    """Return what is said of a Ray that is gone."""
    host, port = address
    return ClusterLostError(
        f"Ray is gone: its {behind} at {host}:{port} does not answer any more. Nothing acknowledged is lost: "
        "resume it, on a cluster that was joined once that is there again"
    )
