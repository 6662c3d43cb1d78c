from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.errors import ClusterError
from orchestrator.ray.host.cluster import capacity, connected
from orchestrator.ray.host.machines import Nodes, infeasible, places
from orchestrator.ray.host.options import HostOptions
from orchestrator.sweep.resources import Resources


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "expected"),
    [
        ([Nodes(16, 4)], 1, 0.25, 16),
        ([Nodes(8, 4)], 1, 0.25, 8),
        ([Nodes(64, 2)], 1, 0.3, 6),
        ([Nodes(64, 1)], 0, 0.1, 10),
        ([Nodes(64, 3)], 0, 0.6, 3),
        ([Nodes(64, 8), Nodes(64, 8)], 4, 4, 4),
        ([Nodes(64, 3), Nodes(64, 3)], 4, 4, 0),
        ([Nodes(3, 0, count=5)], 2, 0, 5),
        ([Nodes(1, 0)], 0.1, 0, 10),
        ([Nodes(0.3, 0)], 0.1, 0, 3),
        ([], 1, 0, 0),
    ],
)
def test_places(nodes, cpus, gpus, expected):
    assert places(nodes, Resources(cpus=cpus, gpus=gpus)) == expected


@pytest.mark.parametrize(
    ("nodes", "asked", "expected"),
    [
        ([Nodes(8, 2)] * 3, {"gpus": 4, "nodes": 2}, 1),
        ([Nodes(8, 2, count=3)], {"gpus": 4, "nodes": 2}, 1),
        ([Nodes(8, 2)] * 4, {"gpus": 4, "nodes": 2}, 2),
        ([Nodes(8, 4)] * 2, {"gpus": 4, "nodes": 2}, 2),
        ([Nodes(8, 4)], {"gpus": 4, "nodes": 2}, 0),
        ([Nodes(8, 8), Nodes(8, 2)], {"gpus": 4, "nodes": 2}, 1),
        ([Nodes(8, 8), Nodes(8, 2), Nodes(8, 2)], {"gpus": 4, "nodes": 2}, 2),
        ([Nodes(8, 2, count=5)], {"gpus": 6, "nodes": 3}, 1),
        ([Nodes(8, 6, count=5)], {"gpus": 6, "nodes": 3}, 5),
        ([Nodes(4, 0, count=3)], {"cpus": 4, "nodes": 2}, 3),
        ([Nodes(1, 8, count=2)], {"cpus": 4, "gpus": 2, "nodes": 2}, 0),
        ([Nodes(64, 8)], {"gpus": 4}, 2),
        ([], {"gpus": 4, "nodes": 2}, 0),
    ],
)
def test_a_trial_that_is_spread_takes_a_part_on_each_of_several_nodes(nodes, asked, expected):
    assert places(nodes, Resources(spread=True, **asked)) == expected


@pytest.mark.parametrize(
    ("nodes", "asked", "expected"),
    [
        ([Nodes(8, 4)], {"gpus": 4, "nodes": 2}, 1),
        ([Nodes(8, 8), Nodes(8, 2)], {"gpus": 4, "nodes": 2}, 2),
        ([Nodes(8, 3)] * 2, {"gpus": 4, "nodes": 2}, 1),
        ([Nodes(8, 1)] * 8, {"gpus": 4, "nodes": 2}, 0),
        ([Nodes(8, 2, count=3)], {"gpus": 4, "nodes": 2}, 1),
    ],
)
def test_the_parts_of_a_trial_share_nodes_where_there_is_room(nodes, asked, expected):
    assert places(nodes, Resources(**asked)) == expected


def test_what_no_nodes_can_hold_is_told_by_what_there_is():
    asked = Resources(cpus=8, gpus=8, nodes=2, spread=True)
    assert infeasible([Nodes(8, 4), Nodes(8, 2), Nodes(8, 2)], [], asked) == (
        "no nodes can hold a trial: it asks for 8 CPUs and 8 GPUs, as 2 times 4 CPUs and 4 GPUs on a node each, and "
        "the nodes are 2 with 8 CPUs and 2 GPUs; 1 with 8 CPUs and 4 GPUs. "
        "Lower resources.nodes, resources.cpus or resources.gpus in the sweep file, or use a larger cluster"
    )


