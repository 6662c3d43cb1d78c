"""Ray Tune's loop with the controller behind it.

Tune's own run function is not used, for what it does around the loop: snapshots of every trial's state (17 KB each, at
the end in any case), a look at every trial's result files when it returns, signal handlers. Its loop, placement,
actors and failure detection are `TuneController`, a developer interface of Ray's; what is overridden here is named with
its reason. The next trial comes from `SweepSearch`, the verdict from `SweepScheduler`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import ray
from ray.air.execution import PlacementGroupResourceManager
from ray.air.execution._internal import RayActorManager
from ray.exceptions import RayActorError, RayTaskError
from ray.train._internal.storage import StorageContext
from ray.tune import PlacementGroupFactory
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.registry import register_trainable
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import SearchAlgorithm
from typing_extensions import override

from orchestrator.ray.host.bridge import Bridge
from orchestrator.ray.host.bundles import away_from, bundles_of, strategy_of
from orchestrator.ray.host.inquests import Inquests
from orchestrator.ray.host.live_attempt import LiveAttempt
from orchestrator.ray.worker.assignment import OUTSIDE_KEY, REPORT_KEY, Assignment
from orchestrator.ray.worker.outcomes import classify, storage_away
from orchestrator.ray.worker.patient_storage import PatientStorage
from orchestrator.ray.worker.worker import SIGNS, Placement, worker_class
from orchestrator.storage.checkpoints import FOLDER
from orchestrator.sweep.resources import Resources
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweep.trial import Outcome

EMPTY_TURN_S = 0.05
"""Pause at a turn with nothing alive and nothing to start."""
LEAVE_S = 5
"""Seconds that workers get for their `finally` when the loop ends; Tune's own is 10."""


class SweepSearch(SearchAlgorithm):
    """Turns the controller's next step into a Tune trial. One Tune trial is one attempt."""

    def __init__(
        self, bridge: Bridge, places: Callable[[], int], make_trial: Callable[[LiveAttempt], TuneTrial]
    ) -> None:
        self._bridge = bridge
        self._places = places
        self._make_trial = make_trial
        self.trials: dict[str, TuneTrial] = {}
        """Tune's trials of the attempts that have not ended."""

    def next_trial(self) -> TuneTrial | None:
        """Return the next trial; None when there is no place, or nothing to start now."""
        attempt = self._bridge.next_attempt(self._places())
        if attempt is None:
            return None
        self.trials[attempt.key] = self._make_trial(attempt)
        return self.trials[attempt.key]

    def is_finished(self) -> bool:
        """Say whether nothing will be started any more."""
        return self._bridge.is_over


