"""Bounds on metrics that a training reports beside its objective: `constraints: {latency_ms: {max: 20}}`.

What counts is the newest value that a trial has reported. A trial that breaks a bound, or never says what one bounds,
leads nothing and wins nothing (`orchestrator.sweep.standing`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import model_validator

from orchestrator.sweep.record import Record, StrictFloat
from orchestrator.sweep.trial import Trial


class Bound(Record):
    """Between which values a metric must lie, both included: `{max: 20}`, `{min: 0.9}`, or both."""

    min: StrictFloat | None = None
    """The least that holds. None: any."""
    max: StrictFloat | None = None
    """The most that holds. None: any."""

    @model_validator(mode="after")
    def _check(self) -> Bound:
        if self.min is None and self.max is None:
            raise ValueError("bounds nothing; write max, min, or both, as in {max: 20}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}: no value could hold; lower min")
        return self

    def holds(self, value: float) -> bool:
        """Say whether a value lies within; what is no number does not."""
        if math.isnan(value):
            return False
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)

    def __str__(self) -> str:
        """Write it as people say it: `at most 20`, `at least 0.9`, `0.9 to 1`."""
        if self.min is None:
            return f"at most {self.max:g}"
        return f"at least {self.min:g}" if self.max is None else f"{self.min:g} to {self.max:g}"


def take_bounded(trial: Trial, bounds: Mapping[str, Bound], reported: Mapping[str, float | str]) -> None:
    """Take in what a report says of the bounded metrics; `reported` holds every number of it, as the log does."""
    trial.bounded = trial.bounded | {name: float(reported[name]) for name in bounds if name in reported}
    trial.breaks = tuple(name for name, value in trial.bounded.items() if not bounds[name].holds(value))
    trial.unsaid = tuple(name for name in bounds if name not in trial.bounded)
