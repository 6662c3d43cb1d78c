"""A very large sweep on pretended workers: what a driver of it costs in time and memory."""

from __future__ import annotations

import argparse
import resource
import sys
import time
from multiprocessing import get_context

from bench_costs.older import record
from bench_costs.sweeps import EIGHT, NoJournal, plan_of
from orchestrator.control.controller import Controller
from orchestrator.control.simulator import SimulatedCluster, VirtualClock, simulate
from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev

EPOCHS = 10


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure sweeps of `--scale-trials` trials of ten reports each, a tenth of them at once, random and `auto`.

    The log is counted, not kept: the simulator is to cost nothing that a driver does not. Each has a process of its
    own, so that its memory is told apart.
    """
    found: dict[str, float] = {}
    for searcher, search in (("random", "random"), ("auto", "joint")):
        with get_context("spawn").Pool(1) as pool:
            found |= pool.apply(_one, (arguments.scale_trials, searcher, search))
    return found


def _one(trials: int, searcher: str, search: str) -> dict[str, float]:
    plan = plan_of(trials, EPOCHS, EIGHT, scheduler={"name": "none"}, searcher={"name": searcher}, search=search)
    clock, journal = VirtualClock(), NoJournal()
    first = record(ev.SweepPlanned, clock(), ev.FORMAT, plan.model_dump(mode="json"), m=clock())
    try:
        controller = Controller(SweepState(first), journal, clock, monotonic=clock)
    except TypeError:  # an older tree knows one clock
        controller = Controller(SweepState(first), journal, clock)
    cluster = SimulatedCluster(workers=trials // 10, checkpoint_every=0)
    begun, looked = time.process_time(), time.perf_counter()
    simulate(controller, clock, lambda config, epoch: float(config["x0"]) / epoch, cluster)
    took, waited = time.process_time() - begun, time.perf_counter() - looked
    assert sum(trial.report_count for trial in controller.state.trials) == trials * EPOCHS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    what = f"{searcher}, {trials // 10:,} workers, {trials:,} trials, {trials * EPOCHS:,} reports"
    return {
        f"s of CPU, {what}": took,
        f"s of wall, {what}": waited,
        f"MB of memory at its peak, {what}": peak / 1e6,
        f"records written, {what}": float(journal.count),
    }
