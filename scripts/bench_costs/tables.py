"""What keeping the tables of a large sweep costs: all at once after a resume, then after one more report each time."""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench_costs.sweeps import EIGHT, LENGTHS, history, plan_of, reported
from orchestrator.results.tables import Tables
from orchestrator.state.fold import SweepState
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev

OPEN = 50
"""Trials that run while it is measured."""
REPORTS = 10
REFRESHES = 21


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure the tables of sweeps of up to `--most-trials` trials, ten reports each, of three metrics."""
    found: dict[str, float] = {}
    for trials in (count for count in LENGTHS if count <= arguments.most_trials):
        found |= _one(trials, arguments.folder)
    return found


def _one(trials: int, disk: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=disk) as folder:
        place = Location.parse(folder)
        plan = plan_of(trials, REPORTS, EIGHT, searcher={"name": "random"})
        tables, stream = Tables(LocalFileSystem(Path(folder)), place), history(plan, trials, REPORTS, OPEN)
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
            event = reported(trial, REPORTS / 2 + 1.0 + number // OPEN, 3e6 + number)
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
