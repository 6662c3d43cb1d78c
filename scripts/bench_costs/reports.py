"""What answering a report costs, with few trials open and with many, without and with a cap on hours."""

from __future__ import annotations

import argparse
import time

from bench_costs.sweeps import EIGHT, NoJournal, driven, plan_of
from orchestrator.control.answers import Report
from orchestrator.sweep.plan import Plan

LEAST_S = 1.0
"""Each figure is the mean over so many seconds of CPU at least, or over `MOST` reports."""
MOST = 20_000


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure reports with ten metrics."""
    found = {}
    for workers in (count for count in (64, 1_000, 10_000) if count <= arguments.most_open):
        for cap in ({}, {"gpu_hours": 1e9}):
            budget, what = {"trials": workers, **cap}, "a cap" if cap else "no cap"
            plan = plan_of(workers, 10**6, EIGHT, budget=budget, resources={"gpus": 1}, searcher={"name": "random"})
            found[f"us of CPU a report, {workers:,} open, {what}"] = _one(plan, workers)
    return found


def _one(plan: Plan, workers: int) -> float:
    controller = driven(plan, NoJournal(), workers)
    metrics = {"loss": 0.5} | {f"metric_{number}": 0.123456789 * number for number in range(9)}
    begun, count = time.thread_time(), 0
    while count < MOST and time.thread_time() - begun < LEAST_S:
        for _ in range(100):
            controller.on_report(Report(count % workers, 0, count // workers + 1.0, metrics))
            count += 1
        controller.tick()
    return (time.thread_time() - begun) / count * 1e6
