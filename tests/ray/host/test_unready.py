"""Workers, and setups, that end before a trial is there: with their node, which is nobody's fault, or without."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.ray.host.unready import AGAIN_S, LONGEST_S, MOST, Unready, UnreadyInARow
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location
from orchestrator.sweep.trial import Outcome

MISSED_S = 30.0


def row_of(*nodes: str, every_s: float = 1.0) -> UnreadyInARow:
    row = UnreadyInARow(MISSED_S)
    for number, node in enumerate(nodes):
        row.add(Unready(number * every_s, node, f"why {number}"))
    return row


def test_five_in_a_row_on_nodes_that_stay_are_the_clusters_fault_once_their_leaving_would_be_known():
    row = row_of("a", "b", "a", "b", "a")
    assert not row.is_due(4.0 + MISSED_S - 0.1)
    assert row.is_due(4.0 + MISSED_S)
    told = row.verdict(4.0 + MISSED_S, ["a", "b", "c"])
    assert told is not None
    assert told.startswith("no worker can be started: 5 in a row never got ready. The last: why 4. ")


def test_this_machines_own_ray_leaves_with_the_driver_so_nothing_is_waited_for():
    row = UnreadyInARow(0.0)
    for moment in range(MOST):
        assert not row.is_due(float(moment))
        row.add(Unready(float(moment), "own", "why"))
    assert row.is_due(MOST - 1.0)
    assert row.verdict(MOST - 1.0, ["own"])


def test_those_that_went_with_their_nodes_do_not_count():
    row = row_of("a", "gone", "a", "a", "a")
    assert row.verdict(100.0, ["a"]) is None
    assert not row.is_due(1e9), "four are left"
    row.add(Unready(200.0, "a", "the fifth."))
    assert not row.is_due(200.0), "its node may be missed yet"
    told = row.verdict(200.0 + MISSED_S, ["a"])
    assert told is not None
    assert "5 in a row never got ready. The last: the fifth. " in told


def test_those_that_failed_before_their_node_was_known_count():
    told = row_of("", "a", "", "", "gone", "").verdict(100.0, ["a"])
    assert told is not None
    assert "5 in a row" in told


@pytest.mark.parametrize("seed", range(30))
def test_nodes_that_come_and_go_never_end_a_sweep_whenever_ray_misses_them(seed: int):
    """Every worker goes with its node, of which Ray tells up to half a minute later."""
    rng, row, now, gone = random.Random(seed), UnreadyInARow(MISSED_S), 0.0, dict[str, float]()
    for number in range(300):
        now = max(now + rng.expovariate(1.0 / rng.choice([0.1, 3.0, 60.0])), 0.0)
        gone[str(number)] = now + rng.uniform(0.0, MISSED_S)
        row.add(Unready(now, str(number), "its node left"))
        for moment in (now, now + rng.uniform(0.0, 2 * MISSED_S)):
            if row.is_due(moment):
                assert row.verdict(moment, [node for node, missed_at in gone.items() if moment < missed_at]) is None


def test_pauses_double_up_to_a_minute_and_end_with_a_worker_that_is_ready():
    row = UnreadyInARow(MISSED_S)
    assert row.again_at == 0.0
    pauses = []
    for _ in range(2000):  # a power of so many overflows
        row.add(Unready(10.0, "a", "why"))
        pauses.append(row.again_at - 10.0)
    assert pauses[:3] == [AGAIN_S, 2 * AGAIN_S, 4 * AGAIN_S]
    assert max(pauses) == LONGEST_S
    row.clear()
    assert row.again_at == 0.0
    assert not row.is_due(1e9)


DRIVER = """
import json, logging, sys, time
from pathlib import Path
from ray.cluster_utils import Cluster
from sweeps import make_plan
from orchestrator.control.session import create
from orchestrator.ray.host.host import HostOptions, run_on_ray
from orchestrator.ray.worker.trainable import TrainableFile
from orchestrator.storage.location import Location

logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
folder, number, more = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
memory = {"object_store_memory": 80 * 2**20}
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **memory})
doomed = [cluster.add_node(num_cpus=1, **memory) for _ in range(number)]
space = {"x": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5}}
plan = make_plan(search_space=space, fidelity={"metric": "epoch", "max": 1}, scheduler="none", searcher="random",
                 search="random", budget={"trials": 8}, resources={"cpus": 1, "reuse_workers": False}, **more)
session = create(Location.parse(folder / "sweep"), plan, b"")

def step():
    session.on_step()
    if doomed and len(list(folder.glob("starting-*"))) >= number:
        (folder / "well").touch()
        while doomed:
            cluster.remove_node(doomed.pop(), allow_graceful=False)
        cluster.add_node(num_cpus=2, **memory)

trainable = TrainableFile(folder, "train.py", "train") if "setup" in more else Slow(folder, os.getpid())
options = HostOptions(address=cluster.address, capacity_s=1.0)
reason = run_on_ray(session.controller, trainable, session.folder, options, step)
session.close(reason)
print(reason)
cluster.shutdown()
"""
TRAIN = """
import os, time
from pathlib import Path

class Slow:
    'A training function that arrives in a worker only once all is well.'

    def __init__(self, folder, driver):
        self.folder, self.driver = folder, driver

    def __reduce__(self):
        return arrive, (self.folder, self.driver)

    def __call__(self, config):
        from ray import tune
        tune.report({"score": config["x"], "epoch": 1})

def arrive(folder, driver):
    if os.getpid() != driver:
        (folder / f"starting-{os.getpid()}").touch()
        while not (folder / "well").exists():
            time.sleep(0.1)
    return Slow(folder, driver)
"""
FAST = """
from ray import tune

def train(config):
    tune.report({"score": config["x"], "epoch": 1})
"""
SLOW_SETUP = """#!/bin/sh
touch "starting-$$"
while ! test -e well; do sleep 0.1; done
"""


def swept_under_leaving_nodes(folder: Path, number: int, more: str) -> str:
    """Sweep, `number` nodes leaving without a word while something starts on each; returns what the driver said."""
    paths = os.pathsep.join([str(Path.cwd() / "tests/support"), str(Path.cwd())])
    done = subprocess.run(
        [sys.executable, "-c", TRAIN + DRIVER, str(folder), str(number), more], env=os.environ | {"PYTHONPATH": paths},
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1:] == ["finished"], done.stderr[-3000:]
    attempts = [trial.attempts for trial in read_sweep(Location.parse(folder / "sweep")).trials]
    assert {attempt.outcome for of_one in attempts for attempt in of_one} <= {Outcome.RETURNED, Outcome.STOPPED}
    return done.stderr


@pytest.mark.ray
@pytest.mark.long
def test_workers_that_go_with_their_nodes_while_they_start_do_not_end_the_sweep(tmp_path: Path):
    told = swept_under_leaving_nodes(tmp_path, MOST + 1, "{}")
    assert told.count("a worker ended before a trial was on it: ") >= MOST


@pytest.mark.ray
@pytest.mark.long
def test_a_setup_that_goes_with_its_node_has_not_failed(tmp_path: Path):
    (tmp_path / "train.py").write_text(FAST)
    (tmp_path / "setup.sh").write_text(SLOW_SETUP)
    (tmp_path / "setup.sh").chmod(0o755)
    assert "setup failed" not in swept_under_leaving_nodes(tmp_path, 1, '{"setup": ["./setup.sh"]}')
