"""What every record of the log has in common: when it was written, by a clock that dates and by one that measures."""

from __future__ import annotations

import msgspec


class _Timed(msgspec.Struct, frozen=True, tag_field="event", omit_defaults=True, gc=False):
    t: float
    """Seconds since the epoch by the writing driver's clock: it dates."""


class DatedRecord(_Timed, frozen=True, kw_only=True):
    """A record of the log; each kind of them is in `orchestrator.sweep.event`."""

    m: float | None = None
    """Seconds by the writing driver's monotonic clock, which begins anywhere: it measures, between records of one
    driver. None in format 1."""

    @property
    def clock_s(self) -> float:
        """Seconds that measure between records of one driver: `m`, and `t` in logs that lack it."""
        return self.t if self.m is None else self.m
