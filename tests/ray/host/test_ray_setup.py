"""The sweep file's `setup` on a real Ray: before the first trial of each node, and where it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import ENVIRONMENT

from orchestrator.control.session import read_events
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome

pytestmark = pytest.mark.ray

DRIVER = """
import json, logging, sys, time
from pathlib import Path
from ray.cluster_utils import Cluster
from sweeps import make_plan
from orchestrator.control.session import create
from orchestrator.ray.host.host import HostOptions, run_on_ray
from orchestrator.ray.worker.trainable import TrainableFile
from orchestrator.storage.location import Location

logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
folder = Path(sys.argv[1])
memory = {"object_store_memory": 100 * 2**20}
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **memory})
for _ in range(2):
    cluster.add_node(num_cpus=1, **memory)
space = {"x": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5}}
plan = make_plan(search_space=space, fidelity={"metric": "epoch", "max": 3}, scheduler="none", searcher="random",
                 search="random", budget={"trials": 2000}, resources={"cpus": 1}, setup=["./stage.sh"])
session = create(Location.parse(folder / "sweep"), plan, b"")
avoided, joined = [], []

def step():
    session.on_step()
    avoided[:] = session.controller.host.avoided
    if not joined and sum(trial.state.is_final for trial in session.state.trials) >= 2:
        joined.append(cluster.add_node(num_cpus=1, **memory))
    if joined and len(set((folder / "trained").read_text().split())) == 2:
        session.controller.request_stop("seen on both")

reason = run_on_ray(session.controller, TrainableFile(folder, "train.py", "train"), session.folder,
                    HostOptions(address=cluster.address, capacity_s=1.0), step)
session.close(reason)
print(json.dumps({"reason": reason, "avoided": avoided, "joined": len(joined)}))
cluster.shutdown()
"""
STAGE = """#!/bin/sh
echo "to the disk of $STEPLADDER_NODE"
echo "$CUDA_VISIBLE_DEVICES" > "gpus-$STEPLADDER_NODE"
if mkdir broken 2>/dev/null; then
    echo "cp: no space left on /local" >&2
    exit 3
fi
mkdir -p staged && echo once >> "staged/$STEPLADDER_NODE"
"""
SWEEP = """
name: test
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: none
search_space: {x: {low: 0.0, high: 1.0, default: 0.5}}
budget: {trials: 2}
setup: ["true", "echo half; test -d /no/such"]
"""
TRAIN = """
import time
from pathlib import Path
import ray
from ray import tune

STAGED = Path(__file__).parent / "staged"

def train(config):
    node = ray.get_runtime_context().get_node_id()
    assert any(path.name.endswith(node[:6]) for path in STAGED.iterdir()), node
    with (STAGED.parent / "trained").open("a") as file:
        file.write(node[:6] + "\\n")
    for epoch in range(1, 4):
        time.sleep(0.7)
        tune.report({"score": 1.0, "epoch": epoch})
"""


@pytest.mark.long
def test_each_node_is_set_up_before_its_first_trial_and_one_where_it_fails_takes_none(tmp_path: Path):
    """Two nodes at first, on one of which it fails, and one that joins while the sweep runs."""
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "stage.sh").write_text(STAGE)
    (tmp_path / "stage.sh").chmod(0o755)
    paths = os.pathsep.join([str(Path.cwd() / "tests/support"), str(Path.cwd())])
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(tmp_path)], env=os.environ | {"PYTHONPATH": paths}, capture_output=True,
        text=True, check=False, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["reason"] == "seen on both"
    assert told["joined"] == 1
    logs = tmp_path / "sweep" / "logs" / "setup"
    nodes = {path.name for path in logs.iterdir()}
    assert len(nodes) == 3, "the head has no CPU, and is left alone"
    staged = {path.name: path.read_text() for path in (tmp_path / "staged").iterdir()}
    assert list(staged.values()) == ["once\n"] * 2
    (broken,) = nodes - staged.keys()
    assert (logs / broken / "stderr.txt").read_text() == "$ ./stage.sh\ncp: no space left on /local\n"
    assert (logs / broken / "stdout.txt").read_text() == f"$ ./stage.sh\nto the disk of {broken}\n"
    (avoided,) = told["avoided"]
    assert avoided.endswith(f"({broken[-6:]})")
    assert (
        f"setup failed on node {avoided}: `./stage.sh` left with exit code 3: cp: no space left on /local; its log: "
        f"{logs / broken}. No trial is placed there"
    ) in done.stderr
    state = read_sweep(Location.parse(tmp_path / "sweep"))
    ends = {attempt.outcome for trial in state.trials for attempt in trial.attempts}
    assert ends <= {Outcome.RETURNED, Outcome.STOPPED, Outcome.INTERRUPTED}
    trained = (tmp_path / "trained").read_text().split()
    assert set(trained) == {name[-6:] for name in staged}, "both nodes that were set up take trials"
    waits = [
        event.awaited
        for event in read_events(Location.parse(tmp_path / "sweep"))
        if isinstance(event, ev.PlacesAwaited)
    ]
    assert any(wait.why.startswith("setup runs on 2 nodes before the first trial there: ") for wait in waits)


def test_where_it_fails_everywhere_the_sweep_ends_with_the_sentence_and_exit_code_1(tmp_path: Path):
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    (tmp_path / "train.py").write_text("def train(config): ...\n")
    done = subprocess.run(
        [sys.executable, "-c", "from orchestrator.cli.app import main; main()", "run", "sweep.yaml"],
        cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr[-3000:]
    (log,) = (tmp_path / "runs" / "test" / "logs" / "setup").iterdir()
    node = log.name.rpartition("-")[0]
    assert " ".join(done.stderr.split()).endswith(
        f"error: setup failed on node {node}: `echo half; test -d /no/such` left with exit code 1: half; its log: "
        f"{log} (no other node). Mend `setup`, or the nodes; nothing acknowledged is lost"
    )
    assert (log / "stdout.txt").read_text() == "$ true\n$ echo half; test -d /no/such\nhalf\n"
    assert not read_sweep(Location.parse(tmp_path / "runs" / "test")).trials
