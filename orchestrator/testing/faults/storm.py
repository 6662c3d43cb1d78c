"""What befalls the storage of a pretended sweep: which operations fail, for how long, and what ends a driver there."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection
from random import Random

from orchestrator.control.simulator import VirtualClock
from orchestrator.testing.faults.disk import KILLED, Fault, When
from orchestrator.testing.faults.fates import Fates
from orchestrator.testing.faults.kinds import FaultKind
from orchestrator.testing.faults.store import BUSY, DENIED, SILENT, Refusal

WRITES = frozenset({"append", "sync", "replace", "create", "PutObject", "DeleteObjects"})
SILENCE_S = 15.0
"""How long a request to a silent store takes to fail."""
BLOCKED_S = (5.0, 20.0, 50.0, 700.0)
LONGEST_BLOCKED_S = 600.0
"""How long an operation may not return until its driver is ended from beside it; see `control.blocked_storage`."""
_CODES = {
    FaultKind.DISK_FULL: (errno.ENOSPC, errno.EDQUOT),
    FaultKind.DISK_SHORT: (errno.ENOSPC, errno.EIO),
    FaultKind.DISK_SYNC: (errno.EIO, errno.ENOSPC),
    FaultKind.DISK_AWAY: (errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.ECONNRESET),
}
_PASSING = {FaultKind.DISK_FULL: WRITES, FaultKind.DISK_SHORT: {"append"}, FaultKind.DISK_SYNC: {"sync"}}


class Storm:
    """The storage's luck. `strikes_driver` is told when a driver is hit in the middle of an operation."""

    def __init__(self, fates: Fates, random: Random, true: VirtualClock) -> None:
        self._fates, self._random, self._true = fates, random, true
        self._until_s, self._fault, self._only = 0.0, FaultKind.DISK_AWAY, WRITES
        self.needs_mending = False
        """Whether it takes no writes until somebody mends it."""
        self.is_calm = False
        """Whether nothing is drawn for now."""
        self.on_taken_over: Callable[[], None] = lambda: None
        """Called in the middle of an operation: another driver takes the sweep there."""
        self.on_power_cut: Callable[[], None] = lambda: None
        """Called where the power is cut."""

    @property
    def is_away(self) -> bool:
        """Say whether it takes no writes now."""
        return self.needs_mending or self._true.now < self._until_s

    def mend(self) -> None:
        """Let somebody mend what needs it."""
        self.needs_mending = False

    def disk(self, operation: str) -> Fault | None:
        """Say how an operation on the disk fails; None where it does not."""
        if self.is_calm:
            return None
        if self._true.now < self._until_s and operation in self._only:
            return Fault(self._random.choice(_CODES[self._fault]), self._when())
        if self._hits(operation):
            return Fault(KILLED, self._when())
        if self._fates.strikes(FaultKind.POWER_CUT, 0.003):
            self.on_power_cut()
            return Fault(KILLED, "before")
        if self._fates.strikes(FaultKind.DISK_BLOCKED, 0.01):
            blocked_s = self._random.choice(BLOCKED_S)
            self._true.now += blocked_s
            if blocked_s >= LONGEST_BLOCKED_S:
                return Fault(KILLED, self._when())
        if operation in WRITES and self._is_locked(FaultKind.DISK_READ_ONLY):
            return Fault(errno.EROFS, "before")
        for kind in (*_PASSING, FaultKind.DISK_AWAY):
            affected = _PASSING.get(kind)
            if (affected is None or operation in affected) and self._fates.strikes(kind, 0.01):
                self._lasts(kind, affected)
                return Fault(self._random.choice(_CODES[kind]), self._when())
        return None

    def store(self, request: str) -> Refusal | None:
        """Say how a request to the object store fails; None where it does not."""
        if self.is_calm:
            return None
        if self._true.now < self._until_s:
            return self._refusal(self._fault, request)
        if self._hits(request):
            return Refusal(Fault(KILLED, "before").error(), is_done=self._random.random() < 0.5)
        if request in WRITES and self._is_locked(FaultKind.STORE_DENIED):
            return Refusal(OSError(DENIED.format(request)))
        lasting = self._fates.one_of(FaultKind.STORE_BUSY, FaultKind.STORE_SILENT, chance=0.01)
        if lasting is not None:
            self._lasts(lasting, None)
            return self._refusal(lasting, request)
        passing = request == "PutObject" and self._fates.one_of(
            FaultKind.STORE_NO_ANSWER, FaultKind.STORE_LATE, chance=0.03
        )
        return self._refusal(passing, request) if passing else None

    def _refusal(self, kind: FaultKind, request: str) -> Refusal:
        if kind is FaultKind.STORE_SILENT:
            self._true.now += SILENCE_S
        text = BUSY if kind is FaultKind.STORE_BUSY else SILENT
        is_done = kind is FaultKind.STORE_NO_ANSWER
        return Refusal(OSError(text.format(request)), is_done, comes_late=kind is FaultKind.STORE_LATE)

    def _hits(self, operation: str) -> bool:
        """Draw what befalls the driver in the middle of an operation; True where it is killed."""
        if operation in WRITES and self._fates.strikes(FaultKind.TAKEN_OVER, 0.01):
            self.on_taken_over()
        return self._fates.strikes(FaultKind.KILL, 0.003)

    def _is_locked(self, kind: FaultKind) -> bool:
        self.needs_mending = self.needs_mending or self._fates.strikes(kind, 0.003)
        return self.needs_mending

    def _lasts(self, kind: FaultKind, affected: Collection[str] | None) -> None:
        """Draw how long a fault lasts: for this operation alone, for a while, or longer than is waited for."""
        self._until_s = self._true.now + self._random.choice((0.0, 0.0, 3.0, 40.0, 40.0, 700.0))
        self._fault, self._only = kind, frozenset(affected or WRITES | {"read", "exists", "names", "overwrite"})

    def _when(self) -> When:
        return self._random.choice(("before", "half", "after"))