class SweepScheduler(FIFOScheduler):
    """Passes reports to the controller and its verdicts to Tune, and tells it how attempts end."""

    _supports_buffered_results = False

    def __init__(self, bridge: Bridge, trials: Mapping[str, TuneTrial]) -> None:
        super().__init__()
        self._bridge = bridge
        self._trials = trials

    @override
    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:
        """Answer a report. The last result, which Tune repeats when a function returns, never comes here."""
        self._bridge.imported(trial.trial_id, dict(result.get(OUTSIDE_KEY, ())))
        stop = self._bridge.must_stop(trial.trial_id, result[REPORT_KEY])
        return str(TrialScheduler.STOP if stop else TrialScheduler.CONTINUE)

    @override
    def on_trial_complete(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> None:
        """Take the end of a training that returned, or obeyed a STOP."""
        self._bridge.finished(trial.trial_id)

    @override
    def on_trial_remove(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Take the end of a trial that no worker had taken yet."""
        self._bridge.ended(trial.trial_id, Outcome.INTERRUPTED)

    @override
    def choose_trial_to_run(self, tune_controller: Any) -> TuneTrial | None:
        """Return the oldest trial that waits, as FIFO does, without walking through all that have ended."""
        return next((trial for trial in self._trials.values() if trial.status == TuneTrial.PENDING), None)


class SweepRun(TuneController):
    """Tune's loop over one sweep: call `step` until `is_finished`, then `cleanup`."""

    def __init__(
        self, bridge: Bridge, search: SweepSearch, storage: StorageContext, *, reuse_workers: bool, teardown_s: float
    ) -> None:
        scheduler = SweepScheduler(bridge, search.trials)
        super().__init__(search_alg=search, scheduler=scheduler, storage=storage, reuse_actors=reuse_workers)
        self._bridge = bridge
        self._inquests = Inquests(bridge)
        self._attempts = search.trials
        self._actor_manager = _ActorManager(resource_manager=PlacementGroupResourceManager())
        self._class_cache = _ActorClasses()
        self._insufficient_resources_manager = _Silent()
        self._max_pending_trials = sys.maxsize  # `next_trial` bounds them; Tune's default is one at a time
        self._buffer_length = 1  # Tune's buffering swaps its own two arguments
        self._print_trial_errors = False  # the journal keeps them
        self._actor_cleanup_timeout = int(teardown_s)
        self._actor_force_cleanup_timeout = LEAVE_S

    def on_step_begin(self) -> None:
        """Read no resources for Tune's display: with none in the cluster that blocks for 2 s, again and again."""

    def checkpoint(self, force: bool = False, wait: bool = False) -> None:
        """Write no snapshot: the journal is the state."""

    def describe(self, key: str) -> str:
        """Say what Tune thinks of an attempt."""
        trial = self._attempts.get(key)
        if trial is None:
            return "unknown"
        actor = self._trial_to_actor.get(trial)
        if actor is None:
            return f"{trial.status}, no actor"
        started = self._actor_manager.is_actor_started(actor)
        return f"{trial.status}, actor {'started' if started else 'waits for resources'}"

    def has_place(self, key: str) -> bool:
        """Say whether the cluster has set an attempt's place aside."""
        actor = self._trial_to_actor.get(self._attempts[key]) if key in self._attempts else None
        return actor is not None and self._actor_manager.is_actor_started(actor)

    def worker_of(self, attempt: LiveAttempt) -> Any | None:
        """Return the actor of an attempt, which answers beside its training; None where it has none."""
        trial = self._attempts.get(attempt.key)
        return None if trial is None else trial.temporary_state.ray_actor

    def end(self, attempt: LiveAttempt) -> None:
        """End the worker of an attempt that does not report: nothing short of its process obeys."""
        trial = self._attempts.get(attempt.key)
        if trial is None:
            return
        if trial.status == TuneTrial.PENDING or trial.temporary_state.ray_actor is None:
            self.stop_trial(trial)
        else:
            ray.kill(trial.temporary_state.ray_actor)

    def reconcile(self) -> None:
        """End the attempts whose Tune trial is over without anybody having been told, and forget the ended ones."""
        self._inquests.settle(time.monotonic())
        for key, trial in list(self._attempts.items()):
            if trial.is_finished() and key not in self._inquests:
                self._bridge.ended(key, Outcome.LOST, "Ray Tune ended the trial without a word")
                del self._attempts[key]

    @override
    def _update_trial_queue(self, blocking: bool = False, timeout: int = 0) -> bool:
        # With nothing alive Tune waits here up to 600 s, asking once a second, deaf to everything else.
        added = bool(super()._update_trial_queue(blocking=False))
        if blocking and not added:
            time.sleep(EMPTY_TURN_S)
        return added

    def _schedule_trial_restore(self, trial: TuneTrial) -> bool:
        # Called when an actor is ready, before its first `train`: the place for our own beginning.
        self._schedule_trial_task(
            trial=trial, method_name="begin", on_result=self._on_begun, on_error=self._trial_task_failure
        )
        return True

    def _on_begun(self, trial: TuneTrial, placement: Placement) -> None:
        placed = placement.node, placement.gpu_ids, placement.processes, placement.code_hash
        self._bridge.placed(trial.trial_id, *placed)
        self._schedule_trial_train(trial)

    @override
    def _execute_action(self, trial: TuneTrial, decision: str, after_save: bool = False) -> None:
        # Tune takes a stopped trial for ended at once; its training holds the place, and is paid for, until it is.
        if decision == TrialScheduler.STOP and self._bridge.is_told_to_stop(trial.trial_id):
            self._schedule_trial_task(
                trial=trial, method_name="wind_down", on_result=self._on_wound_down, on_error=self._on_stuck
            )
        else:
            super()._execute_action(trial, decision, after_save)

    def _on_wound_down(self, trial: TuneTrial, _: None) -> None:
        self.stop_trial(trial)

    def _on_stuck(self, trial: TuneTrial, error: Exception) -> None:
        self._bridge.finished(trial.trial_id)
        self._trial_task_failure(trial, error)  # which ends its worker: no other trial is to wait for it

    def _process_trial_failure(self, trial: TuneTrial, exception: Exception) -> None:
        if (away := storage_away(exception)) is not None:
            self._bridge.fail(away)
        outcome, text = classify(exception)
        if not self._inquests.open(trial.trial_id, outcome, text):
            self._bridge.ended(trial.trial_id, outcome, text)
        super()._process_trial_failure(trial, exception)


class _Silent:
    """Stands in for Tune's advice to somebody who calls Tune; the watchdog speaks for us."""

    def on_no_available_trials(self, trials: list[TuneTrial]) -> None:
        """Say nothing."""


class _ActorClasses:
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


class _ActorManager(RayActorManager):
    """Takes every error that Ray may raise for a task for a lost actor.

    Tune's own knows two kinds and ends the whole run on any other: a worker that Ray's memory monitor ended, say.
    """

    def _actor_task_failed(self, tracked_actor_task: Any, exception: Exception) -> None:
        if not isinstance(exception, RayActorError | RayTaskError):
            lost = RayActorError(error_msg=str(exception))
            lost.__cause__ = exception
            exception = lost
        super()._actor_task_failed(tracked_actor_task, exception)


def make_run(
    bridge: Bridge,
    assignment: Assignment,
    spec: SweepSpec,
    session_name: str,
    places: Callable[[], int],
    avoided: Callable[[frozenset[str]], Collection[str]] = frozenset,
) -> SweepRun:
    """Build the loop of one session: `session_name` names its folder in the sweep's checkpoints.

    `places` says how many trials may be alive at once, `avoided` Ray's ids of the nodes that are to take none, and of
    those it is given, as far as another could hold a trial. Raises StorageError where nothing can be put into storage.
    """
    resources = spec.resources
    storage = PatientStorage(bridge.folder / FOLDER, session_name, spec.limits.storage)
    name = f"stepladder-{session_name}"
    register_trainable(name, worker_class(assignment))

    def make_trial(attempt: LiveAttempt) -> TuneTrial:
        return TuneTrial(
            name,
            config=attempt.config,
            trial_id=attempt.key,
            storage=storage,
            placement_group_factory=_request(resources, assignment, avoided(attempt.shunned)),
            trial_name_creator=lambda trial: str(trial.trial_id),
            trial_dirname_creator=lambda trial: str(trial.trial_id),
            max_failures=0,
        )

    reuse = resources.reuse_workers if resources.reuse_workers is not None else resources.gpus == 0
    search = SweepSearch(bridge, places, make_trial)
    return SweepRun(bridge, search, storage, reuse_workers=reuse, teardown_s=assignment.teardown_s)


def _request(resources: Resources, assignment: Assignment, avoided: Collection[str]) -> PlacementGroupFactory:
    """Ask for the places of one trial: a bundle for each of its nodes.

    Several processes find their places in those bundles, and Tune's own actor, which watches over them, needs none: it
    sits on the first node with an empty bundle.
    """
    head: list[dict[str, float]] = [] if assignment.gang is None else [{}]
    bundles, strategy = bundles_of(resources), strategy_of(resources)
    return PlacementGroupFactory([*head, *bundles], strategy=strategy, **away_from(avoided, len(bundles)))
