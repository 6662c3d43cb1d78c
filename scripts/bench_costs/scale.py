"""A very large sweep on pretended workers: what a driver of it costs in time and memory."""

from __future__ import annotations

import argparse
import resource
import sys
import time

from bench_costs.sweeps import EIGHT, NoJournal, plan_of
from orchestrator.control.controller import Controller
from orchestrator.control.simulator import SimulatedCluster, VirtualClock, simulate
from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev

EPOCHS = 10


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure a sweep of `--scale-trials` trials of ten reports each, searcher random, a tenth of them at once.

    The log is counted, not kept: the simulator is to cost nothing that a driver does not.
    """
    trials = arguments.scale_trials
    plan = plan_of(trials, EPOCHS, EIGHT, scheduler={"name": "none"}, searcher={"name": "random"}, search="random")
    clock, journal = VirtualClock(), NoJournal()
    first = ev.SweepPlanned(clock(), ev.FORMAT, plan.model_dump(mode="json"), m=clock())
    controller = Controller(SweepState(first), journal, clock, monotonic=clock)
    cluster = SimulatedCluster(workers=trials // 10, checkpoint_every=0)
    begun, looked = time.process_time(), time.perf_counter()
    simulate(controller, clock, lambda config, epoch: float(config["x0"]) / epoch, cluster)
    took, waited = time.process_time() - begun, time.perf_counter() - looked
    assert sum(trial.report_count for trial in controller.state.trials) == trials * EPOCHS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    what = f"{trials // 10:,} workers, {trials:,} trials, {trials * EPOCHS:,} reports"
    return {
        f"s of CPU, {what}": took,
        f"s of wall, {what}": waited,
        f"MB of memory at its peak, {what}": peak / 1e6,
        f"records written, {what}": float(journal.count),
    }
