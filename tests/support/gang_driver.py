"""A driver with a Ray of its own, two nodes of two (fake) GPUs: runs sweeps of two-node trials and prints what became
of each, one JSON line a sweep. Started as a program: a process has one Ray only."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster
from sweeps import make_plan, make_spec

from orchestrator.control.session import Session, create
from orchestrator.project.pinning import take_code
from orchestrator.ray.host.host import HostOptions, run_on_ray
from orchestrator.ray.worker.trainable import PinnedPlace, TrainableFile
from orchestrator.storage.code_copy import working_copy
from orchestrator.storage.location import Location
from orchestrator.storage.pinned_code import keep_code

STORE = 100 * 2**20
GPUS = 4.0


def run(
    address: str, folder: Path, function: str, on_step: Callable[[Session], None] = lambda _: None, **changes: Any
) -> None:
    """Run one sweep of `train.py:<function>`, print its trials and what the cluster has left."""
    session = create(Location.parse(folder / "runs" / function), make_plan(**changes), b"")
    options = HostOptions(address=address, teardown_s=20.0)
    trainable = pinned(folder, function)

    def step() -> None:
        session.on_step()
        on_step(session)

    with_ray: dict[str, Any] = {}
    ray.init(address=address, log_to_driver=False, logging_level="WARNING")
    try:
        reason = run_on_ray(session.controller, trainable, session.folder, options, step)
        session.close(reason)
        deadline = time.monotonic() + 240  # Ray counts what became free a moment later
        while ray.available_resources().get("GPU") != GPUS and time.monotonic() < deadline:
            time.sleep(0.1)
        groups = {group["state"] for group in ray.util.placement_group_table().values()}
        with_ray = {"gpus": ray.available_resources().get("GPU"), "groups": sorted(groups)}
    finally:
        ray.shutdown()
    state = session.state
    told = {"reason": reason, **with_ray, "trials": [_told(trial) for trial in state.trials]}
    print(json.dumps({**told, "never_read": [found.name for found in state.reading.never(state.plan)]}))


def pinned(folder: Path, function: str) -> TrainableFile:
    """Return the function with its code pinned, as `stepladder run` pins it."""
    sweep = Location.parse(folder.parent / f"{folder.name}-pinned")
    taken = take_code(folder, make_spec(trainable=f"train.py:{function}"), 0.0)[0]
    keep_code(sweep.files(), taken)
    copy = str(working_copy(sweep, taken.code.key, folder, is_shared=True))
    return TrainableFile(folder, "train.py", function, PinnedPlace(str(sweep), taken.code.key, "", str(folder), copy))


def _told(trial: Any) -> dict[str, Any]:
    attempts = [
        {"outcome": a.outcome.value, "error": a.error, "node": a.node, "gpus": a.gpu_ids, "from": a.resumed_from,
         "outside": a.outside_hash, "checkpoints_s": a.checkpoints_s}
        for a in trial.attempts
    ]  # fmt: skip
    return {"state": trial.state.value, "fidelity": trial.fidelity, "value": trial.value, "attempts": attempts}


def kill_once(path: Path) -> Callable[[Session], None]:
    """Kill -9, once, the process whose number some rank wrote into `path`."""
    done: list[int] = []

    def kill(_: Session) -> None:
        if not done and path.exists() and path.read_text():
            done.append(int(path.read_text()))
            os.kill(done[0], signal.SIGKILL)

    return kill


def main(folder: Path) -> None:
    """Run the sweeps that tests/ray/worker/test_ray_ranks.py looks at."""
    node = {"num_cpus": 2, "num_gpus": 2, "object_store_memory": STORE}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    cluster.add_node(**node)
    space = {name: {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5} for name in ("x", "y")}
    shape = {
        "search_space": space, "resources": {"cpus": 4, "gpus": 4, "nodes": 2}, "search": "random",
        "searcher": "random", "scheduler": "none", "fidelity": {"metric": "step", "min": 1, "max": 20},
    }  # fmt: skip
    try:
        run(cluster.address, folder, "fit", **shape, budget={"trials": 1})
        asha = {
            "scheduler": "asha",
            "fidelity": {"metric": "step", "min": 1, "max": 2, "reduction_factor": 2},
            "budget": {"trials": 4},
        }
        run(cluster.address, folder, "judged", **{**shape, **asha})
        pair = {
            "resources": {"cpus": 2, "gpus": 2, "nodes": 2, "spread": True},
            "budget": {"trials": 1},
            "fidelity": {"metric": "step", "min": 1, "max": 4},
        }
        run(cluster.address, folder, "killed", kill_once(folder / "victim"), **{**shape, **pair})
        run(cluster.address, folder, "broken", **{**shape, **pair})
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
