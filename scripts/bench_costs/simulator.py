"""The simulator: whole sweeps without Ray."""

from __future__ import annotations

import argparse
import time

from bench_costs.sweeps import ONE, plan_of
from orchestrator.control.simulator import SimulatedCluster, simulate_plan


def measure(_arguments: argparse.Namespace) -> dict[str, float]:
    """Measure a whole simulated sweep of 1,000 trials, 100 reports each, on 64 workers."""
    rates = {}
    for searcher in ("random", "tpe"):
        plan = plan_of(1000, 100, ONE, scheduler={"name": "none"}, searcher={"name": searcher})
        begun = time.perf_counter()
        state, _ = simulate_plan(plan, lambda config, _: float(config["x"]), SimulatedCluster(workers=64))
        reports = sum(trial.report_count for trial in state.trials)
        rates[f"reports a second, searcher {searcher}"] = reports / (time.perf_counter() - begun)
    return rates
