"""Connects to a Ray cluster once and runs a preflight for each line on stdin, {"sweep": path, "smoke_s": seconds}.

Answers each with a line of JSON: the findings, and the CPUs that are free once it is over. Usage: ADDRESS
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import ray
from ray.core.generated.autoscaler_pb2 import ClusterConfig

from orchestrator.project.workspace import plan_from_file, sweep_folder
from orchestrator.ray.host.cluster import connected
from orchestrator.ray.host.options import HostOptions
from orchestrator.ray.preflight.preflight import Patience, preflight
from orchestrator.ray.worker.trainable import TrainableFile
from orchestrator.views.findings import findings_document

NODES_S = 90.0


def answer(asked: dict) -> dict:
    sweep = Path(asked["sweep"])
    plan = plan_from_file(sweep)
    declare(asked.get("declared", {}))
    trainable = TrainableFile.from_spec(sweep.parent, plan.spec.trainable)
    patience = Patience(NODES_S, asked.get("smoke_s", 90.0))
    findings = preflight(plan, trainable, sweep_folder(plan, sweep.parent), HostOptions(sys.argv[1]), patience)
    deadline = time.monotonic() + 240
    while ray.available_resources().get("CPU") != ray.cluster_resources()["CPU"] and time.monotonic() < deadline:
        time.sleep(0.2)
    return {"findings": findings_document(findings), "free": ray.available_resources().get("CPU", 0.0)}


def declare(resources: dict[str, int]) -> None:
    """Say what an autoscaler says when it starts: which nodes it may add."""
    config = ClusterConfig()
    if resources:
        config.node_group_configs.add(name="workers", max_count=2, resources=resources)
    ray._private.worker.global_worker.gcs_client.report_cluster_config(config.SerializeToString())


if __name__ == "__main__":
    with connected(HostOptions(sys.argv[1])):
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line))), file=sys.__stdout__, flush=True)
