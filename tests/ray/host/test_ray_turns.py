"""Several sweeps on one real cluster take fair turns, and none of their trials is ended for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ray

from orchestrator.control.session import read_events
from orchestrator.errors import SweepNotFoundError
from orchestrator.policies.fair_shares import PlaceClaim
from orchestrator.ray.host.turns import ANSWER_S, NAME, NAMESPACE, Turns
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome

LOCAL_CPUS = 4
PLACES = 8
APART_S, SETTLED_S, SEEN_S = 5.0, 60.0, 60.0

DRIVER = """
import sys
from pathlib import Path
from sweeps import make_plan
from orchestrator.storage.location import Location
from orchestrator.control.session import create
from orchestrator.ray.host.host import HostOptions, run_on_ray
from orchestrator.ray.worker.trainable import TrainableFile

folder, address, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
space = {"x": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5}}
plan = make_plan(search_space=space, fidelity={"metric": "epoch", "max": 5}, scheduler="none", searcher="random",
                 search="random", budget={"trials": 2000}, resources={"cpus": 1})
session = create(Location.parse(folder / name), plan, b"")
reason = run_on_ray(session.controller, TrainableFile(folder, "train.py", "train"), session.folder,
                    HostOptions(address=address, capacity_s=2.0), session.on_step)
session.close(reason)
"""
TRAIN = """
import time
from ray import tune

def train(config):
    for epoch in range(1, 6):
        time.sleep(1)
        tune.report({"score": 1.0, "epoch": epoch})
"""


def mine(sweep, held, wanted, weight=1.0):
    return PlaceClaim(sweep, weight, 1.0, 0.0, held, wanted)


def answered(turns, claim, places, *others):
    """Ask until that many may be held; others ask as well meanwhile, or they would be taken for gone."""
    deadline = time.monotonic() + 240
    while (found := turns.places(claim, time.monotonic())) != places:
        for other, claims in others:
            other.places(claims, time.monotonic())
        assert time.monotonic() < deadline, f"{found} places, not {places}"
        time.sleep(0.1)


@pytest.mark.ray
def test_who_is_alone_has_all_and_two_have_their_shares_also_when_the_actor_dies(local_ray):
    first = Turns("first", time.monotonic())
    assert first.places(mine("first", 0, 9), time.monotonic()) == 1, "one place, until it is known who else is there"
    answered(first, mine("first", 0, 9), 9)
    assert first.others == 0
    second = Turns("second", time.monotonic())
    wants, wants_more = mine("first", 0, 9), mine("second", 0, 9, weight=3.0)
    answered(second, wants_more, LOCAL_CPUS * 3 / 4, (first, wants))
    answered(first, wants, LOCAL_CPUS / 4, (second, wants_more))
    assert first.others == 1
    ray.kill(ray.get_actor(NAME, namespace=NAMESPACE))
    answered(second, mine("second", 0, 9), 9)  # whoever asks first after its death seems alone
    answered(first, wants, LOCAL_CPUS / 2, (second, mine("second", 0, 9)))
    answered(second, mine("second", 0, 9), LOCAL_CPUS / 2, (first, wants))
    second.leave()
    answered(first, mine("first", 0, 9), 9)
    ray.kill(ray.get_actor(NAME, namespace=NAMESPACE))


def test_where_nobody_answers_a_driver_goes_on_alone():
    turns = Turns("first", 0.0)
    turns._asked_at = float("inf")
    assert turns.places(mine("first", 0, 9), ANSWER_S / 2) == 1
    assert turns.places(mine("first", 0, 9), ANSWER_S) == 9


@pytest.fixture
def cluster():
    code = (
        "import sys\nfrom ray.cluster_utils import Cluster\n"
        "made = Cluster(initialize_head=True, head_node_args={'num_cpus': 8, 'object_store_memory': 100 * 2**20})\n"
        "print(made.address, flush=True)\nsys.stdin.read()\nmade.shutdown()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process.stdout.readline().strip()
    process.communicate("", timeout=240)


@pytest.mark.ray
@pytest.mark.nightly
def test_four_sweeps_started_apart_hold_alike_after_a_minute(tmp_path, cluster):
    (tmp_path / "train.py").write_text(TRAIN)
    paths = os.pathsep.join([str(Path.cwd() / "tests/support"), str(Path.cwd())])
    names, drivers = ["a", "b", "c", "d"], []
    try:
        for name in names:
            command = [sys.executable, "-c", DRIVER, str(tmp_path), cluster, name]
            drivers.append(subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}))
            _wait_until_trials(tmp_path / name)
            time.sleep(APART_S)
        began = time.time() + SETTLED_S
        time.sleep(SETTLED_S + SEEN_S)
    finally:
        for driver in drivers:
            driver.terminate()
        for driver in drivers:
            driver.wait(240)
    logs = {name: read_events(Location.parse(tmp_path / name)) for name in names}
    held = {name: _held(events, began, began + SEEN_S) for name, events in logs.items()}
    print(json.dumps({name: round(places, 2) for name, places in held.items()}))
    assert all(abs(places - PLACES / 4) <= 0.2 * PLACES / 4 for places in held.values()), held
    ends = [event.outcome for events in logs.values() for event in events if isinstance(event, ev.AttemptEnded)]
    running = sum(1 for outcome in ends if outcome is Outcome.INTERRUPTED)
    assert set(ends) <= {Outcome.STOPPED, Outcome.RETURNED, Outcome.INTERRUPTED}
    assert running <= PLACES, "what the end of the test ended, no more"


def _wait_until_trials(folder):
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        try:
            if read_sweep(Location.parse(folder)).trials:
                return
        except SweepNotFoundError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"{folder.name} began nothing")


def _held(events, since, until):
    """Return how many trials ran on average between two moments."""
    running, last, area = 0, since, 0.0
    for event in events:
        change = isinstance(event, ev.AttemptPlaced) - isinstance(event, ev.AttemptEnded)
        if event.t > since and change:
            area += running * (min(event.t, until) - last)
            last = min(event.t, until)
        running += change
    return (area + running * (until - last)) / (until - since)
