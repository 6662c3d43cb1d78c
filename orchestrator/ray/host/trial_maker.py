"""What Ray Tune is given of a sweep: a trial for each attempt, and what the workers of tickets are made with."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ray.train._internal.storage import StorageContext
from ray.tune import PlacementGroupFactory
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.experiment.trial import _get_trainable_kwargs
from ray.tune.registry import register_trainable

from orchestrator.ray.host.bundles import bundles_of, how_placed
from orchestrator.ray.host.live_attempt import LiveAttempt
from orchestrator.ray.worker.assignment import Assignment
from orchestrator.ray.worker.worker import worker_class
from orchestrator.sweep.resources import Resources


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How the workers of a run are treated."""

    reuse: bool
    """Whether one runs one trial after another."""
    teardown_s: float
    """How long one may take to end."""
    start_s: float
    """How long one may take to be ready, once its place is there; 0: however long that takes."""
    missed_s: float
    """How long after a node left Ray knows; 0 where this driver leaves with it."""


class AskedPlaces(NamedTuple):
    """How many places a sweep has, and would have."""

    held: int
    """Those that it has, by trials and by tickets with room."""
    wanted: int
    """Those that it would have, had it all."""
    elsewhere: int
    """Trials on machines of another kind than what comes next, which take none of its places."""
    is_stuck: bool
    """Whether places are waited for that do not come."""


class Places(Protocol):
    """How many trials may be alive at once, and where."""

    def __call__(self, asked: AskedPlaces, resources: Resources) -> int:
        """Return how many may be alive, waiting places included, where the next ones take `resources`."""

    def leave(self) -> None:
        """Tell whoever shares the cluster that nothing is held any more, and end what was done for places."""

    def avoided(self, shunned: frozenset[str], resources: Resources) -> Collection[str]:
        """Return Ray's ids of the nodes that are to take none, with those of `shunned` as far as others could."""

    def may_lie(self, node_ids: Callable[[], frozenset[str]]) -> bool:
        """Say whether a trial may lie on these nodes, which are asked for only where they matter."""


class TrialMaker:
    """Makes Tune's trials of a sweep's attempts, and what its tickets are made with."""

    def __init__(
        self, storage: StorageContext, session_name: str, assignment: Assignment, resources: Resources
    ) -> None:
        self._name = f"stepladder-{session_name}"
        self._storage = storage
        self._assignment = assignment
        self._resources = resources
        self._kinds: dict[PlacementGroupFactory, Resources] = {}
        self.worker = worker_class(assignment)
        """The class that actors are made of."""
        register_trainable(self._name, self.worker)

    def trial(self, attempt: LiveAttempt, request: PlacementGroupFactory) -> TuneTrial:
        """Return Tune's trial of an attempt, which is to run where `request` was asked for."""
        return self._made(attempt.key, attempt.config, request)

    def ticket_kwargs(self, number: int) -> dict[str, Any]:
        """Return what the worker of a ticket is made with: Tune's own, for a trial that nobody gets to see."""
        request = self.request(self._resources, ())
        kwargs: dict[str, Any] = _get_trainable_kwargs(self._made(f"place-{number}", {}, request))
        return kwargs

    def kind_of(self, request: PlacementGroupFactory) -> Resources:
        """Return what was asked for by a request that was made here."""
        return self._kinds[request]

    def request(self, resources: Resources, avoided: Collection[str]) -> PlacementGroupFactory:
        """Ask for the places of one trial: a bundle for each of its nodes, away from the nodes whose ids are `avoided`.

        Several processes find their places in those bundles, and Tune's own actor, which watches over them, needs none:
        it sits on the first node with an empty bundle.
        """
        head: list[dict[str, float]] = [] if self._assignment.gang is None else [{}]
        request = PlacementGroupFactory([*head, *bundles_of(resources)], **how_placed(resources, avoided))
        self._kinds[request] = resources
        return request

    def _made(self, key: str, config: dict[str, Any], request: PlacementGroupFactory) -> TuneTrial:
        trial = TuneTrial(
            self._name,
            config=config,
            trial_id=key,
            storage=self._storage,
            placement_group_factory=request,
            trial_name_creator=lambda trial: str(trial.trial_id),
            trial_dirname_creator=lambda trial: str(trial.trial_id),
            max_failures=0,
        )
        trial.create_placement_group_factory()
        return trial
