"""Watches from a thread of its own whether Ray is still there, because the loop cannot: Ray's calls wait in its C++.

Two doors are knocked at every few seconds: the control store (GCS) on the cluster's head, and the raylet of this
machine. One that stays shut means that nothing can be placed, answered or ended any more. With the control store gone,
Ray's own library ends this process after a minute, without a word of ours; so the sweep is left before.

The kernel opens a door for a process that hangs, too. Whoever serves gRPC, which is HTTP/2, answers a greeting with a
frame of settings at once (RFC 9113, 3.4): where a door has done so before, it must go on doing so. One that never did,
as with Ray under TLS, is only expected to open.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType

from orchestrator.errors import ClusterLostError

KNOCK_S = 1.5
"""How often it is knocked."""
CONNECT_S = 2.0
"""How long a door may take to open; the kernel opens it, however busy the process behind it is."""
GONE_S = 5.0
"""How long a door must have been shut, knocked at more than once, until what is behind it counts as gone."""
ANSWER_S = 2.0
"""How long whoever is behind it may take to answer a greeting."""
SILENT_S = 7.0
"""How long a door must have opened without an answer: a process on a busy machine takes its time."""
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""HTTP/2's preface, and a frame of no settings."""
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
        watched = [_Door(behind, address) for behind, address in doors.items()]
        while True:  # at once, too: what hangs before it was seen to answer is never missed
            for door in watched:
                if door.is_gone():
                    self._lost(lost(door.behind, door.address))
                    return
            if self._over.wait(KNOCK_S):
                return

    def _lost(self, error: ClusterLostError) -> None:
        if self._over.is_set():
            return
        self._on_lost(error)
        if not self._over.wait(LEAVE_S):
            self._leave(error)


@dataclass(slots=True)
class _Door:
    """A door that is knocked at, and how it opened so far."""

    behind: str
    address: tuple[str, int]
    has_answered: bool = False
    shut_s: float | None = None
    silent_s: float | None = None

    def is_gone(self) -> bool:
        """Knock, and say whether whoever is behind it counts as gone."""
        begun_s = time.monotonic()
        knocked = knock(self.address)
        self.has_answered |= knocked is Knock.ANSWERED
        is_shut, is_silent = knocked is Knock.SHUT, self.has_answered and knocked is not Knock.ANSWERED
        self.shut_s = (begun_s if self.shut_s is None else self.shut_s) if is_shut else None
        self.silent_s = (begun_s if self.silent_s is None else self.silent_s) if is_silent else None
        now_s = time.monotonic()
        return any(
            since_s is not None and since_s < begun_s and now_s - since_s >= limit_s
            for since_s, limit_s in ((self.shut_s, GONE_S), (self.silent_s, SILENT_S))
        )


class Knock(Enum):
    """How a door took a knock."""

    SHUT = auto()
    OPENED = auto()
    """It opened, and nobody said anything."""
    ANSWERED = auto()


def knock(address: tuple[str, int]) -> Knock:
    """Go to a door and greet whoever is behind it."""
    try:
        connection = socket.create_connection(address, CONNECT_S)
    except OSError:
        return Knock.SHUT
    with connection:
        try:
            connection.settimeout(ANSWER_S)
            connection.sendall(_GREETING)
            return Knock.ANSWERED if connection.recv(1) else Knock.OPENED
        except OSError:
            return Knock.OPENED


def lost(behind: str, address: tuple[str, int]) -> ClusterLostError:
    """Return what is said of a Ray that is gone."""
    host, port = address
    return ClusterLostError(
        f"Ray is gone: its {behind} at {host}:{port} does not answer any more. Nothing acknowledged is lost: "
        "resume it, on a cluster that was joined once that is there again"
    )
