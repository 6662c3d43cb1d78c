from __future__ import annotations

import time

import pytest
from ray.air.execution import PlacementGroupResourceManager
from ray.air.execution._internal import RayActorManager
from ray.air.execution._internal.tracked_actor_task import TrackedActorTask
from ray.exceptions import OutOfMemoryError
from ray.tune import PlacementGroupFactory

from orchestrator.ray.host.actors import ActorManager
from orchestrator.ray.host.place_groups import PlaceGroups
from orchestrator.ray.worker.outcomes import classify
from orchestrator.sweep.trial import Outcome

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("local_ray")]


def started(manager):
    class Idle:  # local, so that it travels by pickle: a worker cannot import this file
        pass

    ready = []
    actor = manager.add_actor(Idle, {}, PlacementGroupFactory([{"CPU": 1}]), on_start=ready.append)
    deadline = time.monotonic() + 240
    while not ready:
        manager.next(timeout=1)
        assert time.monotonic() < deadline
    return actor


def test_a_worker_that_the_memory_monitor_ended_fails_its_attempt_not_the_run():
    error, told = OutOfMemoryError("95 % used"), []
    stock = RayActorManager(resource_manager=PlacementGroupResourceManager())
    with pytest.raises(RuntimeError, match="unexpected exception"):  # what ours is there for; gone once Ray mends it
        stock._actor_task_failed(TrackedActorTask(tracked_actor=started(stock)), error)
    stock.cleanup()
    manager = ActorManager(resource_manager=PlaceGroups())
    task = TrackedActorTask(tracked_actor=started(manager), on_error=lambda _, exception: told.append(exception))
    manager._actor_task_failed(task, error)
    manager.cleanup()
    assert [classify(exception) for exception in told] == [
        (Outcome.OUT_OF_MEMORY, "the node ran out of memory and Ray ended the worker: OutOfMemoryError: 95 % used")
    ]
