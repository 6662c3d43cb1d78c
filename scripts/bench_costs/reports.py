"""What answering a report costs: with few trials open and with many, without a cap and with one, after few and many."""

from __future__ import annotations

import argparse
import gc
import time

from bench_costs.sweeps import EIGHT, LENGTHS, NoJournal, driven, history, plan_of
from orchestrator.control.answers import Report
from orchestrator.control.controller import Controller
from orchestrator.state.fold import SweepState

LEAST_S = 1.0
"""Each figure is the mean over so many seconds of CPU at least, or over `MOST` reports."""
MOST = 20_000
OPEN = 50
"""Trials that run in a sweep of some length."""


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure reports with ten metrics."""
    found = {}
    for workers in (count for count in (64, 1_000, 10_000) if count <= arguments.most_open):
        for cap in ({}, {"gpu_hours": 1e9}):
            budget, what = {"trials": workers, **cap}, "a cap" if cap else "no cap"
            plan = plan_of(workers, 10**6, EIGHT, budget=budget, resources={"gpus": 1}, searcher={"name": "random"})
            found[f"us of CPU a report, {workers:,} open, {what}"] = _one(
                driven(plan, NoJournal(), workers), 0, workers
            )
    for trials in (count for count in LENGTHS if count <= arguments.most_trials):
        controller = _after(trials)
        found[f"us of CPU a report, {trials:,} trials, {OPEN} open, a cap"] = _one(controller, trials - OPEN, OPEN)
    return found


def _after(trials: int) -> Controller:
    """Return the controller of a sweep with so many trials of ten reports, the last `OPEN` of which run."""
    kept = {"budget": {"trials": trials, "gpu_hours": 1e9}, "resources": {"gpus": 1}, "searcher": {"name": "random"}}
    stream = history(plan_of(trials, 10**6, EIGHT, **kept), trials, 10, OPEN)
    state = SweepState(next(stream))
    for event in stream:
        state.apply(event)
    return Controller(state, NoJournal(), lambda: 10.0 * trials)


def _one(controller: Controller, first: int, running: int) -> float:
    metrics = {"loss": 0.5} | {f"metric_{number}": 0.123456789 * number for number in range(9)}
    for trial in range(first, first + running):  # what a driver does once, with its first report after a resume
        controller.on_report(Report(trial, 0, 6.0, metrics))
    gc.freeze()  # a driver's trials are no garbage either
    begun, count = time.thread_time(), 0
    while count < MOST and time.thread_time() - begun < LEAST_S:
        for _ in range(100):
            controller.on_report(Report(first + count % running, 0, count // running + 7.0, metrics))
            count += 1
        controller.tick()
    return (time.thread_time() - begun) / count * 1e6
