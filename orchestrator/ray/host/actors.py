"""Where ours differs from Ray Tune's handling of actors: their runtime environment, and which count as lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ray
from ray.air.execution._internal import RayActorManager
from ray.air.execution._internal.tracked_actor import TrackedActor
from ray.exceptions import RayActorError, RayTaskError
from ray.tune.experiment import Trial as TuneTrial
from typing_extensions import override

from orchestrator.ray.host.place_groups import PlaceGroups
from orchestrator.ray.worker.worker import SIGNS

PAUSE_S = 0.05
"""Pause of a turn in which Ray owes nothing: then there are at most places that are waited for."""


class NoAdvice:
    """Stands in for Tune's advice to somebody who calls Tune; status and the watchdog speak for us."""

    def on_no_available_trials(self, trials: list[TuneTrial]) -> None:
        """Say nothing."""


class ActorClasses:
    """Makes actors of trainables without a runtime environment of their own.

    Tune's adds one, which no worker process started ahead can serve (0.7 s a trial), and writes the driver's AWS keys
    into it, which Ray logs in clear. What else it would set, `TrialWorker` sets itself.
    """

    def __init__(self) -> None:
        self._known: dict[type, Any] = {}

    def get(self, trainable: type) -> Any:
        """Return the actor class of a trainable."""
        if trainable not in self._known:
            self._known[trainable] = ray.remote(concurrency_groups={SIGNS: 1})(trainable)
        return self._known[trainable]


class ActorManager(RayActorManager):
    """Takes every error that Ray may raise for a task for a lost actor.

    Tune's own knows two kinds and ends the whole run on any other: a worker that Ray's memory monitor ended, say.
    """

    def __init__(self, resource_manager: PlaceGroups) -> None:
        """Start actors in groups of its own kind."""
        super().__init__(resource_manager=resource_manager)
        self._groups = resource_manager
        self.on_freed: Callable[[TrackedActor, float], None] = lambda *_: None
        """Called once an actor's room is given back, with since when it was held, monotonic seconds."""

    def room_since(self, actor: TrackedActor) -> float:
        """Return since when an actor that was started holds its room, monotonic seconds."""
        return self._groups.since[self._live_actors_to_ray_actors_resources[actor][1].placement_group]

    def node_of(self, actor: TrackedActor) -> str:
        """Return Ray's id of the node on which the room of an actor that was started begins."""
        return self._groups.nodes[self._live_actors_to_ray_actors_resources[actor][1].placement_group]

    @override
    def _cleanup_actor(self, tracked_actor: TrackedActor) -> None:
        since = self.room_since(tracked_actor)
        super()._cleanup_actor(tracked_actor)
        self.on_freed(tracked_actor, since)

    @override
    def next(self, timeout: float | None = None) -> bool:
        """Handle one event, waiting for it for `timeout` seconds at most; say whether there was one."""
        owed = self._actor_state_events.num_futures + self._actor_task_events.num_futures
        if not owed and not self._live_actors_to_kill:
            self._try_start_actors()
            time.sleep(PAUSE_S if timeout is None else min(PAUSE_S, timeout))
            return False
        return bool(super().next(timeout))

    def handle(self, actor: TrackedActor) -> Any:
        """Return Ray's handle on an actor that was started."""
        return self._live_actors_to_ray_actors_resources[actor][0]

    def _actor_task_failed(self, tracked_actor_task: Any, exception: Exception) -> None:
        if not isinstance(exception, RayActorError | RayTaskError):
            lost = RayActorError(error_msg=str(exception))
            lost.__cause__ = exception
            exception = lost
        super()._actor_task_failed(tracked_actor_task, exception)