@pytest.mark.ray
def test_capacity_is_what_the_cluster_holds_within_the_files_cap(local_ray):
    assert capacity(Resources(cpus=2)) == 2
    assert capacity(Resources(cpus=0, gpus=0.1)) == 10
    assert capacity(Resources(cpus=0, gpus=0.1, max_concurrent=3)) == 3
    assert capacity(Resources(cpus=64)) == 1


ALONE = """
import os, subprocess, sys
from processes import family
from orchestrator.ray.host.cluster import connected
from orchestrator.ray.host.options import HostOptions
del os.environ["RAY_AUTH_MODE"]
os.environ["RAY_ADDRESS"] = "192.0.2.1:6379"
before = dict(os.environ)
with connected(HostOptions(num_cpus=1, object_store_bytes=100 * 2**20)):
    import ray
    print(ray.get(ray.remote(lambda: os.environ["RAY_AUTH_MODE"]).remote()), flush=True)
    mine = [f"pid={pid}," for pid in family(os.getpid())]
    for line in subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True).stdout.splitlines():
        if any(pid in line for pid in mine):  # another test may have a Ray that is open to all
            print(line, file=sys.__stdout__, flush=True)
    processes = [node["NodeManagerAddress"] for node in ray.nodes()]
    print(processes, file=sys.__stdout__, flush=True)
assert not ray.is_initialized()
assert dict(os.environ) == before
"""


@pytest.mark.ray
def test_a_ray_of_our_own_is_closed_to_the_network_and_leaves_nothing_behind(tmp_path):
    environment = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": f"{Path.cwd()}:{Path.cwd() / 'tests/support'}"}
    done = subprocess.run([sys.executable, "-c", ALONE], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "disabled" in done.stderr, "what is printed inside goes to stderr"
    assert "['127.0.0.1']" in done.stdout
    assert '"raylet"' in done.stdout, "what listens was not found"
    open_to_all = [
        line for line in done.stdout.splitlines() if re.search(r"(0\.0\.0\.0|\*|\[::\]):\d+ .*(ray|gcs)", line)
    ]
    assert open_to_all == []
    assert not (tmp_path / ".ray").exists(), "no token is left in the home directory"


SLOW = """
import sys
from orchestrator.ray.host import cluster
from orchestrator.ray.host.options import HostOptions

with cluster.connected(HostOptions(num_cpus=1, object_store_bytes=100 * 2**20)):
    print("there", file=sys.__stdout__, flush=True)
"""


def _with_slow_workers(folder: Path, takes_s: float) -> subprocess.CompletedProcess[str]:
    """Start a Ray whose workers take so long until they import Ray, as from a slow disk."""
    (folder / "sitecustomize.py").write_text(
        "import sys, time\nif any('default_worker' in said for said in getattr(sys, 'orig_argv', [])): "
        f"time.sleep({takes_s})\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{folder}:{Path.cwd()}"}
    command = [sys.executable, "-c", SLOW]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=800, check=False)


@pytest.mark.ray
@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_workers_that_take_longer_than_a_minute_are_waited_for(tmp_path):
    """A raylet gives them up after a minute by itself, and the driver would wait for them without end."""
    done = _with_slow_workers(tmp_path, takes_s=75)
    assert (done.returncode, done.stdout) == (0, "there\n"), done.stderr


@pytest.mark.parametrize(
    ("address", "text", "code"),
    [
        ("127.0.0.1:1", "no Ray answers at 127.0.0.1:1: [Errno 111] Connection refused", 75),
        ("ray://127.0.0.1:10001", "ray://127.0.0.1:10001: a sweep is driven from inside the cluster, never through", 1),
    ],
)
def test_a_cluster_that_does_not_answer_is_an_error_for_a_person(address, text, code, monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(ClusterError) as caught, connected(HostOptions(address=address)):
        pass
    assert str(caught.value).startswith(text)
    assert caught.value.exit_code == code
