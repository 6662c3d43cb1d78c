"""The sweep file's `setup`, tried on every node that could hold a trial, all at once."""

from __future__ import annotations

from collections.abc import Collection

import ray

from orchestrator import wording
from orchestrator.ray.host import cluster
from orchestrator.ray.host.machines import qualify
from orchestrator.ray.host.setups import task_on
from orchestrator.ray.preflight.findings import Finding
from orchestrator.ray.worker.setting_up import NodeSetup
from orchestrator.sweep.resources import Resources

CHECK = "setup"


def tried_setup(asked: NodeSetup, kinds: Collection[Resources], patience_s: float) -> Finding:
    """Run it on the nodes that qualify for one of `kinds`, and judge it; what has not ended in time is ended."""
    nodes = [node for node in cluster.alive_nodes() if any(qualify(node, kind) for kind in kinds)]
    tasks = {task_on(node, asked): node.names[0] for node in nodes}
    done = set(ray.wait(list(tasks), num_returns=len(tasks), timeout=patience_s)[0]) if tasks else set()
    failures, slowest_s = [], 0.0
    for task, name in tasks.items():
        if task not in done:
            ray.cancel(task, force=True)
            continue
        try:
            end = ray.get(task)
        except ray.exceptions.RayError as error:
            failures.append(f"on {name}: its process died: {type(error).__name__}")
            continue
        slowest_s = max(slowest_s, end.took_s)
        if end.failed is not None:
            failures.append(f"on {name}: {end.failed}")
    waiting = [name for task, name in tasks.items() if task not in done]
    return judged_setup(len(nodes), failures, waiting, slowest_s, patience_s)


def judged_setup(nodes: int, failures: list[str], waiting: list[str], slowest_s: float, patience_s: float) -> Finding:
    """Say what came of it on so many nodes: on which it failed, and which had not ended after `patience_s`."""
    if failures:
        remedy = "mend the line or the node; a sweep places no trial where it fails, and ends where it fails everywhere"
        return Finding.fails(CHECK, "; ".join(failures), remedy)
    if waiting:
        text = f"it still ran after {patience_s:g} s on {wording.first_of(waiting)}, and was ended"
        remedy = "a sweep waits for it as long as it takes: start all the same, or give --patience SECONDS"
        return Finding.cannot_tell(CHECK, text, remedy, "no answer")
    if not nodes:
        return Finding.cannot_tell(CHECK, "not run: no node that could hold a trial is up")
    return Finding.holds(CHECK, f"done on {wording.counted(nodes, 'node')}, in {slowest_s:.2g} s at most")
