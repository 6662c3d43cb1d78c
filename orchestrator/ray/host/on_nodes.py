"""Small tasks on the nodes of an attempt's processes, which take no room there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.ray.worker import ahead
from orchestrator.ray.worker.ending import WorkerProcess


def run_on_nodes(task: Callable[[WorkerProcess], Any], processes: tuple[WorkerProcess, ...]) -> list[Any]:
    """Run a task for each process on its node; returns what Ray will answer with, in their order."""
    remote = ray.remote(num_cpus=0, max_retries=0, **ahead.apart())(task)
    return [
        remote.options(scheduling_strategy=NodeAffinitySchedulingStrategy(process.node_id, soft=False)).remote(process)
        for process in processes
    ]


def answer(reference: Any) -> Any:
    """Return what a task answered; None where it failed: its node may be gone."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayError:
        return None
