"""Which nodes a trial may lie on: the arithmetic, and a real Ray of several kinds of nodes that agrees with it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from ray.util.accelerators import accelerators

from orchestrator.control.session import read_events
from orchestrator.project.handle import SweepLog
from orchestrator.project.printed import printed
from orchestrator.ray.host.machines import Nodes, infeasible, places, qualifying
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.machines import ACCELERATORS, Machines
from orchestrator.sweep.resources import Resources
from orchestrator.sweep.trial import Outcome

GIB = 2**30
SMALL = Nodes.holding({"CPU": 8, "GPU": 2, "memory": 16 * GIB, "accelerator_type:T4": 1}, labels={"rack": "r1"},
                      names=("small", "10.0.0.1", "aa"))  # fmt: skip
LARGE = Nodes.holding(
    {"CPU": 8, "GPU": 4, "memory": 64 * GIB, "accelerator_type:A100": 1, "license": 1},
    labels={"rack": "r2", "ray.io/market-type": "spot"}, names=("large", "10.0.0.2", "bb"),
)  # fmt: skip
BARE = Nodes.holding({"CPU": 8, "memory": 64 * GIB}, labels={}, names=("bare", "10.0.0.3", "cc"))
ALL = [SMALL, LARGE, BARE]


def test_the_accelerators_are_those_of_the_ray_that_is_installed():
    assert set(ACCELERATORS) == {
        value for name, value in vars(accelerators).items() if name[0].isupper() and isinstance(value, str)
    }


@pytest.mark.parametrize(
    ("asked", "fit", "held"),
    [
        ({}, "3 of 3 nodes qualify: small, large, bare", 24),
        ({"gpus": 1}, "2 of 3 nodes qualify: small, large", 6),
        ({"gpus": 1, "accelerator": "A100"}, "1 of 3 nodes qualifies: large", 4),
        ({"gpus": 1, "accelerator": "any"}, "2 of 3 nodes qualify: small, large", 6),
        ({"gpus": 1, "accelerator": "H100"}, "0 of 3 nodes qualify", 0),
        ({"memory": 20 * GIB}, "2 of 3 nodes qualify: large, bare", 6),
        ({"custom": {"license": 0.5}}, "1 of 3 nodes qualifies: large", 2),
        ({"labels": {"rack": "r1"}}, "1 of 3 nodes qualifies: small", 8),
        ({"labels": {"rack": "!r1"}}, "2 of 3 nodes qualify: large, bare", 16),
        ({"labels": {"rack": "in(r1, r2)"}}, "2 of 3 nodes qualify: small, large", 16),
        ({"labels": {"rack": "!in(r1,r2)"}}, "1 of 3 nodes qualifies: bare", 8),
        ({"spot": "never"}, "2 of 3 nodes qualify: small, bare", 16),
        ({"spot": "allow"}, "3 of 3 nodes qualify: small, large, bare", 24),
        ({"avoid": ["large", "10.0.0.3"]}, "1 of 3 nodes qualifies: small", 8),
        ({"avoid": ["aa", "bb"]}, "1 of 3 nodes qualifies: bare", 8),
        ({"gpus": 4, "nodes": 2, "accelerator": "A100"}, "1 of 3 nodes qualifies: large", 1),
    ],
)
def test_which_nodes_qualify_and_how_many_trials_they_hold(asked, fit, held):
    resources = Resources.model_validate(asked)
    assert qualifying(ALL, resources) == fit
    assert places(ALL, resources) == held


def rack(name, gpus, count=1):
    return Nodes(8, gpus, count, labels={"rack": name})


@pytest.mark.parametrize(
    ("nodes", "gpus", "parts", "held"),
    [
        ([rack("a", 2), rack("b", 2)], 4, 2, 0),
        ([rack("a", 2), rack("a", 2)], 4, 2, 1),
        ([rack("a", 2), rack("a", 2), rack("b", 2), rack("b", 2), rack("b", 2)], 4, 2, 2),
        ([rack("a", 2, count=4)], 4, 2, 2),
        ([Nodes(8, 2, labels={}), rack("a", 2)], 4, 2, 0),
        ([Nodes(8, 2, count=4)], 4, 2, 2),
    ],
)
def test_a_gang_within_a_rack_lies_on_nodes_of_one_rack(nodes, gpus, parts, held):
    assert places(nodes, Resources(gpus=gpus, nodes=parts, spread=True, within="rack")) == held


def test_what_can_never_be_is_told_by_what_each_node_lacks():
    asked = Resources(cpus=1, gpus=1, accelerator="H100", memory=100 * GIB, labels={"rack": "r2"}, avoid=("bare",))
    assert infeasible(ALL, [], asked) == (
        "no node can hold a trial: it asks for 1 CPUs and 1 GPUs, accelerator H100, 100 GiB of memory, label rack: r2, "
        "not on bare; small: accelerator T4 instead of H100, 16 GiB of memory instead of 100, rack is r1; "
        "large: accelerator A100 instead of H100, 64 GiB of memory instead of 100; bare: it is in resources.avoid, as "
        "bare, no accelerator H100, 64 GiB of memory instead of 100, no label rack, 0 GPUs instead of 1. Change "
        "resources.accelerator, resources.memory, resources.labels, resources.avoid, resources.gpus or resources.cpus "
        "in the sweep file, or use a cluster that has such nodes"
    )
    none = [Nodes.holding({"CPU": 8}, 3)]
    assert "; 3 nodes: no accelerator T4. Change" in infeasible([], none, Resources(accelerator="T4"))
    apart = Resources(gpus=4, nodes=2, spread=True, within="rack")
    assert "all its nodes alike in rack; each node would do, but too few of them do together. Change" in infeasible(
        [rack("a", 2), rack("b", 2)], [], apart
    )


def test_a_stage_has_machines_of_its_own_and_avoids_more():
    sweeps = Resources(gpus=1, accelerator="A100", spot="never", avoid=("n1",))
    own = sweeps.under(Machines(accelerator="T4", avoid=("n2", "n1")))
    assert (own.gpus, own.accelerator, own.spot, own.avoid) == (1, "T4", "never", ("n1", "n2"))
    assert sweeps.under(Machines(accelerator="any")).accelerator_named is None
    assert sweeps.under(None) is sweeps


DRIVER = """
import json, logging, sys
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from ray.util import placement_group, remove_placement_group
from sweeps import make_plan
from orchestrator.control.session import create
from orchestrator.ray.host import cluster as ours
from orchestrator.ray.host.bundles import bundles_of, how_placed
from orchestrator.ray.host.capacity import shortage
from orchestrator.ray.host.host import HostOptions, run_on_ray
from orchestrator.control.session import read_events
from orchestrator.state.reading import read_sweep
from orchestrator.ray.host.machines import places
from orchestrator.ray.preflight.preflight import _resources
from orchestrator.ray.worker.trainable import TrainableFile
from orchestrator.storage.location import Location
from orchestrator.sweep.resources import Resources

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80 * 2**20})

