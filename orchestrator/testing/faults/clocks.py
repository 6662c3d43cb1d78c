"""Pretended time: one true time, and the clocks of machines, which begin anywhere and which somebody sets."""

from __future__ import annotations

from orchestrator.control.simulator import VirtualClock

EPOCH_S = 1_700_000_000.0


class Clocks:
    """The clocks of one machine."""

    def __init__(self, true: VirtualClock, begins_s: float) -> None:
        """Tell the time of `true`, which all machines share; the steady clock begins at `begins_s`."""
        self.true = true
        self._begins_s = begins_s
        self._off_s = 0.0
        self._slept_s = 0.0

    def wall(self) -> float:
        """Return the seconds since the epoch, as somebody set them."""
        return EPOCH_S + self.true.now + self._off_s + self._slept_s

    def steady(self) -> float:
        """Return the seconds of the clock that nobody sets; it stands while the machine sleeps."""
        return self.true.now + self._begins_s

    def set_by(self, seconds: float) -> None:
        """Set the wall clock, forth or back."""
        self._off_s += seconds

    def suspend(self, seconds: float) -> None:
        """Let the machine sleep: nothing on it notices but its wall clock."""
        self._slept_s += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.true.now += seconds
