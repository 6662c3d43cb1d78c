"""What keeping the tables of a large sweep costs: all at once after a resume, then after one more report each time."""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench_costs.sweeps import EIGHT, plan_of
from orchestrator.results.tables import Tables
from orchestrator.state.fold import SweepState
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, StopReason

OPEN = 50
"""Trials that run while it is measured."""
REPORTS = 10
REFRESHES = 21


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure the tables of sweeps of up to `--most-trials` trials, ten reports each, of three metrics."""
    found: dict[str, float] = {}
    for trials in (count for count in (100, 1_000, 10_000, 100_000) if count <= arguments.most_trials):
        found |= _one(trials, arguments.folder)
    return found


def _one(trials: int, disk: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=disk) as folder:
        place = Location.parse(folder)
        tables, stream = Tables(LocalFileSystem(Path(folder)), place), _events(trials)
        first = next(stream)
        assert isinstance(first, ev.SweepPlanned)
        state = SweepState(first)
        begun = time.process_time()
        tables.take(first, state)
        for event in stream:
            state.apply(event)
            tables.take(event, state)
        tables.flush()
        whole = time.process_time() - begun
        again = []
        for number in range(REFRESHES):
            trial = trials - 1 - number % OPEN
            event = _report(trial, REPORTS / 2 + 1.0 + number // OPEN, 3e6 + number)
            state.apply(event)
            tables.take(event, state)
            begun = time.process_time()
            tables.flush()
            again.append(time.process_time() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        f"s of CPU, all tables of {trials:,} trials, {trials * REPORTS:,} reports": whole,
        f"ms of CPU, a refresh after one more report, {trials:,} trials": statistics.median(again) * 1e3,
        f"MB of memory of the tables at their peak, {trials:,} trials": peak / 1e6,
    }


def _events(trials: int) -> Iterator[ev.Event]:
    plan = plan_of(trials, REPORTS, EIGHT, searcher={"name": "random"})
    yield ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"), m=0.0)
    yield ev.DriverStarted(0.0, 1, "host:1", "bench", {})
    for trial in range(trials):
        t, is_open = 10.0 * trial, trial >= trials - OPEN
        config = {name: 1e-4 + ((trial + place) * 7919 % 9973) / 9974 for place, name in enumerate(EIGHT)}
        yield ev.TrialProposed(t, trial, config, "joint", "model", list(EIGHT), None, 0, learned_from=trial)
        yield ev.AttemptStarted(t, trial, 0)
        yield ev.AttemptPlaced(t, trial, 0, f"node-{trial % 8}", "0")
        for epoch in range(1, (REPORTS // 2 if is_open else REPORTS) + 1):
            stop = StopReason.FULL_FIDELITY if epoch == REPORTS else None
            yield _report(trial, float(epoch), t + epoch, stop)
        if not is_open:
            yield ev.AttemptEnded(t + REPORTS + 1, trial, 0, Outcome.STOPPED)


def _report(trial: int, fidelity: float, t: float, stop: StopReason | None = None) -> ev.Reported:
    loss = (trial * 31 % 1009) / 1009 + 1 / fidelity
    return ev.Reported(t, trial, 0, fidelity, {"loss": loss, "accuracy": 1 - loss, "seconds": 0.1}, None, stop)
