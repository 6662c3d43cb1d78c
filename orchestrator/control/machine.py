"""What a driver asks of the machine that it works on: the time, a pause, and which process it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.storage.lease import Holder


@dataclass(frozen=True, slots=True)
class Machine:
    """The real ones by default."""

    wall: Callable[[], float] = time.time
    """Seconds since the epoch: it dates, and somebody may set it."""
    steady: Callable[[], float] = time.monotonic
    """Seconds that nobody sets back, from anywhere: it measures."""
    sleep: Callable[[float], None] = time.sleep
    """Lets so many seconds pass."""
    holder: Callable[[], Holder] = Holder.current
    """Who takes a lease."""

    @property
    def now(self) -> tuple[float, float]:
        """The moment by both clocks, as a record keeps it."""
        return self.wall(), self.steady()


THIS_MACHINE = Machine()
"""This process, and its machine's clocks."""