def add(kind, rack, resources, **labels):
    return cluster.add_node(num_cpus=4, num_gpus=2, memory=4 * 2**30, object_store_memory=80 * 2**20,
                            labels={"rack": rack, "kind": kind, **labels},
                            resources={f"accelerator_type:{kind}": 1} | resources)

nodes = [add("T4", "r1", {}), add("A100", "r1", {"license": 1}),
         add("A100", "r2", {}, **{"ray.io/market-type": "spot"})]
ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
last = nodes[-1].node_id
ASKED = [
    {"gpus": 1, "accelerator": "T4"}, {"gpus": 1, "accelerator": "A100"}, {"gpus": 1, "accelerator": "H100"},
    {"gpus": 1, "spot": "never"}, {"gpus": 1, "labels": {"rack": "!r1"}},
    {"gpus": 0.5, "labels": {"rack": "in(r1, r9)"}},
    {"memory": 3 * 2**30}, {"custom": {"license": 0.5}}, {"gpus": 1, "avoid": [last]},
    {"gpus": 4, "nodes": 2, "spread": True, "within": "rack"}, {"gpus": 4, "nodes": 2, "accelerator": "A100"},
    {"gpus": 4, "nodes": 2, "accelerator": "A100", "within": "rack"}, {"gpus": 4, "nodes": 2, "spread": True},
]
for asked in ASKED:
    resources = Resources.model_validate(asked)
    how = how_placed(resources, ours.named_in(resources.avoid or ()))
    held = places(ours.present_nodes(), resources)
    groups = [placement_group(bundles_of(resources), **how) for _ in range(held)]
    placed = sum(group.wait(240) for group in groups)
    groups.append(placement_group(bundles_of(resources), **how))  # after the others, whose place it could take
    more, told = groups[-1].wait(0.3), shortage(resources)
    for group in groups:
        remove_placement_group(group)
    print(json.dumps([asked, held, placed, more, told, _resources(resources, "").text]))

logging.basicConfig(level=logging.WARNING, format="%(message)s")
folder = Path(sys.argv[1])
space = {name: {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5} for name in ("x", "y")}
plan = make_plan(search_space=space, fidelity={"metric": "epoch", "max": 2}, scheduler="none", searcher="random",
                 search="hard-stages", budget={"trials": 8}, resources={"gpus": 1, "cpus": 1, "reuse_workers": True},
                 stages=[{"name": "screen", "tune": ["x"], "resources": {"accelerator": "T4"}},
                         {"name": "finish", "tune": ["y"], "resources": {"accelerator": "A100", "spot": "never"}}],
                 confirm={"trainings": 4, "top": 1, "resources": {"labels": {"rack": "r2"}}})
