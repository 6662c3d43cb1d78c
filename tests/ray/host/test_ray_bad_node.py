"""A node on which every trial dies, or hangs, beside one that is well: a real Ray of three nodes on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location
from orchestrator.sweep.trial import Outcome, TrialState

pytestmark = [pytest.mark.ray, pytest.mark.long]

TRAIN = """
    import os, signal, time
    from pathlib import Path
    import ray
    from ray import tune

    def train(config):
        bad = Path(__file__).with_name("bad").read_text()
        for epoch in range(1, 6):
            if ray.get_runtime_context().get_node_id() == bad: FAULT
            time.sleep(1.0)
            tune.report({"score": config["x"], "epoch": epoch})
"""
DRIVER = """
import logging, sys
from pathlib import Path
from ray.cluster_utils import Cluster
from sweeps import make_plan
from orchestrator.storage.location import Location
from orchestrator.control.session import create
from orchestrator.ray.host.host import HostOptions, run_on_ray
from orchestrator.ray.worker.trainable import TrainableFile

logging.basicConfig(level=logging.WARNING, format="%(message)s")
folder = Path(sys.argv[1])
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80 * 2**20})
nodes = [cluster.add_node(num_cpus=2, object_store_memory=80 * 2**20) for _ in range(2)]
(folder / "bad").write_text(nodes[0].node_id)
space = {"x": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5}}
plan = make_plan(search_space=space, fidelity={"metric": "epoch", "max": 5}, scheduler="none", searcher="random",
                 search="random", budget={"trials": 12}, resources={"reuse_workers": False}, limits={"silence": 6})
session = create(Location.parse(folder / "runs"), plan, b"")
options = HostOptions(address=cluster.address, capacity_s=2.0)
trainable = TrainableFile(folder, "train.py", "train")
reason = run_on_ray(session.controller, trainable, session.folder, options, session.on_step)
session.close(reason)
print(reason)
"""


def swept(folder, fault):
    """Sweep on such a cluster; returns the trials, and what the driver said."""
    (folder / "train.py").write_text(textwrap.dedent(TRAIN.replace("FAULT", fault)))
    paths = os.pathsep.join(["tests/support", *filter(None, [os.environ.get("PYTHONPATH"), str(Path.cwd())])])
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(folder)],
        env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.stdout == "finished\n", done.stderr
    return read_sweep(Location.parse(folder / "runs")).trials, done.stderr.splitlines()


def test_a_node_on_which_trials_keep_dying_is_avoided_and_named(tmp_path):
    trials, said = swept(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    assert {trial.state for trial in trials} == {TrialState.COMPLETED}, "no trial is blamed for it"
    deaths = [attempt for trial in trials for attempt in trial.attempts if attempt.outcome is Outcome.LOST]
    assert 3 <= len(deaths) <= 8, "those that ran there already when it was told"
    [named] = [line for line in said if " is avoided: " in line]
    assert "while others do well elsewhere; look at that machine" in named
    last = max(attempt.ended_t for attempt in deaths)
    assert sum(attempt.started_t > last for trial in trials for attempt in trial.attempts) >= 4


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_a_node_on_which_trials_report_and_then_hang_is_avoided_and_named(tmp_path):
    trials, said = swept(tmp_path, "epoch == 1 or time.sleep(3600)")
    assert {trial.state for trial in trials} == {TrialState.COMPLETED}, "each goes on elsewhere"
    hung = [attempt for trial in trials for attempt in trial.attempts if attempt.outcome is Outcome.HUNG]
    assert 3 <= len(hung) <= 8, "those that ran there already when it was told"
    [named] = [line for line in said if " is avoided: " in line]
    assert " attempts on it hung (trials " in named
    assert [line for line in said if " is ended: " in line], "each is told"
