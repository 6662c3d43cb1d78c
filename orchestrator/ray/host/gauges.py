"""A sweep in Ray's own metrics, for a team's Prometheus: trials by state, best, spend, how idle its places are.

Ray exports what its nodes and tasks do on a port of each node; what is set here goes the same way, with `ray_` before
its name, and opens no port of ours. `cluster/grafana.json` is a dashboard of it. Only on a cluster that is joined: a
Ray that a driver starts for itself has nobody that asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import ray
from ray.util.metrics import Gauge

from orchestrator.results.time_use import time_use
from orchestrator.sweep.trial import TrialState

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.sweep import event as ev

PERIOD_S = 10.0
"""How often they are set, by the time of the records; Ray exports them about as often."""
GAUGES: Mapping[str, str] = {
    "stepladder_trials": "Trials of the search, by state",
    "stepladder_trials_planned": "Trials that the budget has",
    "stepladder_best": "The objective of the best trial so far",
    "stepladder_baseline": "The objective of the baseline",
    "stepladder_gpu_hours": "GPU hours spent",
    "stepladder_cpu_hours": "CPU hours spent",
    "stepladder_places_waiting": "Places that were asked for and are not there",
    "stepladder_idle_share": "Part of its places' time that no trial had, 0 to 1",
}
"""What is measured, and what it means. `ray_` stands before each in what Ray exports."""
TAGS = ("sweep", "metric", "state")
"""Labels that every gauge has: the sweep's id, the objective's name, and a trial's state or nothing."""


class GaugeReading(NamedTuple):
    """One value of one gauge."""

    name: str
    """One of `GAUGES`."""
    value: float
    """Its value now."""
    state: str = ""
    """Which trials it counts; empty for all else."""


class SweepGauges:
    """An observer of `orchestrator.results.follower`."""

    name = "Ray's metrics"

    def __init__(self) -> None:
        """Set nothing yet: Ray may not be there."""
        self._gauges: dict[str, Gauge] = {}
        self._state: SweepState | None = None
        self._due_s = 0.0

    def take(self, event: ev.Event, state: SweepState) -> None:  # noqa: ARG002 - an observer's hook
        """Take one record in."""
        self._state = state

    def flush(self) -> None:
        """Set the gauges, a few times a minute, where Ray is there."""
        state = self._state
        if state is None or not ray.is_initialized() or state.last_t < self._due_s:
            return
        self._due_s = state.last_t + PERIOD_S
        if not self._gauges:
            self._gauges = {name: Gauge(name, description, TAGS) for name, description in GAUGES.items()}
        tags = {"sweep": state.plan.sweep_id, "metric": state.plan.spec.objective.metric}
        for reading in readings(state):
            self._gauges[reading.name].set(reading.value, {**tags, "state": reading.state})

    def close(self) -> None:
        """Do nothing: Ray keeps what was set until the driver's process ends."""


def readings(state: SweepState) -> Iterator[GaugeReading]:
    """Yield what there is to measure of a sweep now; nothing of what is not known yet."""
    counts = state.counts()
    for found in TrialState:
        yield GaugeReading("stepladder_trials", counts[found], found.value)
    yield GaugeReading("stepladder_trials_planned", state.plan.spec.budget.trials)
    leader, baseline = state.leader(), state.baseline
    if leader is not None and leader.value is not None:
        yield GaugeReading("stepladder_best", leader.value)
    if baseline is not None and baseline.value is not None:
        yield GaugeReading("stepladder_baseline", baseline.value)
    spend, use = state.spend_at(state.last_clock_s), time_use(state)
    yield GaugeReading("stepladder_gpu_hours", spend.gpu_hours)
    yield GaugeReading("stepladder_cpu_hours", spend.cpu_hours)
    yield GaugeReading("stepladder_places_waiting", state.awaited.waiting)
    yield GaugeReading("stepladder_idle_share", use.share(use.idle_s))