session = create(Location.parse(folder / "runs"), plan, b"")
reason = run_on_ray(session.controller, TrainableFile(folder, "train.py", "train"), session.folder,
                    HostOptions(address=cluster.address), session.on_step)
session.close(reason)
gangs = make_plan(search_space=space, fidelity={"metric": "epoch", "max": 2}, scheduler="none", searcher="random",
                  search="random", budget={"trials": 1},
                  resources={"gpus": 4, "cpus": 2, "nodes": 2, "processes": 2, "spread": True, "within": "rack",
                             "labels": {"kind": "in(T4, A100)"}})
session = create(Location.parse(folder / "gangs"), gangs, b"")
ended = run_on_ray(session.controller, TrainableFile(folder, "train.py", "train"), session.folder,
                   HostOptions(address=cluster.address), session.on_step)
session.close(ended)
print(f"{reason} {ended}")
"""
TRAIN = """
import ray
from ray import tune

def train(config):
    here = ray.get_runtime_context().get_node_id()
    labels = next(node["Labels"] for node in ray.nodes() if node["NodeID"] == here)
    print(f"on {labels['kind']} {labels['rack']}")
    for epoch in (1, 2):
        tune.report({"score": config["x"] + config["y"], "epoch": epoch, "kind": f"{labels['kind']} {labels['rack']}"})
"""


@pytest.mark.ray
@pytest.mark.long
def test_ray_places_as_many_as_are_counted_and_each_stage_on_its_own_machines(tmp_path):
    (tmp_path / "train.py").write_text(TRAIN)
    paths = os.pathsep.join(["tests/support", os.environ.get("PYTHONPATH", ""), str(Path.cwd())])
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, timeout=580, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *lines, reason = done.stdout.splitlines()
    assert reason == "finished finished"
    found = [json.loads(line) for line in lines]
    assert [held for _, held, *_ in found] == [2, 4, 0, 4, 2, 8, 3, 2, 4, 1, 1, 0, 1]
    for asked, held, placed, more, *_ in found:
        assert (placed, more) == (held, False), asked
    check_texts(found)
    state = read_sweep(Location.parse(tmp_path / "runs"))
    events = read_events(Location.parse(tmp_path / "runs"))
    where = {event.trial: event.texts["kind"] for event in events if isinstance(event, ev.Reported)}
    by_stage = defaultdict(set)
    for trial in state.everyone():
        by_stage[trial.stage].add(where[trial.number])
    assert by_stage == {"screen": {"T4 r1"}, "finish": {"A100 r1"}, "confirm": {"A100 r2"}}
    check_gang(Location.parse(tmp_path / "gangs"))


def check_gang(folder):
    """Its parts lie on two nodes of one rack, of the only one that has two; what each rank printed is kept."""
    (attempt,) = read_sweep(folder).trials[0].attempts
    assert (attempt.outcome, len((attempt.gpu_ids or "").split(";"))) == (Outcome.STOPPED, 2)
    said = "".join(printed(SweepLog.read(folder), 0, "gangs", follow=False))
    ranks = dict(re.findall(r"==> trial 0, attempt 0: (\S+) <==\n(on \w+ \w+)\n", said))
    assert ranks.keys() == {"stdout.txt", "stdout.rank-1.txt"}, said
    assert sorted(ranks.values()) == ["on A100 r1", "on T4 r1"]


def check_texts(found):
    _, _, _, _, (why, is_hopeless), text = found[2]
    assert is_hopeless
    assert re.fullmatch(
        r"no node can hold a trial: it asks for 1 CPUs and 1 GPUs, accelerator H100; (.*; )?"
        r"\S+ \(\w+\), \S+ \(\w+\): accelerator A100 instead of H100(; .*)?", why
    )  # fmt: skip
    assert text == why
    _, _, _, _, (why, is_hopeless), text = found[0]
    assert not is_hopeless
    assert re.fullmatch(
        r"the cluster is busy: 0 of 2 GPUs and 2 of 4 CPUs are free on the nodes that qualify "
        r"\(1 of 4 nodes qualifies: \S+ \(\w+\); accelerator T4\), and a trial takes 1 GPU and 1 CPU", why
    )  # fmt: skip
    assert text.startswith("a trial takes 1 CPUs and 1 GPUs, accelerator T4 (1 of 4 nodes qualifies: ")
    assert "): 2 at once, as the cluster is now" in text
