"""Processes that wait for trials: how many, and that a trial with GPUs runs in one of its own."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest
import ray
from heads import ray_head
from processes import stepladder

from orchestrator.control.session import read_events
from orchestrator.ray.host.place_groups import LOOK_EACH_S, LOOK_S, PlaceGroups
from orchestrator.ray.host.spares import WorkersNow, dealt, next_workers
from orchestrator.ray.host.tickets import TicketHooks, Tickets
from orchestrator.ray.worker.ahead import UNUSABLE
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev


def now(places, left, working, there=0, *, reused=False):
    return WorkersNow(places, left, working, there, {"a": 1}, {}, reused)


@pytest.mark.parametrize(
    ("workers", "is_first_run", "expected"),
    [
        (now(4, 0, 1), True, 4),  # one for each place, although nothing else may be started yet
        (now(4, 100, 4), False, 4),  # and one for whoever comes next on each
        (now(4, 3, 4), False, 3),
        (now(4, 3, 2, 2), False, 1),
        (now(4, 2, 2, 2), False, 0),
        (now(4, 1, 1, 3), False, 0),
        (now(4, 0, 1, reused=True), True, 3),  # those that have none
        (now(4, 100, 4, reused=True), False, 0),
        (now(4, 100, 2, 1, reused=True), False, 1),
        (now(4, 1, 1, reused=True), False, 1),
        (now(1, 100, 4), False, 1),  # a share that shrank
        (now(1, 100, 4, reused=True), False, 0),
    ],
)
def test_as_many_wait_as_will_be_started_next(workers, is_first_run, expected):
    assert next_workers(workers, is_first_run=is_first_run) == expected


@pytest.mark.parametrize(
    ("number", "rooms", "held", "reused", "expected"),
    [
        (3, {"a": 9}, {}, False, {"a": 3}),
        (3, {"a": 2, "b": 2}, {"a": 1, "b": 1}, False, {"a": 2, "b": 1}),  # one for each place that is held first
        (2, {"a": 8, "b": 2}, {"b": 2}, False, {"b": 2}),
        (2, {"a": 8, "b": 8}, {}, False, {"a": 1, "b": 1}),
        (9, {"a": 1, "b": 2}, {"a": 1}, False, {"a": 1, "b": 2}),  # none more than there is room for
        (9, {"a": 2, "b": 2}, {"a": 2, "b": 1}, True, {"b": 1}),  # those without a worker
        (2, {}, {}, False, {}),
    ],
)
def test_they_wait_where_the_next_trials_will_be(number, rooms, held, reused, expected):
    assert dealt(number, rooms, held, reused=reused) == expected


@pytest.mark.ray
def test_a_process_that_had_looked_for_a_gpu_costs_a_ticket_nothing(local_ray):
    @ray.remote
    class Unusable:
        def __init__(self):
            raise RuntimeError(UNUSABLE)

    actor = Unusable.remote()
    with pytest.raises(ray.exceptions.RayActorError) as caught:
        ray.get(actor.__ray_ready__.remote())

    class Manager:
        def add_actor(self, *_, **__):
            return object()

    said = []
    hooks = TicketHooks(
        dismiss=said.append, on_stop=said.append, on_error=said.append, say=said.append, give_up=said.append,
        alive=list,
    )  # fmt: skip
    worker = type("Kind", (), {"actor_class": None, "kwargs": staticmethod(lambda number: {})})
    tickets = Tickets(Manager(), worker, hooks, 0.0)
    for _ in range(10):
        tickets.ask(1, None, 0.0)
        assert len(tickets) == 1, "the next is asked for at once"
        assert tickets.on_failure(tickets.waiting[0].actor, caught.value)
    assert said == []


@pytest.mark.ray
def test_room_is_looked_for_without_a_process_and_seldomer_where_much_is_waited_for(local_ray):
    from ray.tune import PlacementGroupFactory

    groups, request = PlaceGroups(), PlacementGroupFactory([{"CPU": 3}])
    try:
        for _ in range(30):
            groups.request_resources(request)
        assert groups.get_resource_futures() == []
        _wait_for_room(groups, request)
        assert groups.update_interval_s == pytest.approx(max(LOOK_S, 30 * LOOK_EACH_S))
        held = groups.acquire_resources(request)
        groups.update_state()
        assert not groups.has_resources_ready(request), "there is room for one"
        groups.free_resources(held)
        groups.update_interval_s = LOOK_S
        _wait_for_room(groups, request)
        for _ in range(29):
            groups.cancel_resource_request(request)
    finally:
        groups.clear()


def _wait_for_room(groups, request):
    deadline = time.monotonic() + 240
    while not groups.has_resources_ready(request):
        assert time.monotonic() < deadline
        time.sleep(LOOK_S / 2)


HELPER = """
import os

IS_AVAILABLE = bool(os.environ.get("CUDA_VISIBLE_DEVICES"))
"""
TRAIN = """
import os
import sys
import wave

import ray
from ray import tune

from cuda import IS_AVAILABLE

SEEN = os.environ.get("CUDA_VISIBLE_DEVICES", "none")


@ray.remote(num_cpus=0)
def inside():
    return os.getpid()


def train(config):
    order = list(sys.modules)
    assert ray.get(inside.remote()) != os.getpid()
    tune.report({"loss": config["x"], "pid": os.getpid(), "gpus": ",".join(map(str, ray.get_gpu_ids())), "seen": SEEN,
                 "available": IS_AVAILABLE, "warm": order.index("wave") < order.index(__name__)})
"""
SWEEP = """
name: small
trainable: train.py:train
objective: {metric: loss, goal: minimize}
fidelity: {max: 1}
search_space: {x: {low: 0.0, high: 1.0, default: 0.5}}
resources: {gpus: 1}
budget: {trials: 4}
confirm: none
"""


@pytest.mark.ray
@pytest.mark.thorough
def test_each_attempt_has_a_warm_process_of_its_own_which_sees_its_gpus_before_the_users_modules(tmp_path: Path):
    (tmp_path / "cuda.py").write_text(HELPER)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    ran = stepladder("run", "--cpus", "2", "--gpus", "2", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    check_told(tmp_path)


@pytest.mark.ray
@pytest.mark.nightly
def test_so_it_is_on_a_cluster_that_asks_for_a_token(tmp_path: Path):
    """Ray starts them for the job, of whose environment they are, and the raylet wants the token for that."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code/cuda.py").write_text(HELPER)
    (tmp_path / "code/train.py").write_text(TRAIN)
    (tmp_path / "code/sweep.yaml").write_text(f"{SWEEP}environment: {{env: {{LAB_LEVEL: 3}}}}\n")
    with ray_head(tmp_path, gpus=2) as head:
        typed = partial(stepladder, cwd=tmp_path / "code", env=head.environment | {"HOME": str(tmp_path)})
        sent = typed("submit", "--address", head.address, "--no-check", "--detach", f"storage={tmp_path}/runs")
        assert sent.returncode == 0, sent.stderr
        followed = typed("logs", "-f")
        assert followed.returncode == 0, followed.stderr
        check_told(tmp_path)


def check_told(folder):
    events = read_events(Location.parse(str(folder / "runs/small")))
    told = [event.metrics | event.texts for event in events if isinstance(event, ev.Reported)]
    assert len({metrics["pid"] for metrics in told}) == len(told) == 4
    assert [(m["available"], m["seen"], m["warm"]) for m in told] == [(True, m["gpus"], True) for m in told]
