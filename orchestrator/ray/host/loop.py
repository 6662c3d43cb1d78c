"""Ray Tune's loop with the controller behind it.

Tune's own run function is not used, for what it does around the loop: snapshots of every trial's state (17 KB each, at
the end in any case), a look at every trial's result files when it returns, signal handlers. Its loop, placement,
actors and failure detection are `TuneController`, a developer interface of Ray's; what is overridden here is named with
its reason. Places are asked for by `tickets`; which trial runs on one is asked of the bridge once its worker is ready;
the verdict comes from `verdicts`.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Sequence
from functools import partial
from typing import Any

import ray
from ray.air.execution._internal.tracked_actor import TrackedActor
from ray.train._internal.storage import StorageContext
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import TrialScheduler
from typing_extensions import override

from orchestrator.errors import ClusterError
from orchestrator.policies.placing import PlacesDue
from orchestrator.ray.host.actors import ActorClasses, ActorManager, NoAdvice
from orchestrator.ray.host.bridge import Bridge
from orchestrator.ray.host.cluster import alive_ids, missed_s
from orchestrator.ray.host.holders import Holders
from orchestrator.ray.host.inquests import Inquests
from orchestrator.ray.host.live_attempt import LiveAttempt
from orchestrator.ray.host.place_groups import PlaceGroups
from orchestrator.ray.host.spares import Spares, WorkersNow
from orchestrator.ray.host.tickets import IDLE_S, Ticket, TicketHooks, Tickets, WorkerKind
from orchestrator.ray.host.trial_maker import AskedPlaces, Places, RunOptions, TrialMaker
from orchestrator.ray.host.verdicts import SweepScheduler, SweepSearch
from orchestrator.ray.worker.assignment import UNREAD_KEY, Assignment
from orchestrator.ray.worker.outcomes import classify, storage_away
from orchestrator.ray.worker.patient_storage import PatientStorage
from orchestrator.ray.worker.worker import Placement
from orchestrator.storage.checkpoints import FOLDER
from orchestrator.sweep.resources import Resources
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweep.trial import Outcome

_log = logging.getLogger("stepladder")

EMPTY_TURN_S = 0.05
"""Pause at a turn with nothing alive and nothing to start."""
STUCK_S = 10.0
"""A place that is waited for so long is not to be had, whatever share of the cluster is this sweep's."""
FORGET_S = 10.0
"""How long a trial of Tune's is kept once its attempt is over: what is still under way to it comes before."""
LEAVE_S = 5
"""Seconds that workers get for their `finally` when the loop ends; Tune's own is 10."""


class SweepRun(TuneController):
    """Tune's loop over one sweep: call `step` until `is_finished`, then `cleanup`."""

    def __init__(
        self, bridge: Bridge, maker: TrialMaker, storage: StorageContext, places: Places, options: RunOptions,
        spares: Spares | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            search_alg=SweepSearch(bridge),
            scheduler=SweepScheduler(bridge),
            storage=storage,
            reuse_actors=options.reuse,
        )
        self._bridge = bridge
        self._inquests = Inquests(bridge)
        self._attempts: dict[str, TuneTrial] = {}  # Tune's trials of the attempts that have not ended
        self._over: deque[tuple[float, TuneTrial]] = deque()  # since when, and which is to be forgotten
        self._maker = maker
        self.places = places
        self._spares = spares
        self._groups, self._holders = PlaceGroups(), Holders(bridge.hold)
        self._actor_manager = ActorManager(self._groups)
        self._groups.on_unused, self._actor_manager.on_freed = self._holders.unused, self._holders.free
        self._insufficient_resources_manager = NoAdvice()
        self._buffer_length = 1  # Tune's buffering swaps its own two arguments
        self._print_trial_errors = False  # the journal keeps them
        self._actor_cleanup_timeout = int(options.teardown_s)
        self._actor_force_cleanup_timeout = LEAVE_S
        give_up = lambda text: bridge.fail(ClusterError(text))  # noqa: E731 - one line of a table
        ended = self._remove_actor, self._actor_stopped, self._on_actor_error
        hooks = TicketHooks(*ended, _log.warning, give_up, alive_ids)
        worker = WorkerKind(ActorClasses().get(maker.worker), maker.ticket_kwargs)
        self.tickets = Tickets(self._actor_manager, worker, hooks, options.start_s, options.missed_s)

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
        now = time.monotonic()
        self._inquests.settle(now)
        for key, trial in list(self._attempts.items()):
            if trial.is_finished() and key not in self._inquests:
                self._bridge.ended(key, Outcome.LOST, "Ray Tune ended the trial without a word")
                del self._attempts[key]
                self._over.append((now, trial))
        self._forget(now)

    def _forget(self, now: float) -> None:
        """Forget what has been over for a while: Tune keeps every trial of a run, some 25 KB each, and nobody asks."""
        while self._over and now - self._over[0][0] >= FORGET_S:
            _, trial = self._over.popleft()
            if trial in self._trial_to_actor or trial in self._actor_to_trial.values():  # its worker is being ended
                self._over.append((now + FORGET_S, trial))
                continue
            for trials in (self._live_trials, self._stopped_trials, self._failed_trials, self._trials_to_cache):
                trials.discard(trial)
            self._trials.remove(trial)

    @override
    def _maybe_update_trial_queue(self) -> None:
        # Tune would ask for trials here. We ask for places: as many as trials could be started now, within the cap.
        now = time.monotonic()
        self.tickets.look(now)
        alive, due = len(self._bridge.live), self._bridge.due()
        held = alive + len(self.tickets) - len(self.tickets.waiting)
        is_stuck = any(now - ticket.asked_at >= STUCK_S for ticket in self.tickets.waiting)
        asked = AskedPlaces(held, alive + due.startable, self._elsewhere(due.resources), is_stuck)
        room = max(0, self.places(asked, due.resources) - alive)
        self.tickets.shrink(room)
        self.tickets.shrink(min(room, due.startable), idle_since=now - IDLE_S)
        if due.startable:
            number = min(room, due.alike)
            if self._spares is not None:  # no place is held, and no second process started, while one gets ready
                number = self._spares.within_reach(number, self.tickets, now)
            self.tickets.ask(number, self._maker.request(due.resources, self._avoided(due)), now)
        if self._spares is not None:
            counts = alive + room, due.startable, alive, held - alive
            workers = WorkersNow(*counts, self.tickets.began, Counter(self._groups.nodes.values()), self._reuse_actors)
            self._spares.keep(workers, due.resources)
        if not self.tickets and not self._live_trials and not self._bridge.is_over:
            time.sleep(EMPTY_TURN_S)

    @override
    def _maybe_add_actors(self) -> None:
        # Tune would give trials their actors here. Ours are there before them.
        for ticket in self.tickets.ready:
            due = self._bridge.due()
            avoided, kind = self._avoided(due), self._maker.kind_of(ticket.request)
            nodes = partial(self.tickets.nodes, ticket)
            is_other = due.startable > 0 and kind.machines != due.resources.machines
            if is_other or (avoided and not avoided.isdisjoint(nodes())) or not self.places.may_lie(nodes):
                self.tickets.give_back(ticket)
            elif (attempt := self._bridge.next_attempt()) is not None:
                self._take(ticket, attempt)
            else:
                return

    def _avoided(self, due: PlacesDue) -> frozenset[str]:
        return frozenset(self.places.avoided(self._bridge.shunned(), due.resources))

    def _elsewhere(self, resources: Resources) -> int:
        """Return how many attempts lie on machines of another kind."""
        kinds = (self._maker.kind_of(trial.placement_group_factory) for trial in self._attempts.values())
        return sum(1 for kind in kinds if kind.machines != resources.machines)

    def _take(self, ticket: Ticket, attempt: LiveAttempt) -> None:
        """Let an attempt run on a ready worker, as Tune does with one that is used again."""
        self.tickets.take(ticket)
        attempt.reserved_at = ticket.has_place_at
        self._holders.take(ticket.actor, attempt)
        trial = self._maker.trial(attempt, ticket.request)
        self._attempts[attempt.key] = trial
        trial.init_local_path()
        self.add_trial(trial)
        self._pending_trials_list.clear()  # nobody looks for an actor for it any more
        self._trial_to_actor[trial], self._actor_to_trial[ticket.actor] = ticket.actor, trial
        trial.set_ray_actor(self._actor_manager.handle(ticket.actor))
        self._schedule_trial_reset(trial, trial.config, trial.experiment_tag)

    def _unstage_trial_with_resources(self, trial: TuneTrial) -> None:
        """Do nothing: no trial waits for an actor here."""

    @override
    def _maybe_cache_trial_actor(self, trial: TuneTrial) -> bool:
        # Tune keeps it for a trial that waits, whose own actor it then ends although that is about to be ready.
        actor = self._trial_to_actor[trial]
        is_sound = self._actor_manager.is_actor_started(actor) and actor in self._started_actors
        if not self._reuse_actors or self._bridge.is_over or not is_sound:
            return False
        del self._trial_to_actor[trial], self._actor_to_trial[actor]
        trial.set_ray_actor(None)
        now = time.monotonic()
        self._holders.leave(actor, now)
        self.tickets.add_free(actor, trial.placement_group_factory, now)
        return True

    def _on_actor_error(self, actor: TrackedActor, exception: Exception) -> None:
        if not self.tickets.on_failure(actor, exception) and actor in self._actor_to_trial:
            self._actor_failed(actor, exception)

    def _cleanup_trials(self) -> None:
        self.tickets.shrink(0)
        super()._cleanup_trials()

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

    def _on_wound_down(self, trial: TuneTrial, unread: tuple[str, ...] | None) -> None:
        self._take_unread(trial, unread)
        self.stop_trial(trial)

    def _take_unread(self, trial: TuneTrial, unread: Sequence[str] | None) -> None:
        """Keep what a training says that it never read, until its attempt ends."""
        if unread is not None and trial.trial_id in self._bridge.live:
            self._bridge.live[trial.trial_id].take_unread(unread)

    def _on_stuck(self, trial: TuneTrial, error: Exception) -> None:
        self._bridge.finished(trial.trial_id)
        self._trial_task_failure(trial, error)  # which ends its worker: no other trial is to wait for it

    @override
    def _on_training_result(self, trial: TuneTrial, result: dict[str, Any]) -> None:
        # Tune puts the last report in the place of what comes when a training has returned.
        self._take_unread(trial, result.get(UNREAD_KEY))
        super()._on_training_result(trial, result)

    def _process_trial_failure(self, trial: TuneTrial, exception: Exception) -> None:
        if (away := storage_away(exception)) is not None:
            self._bridge.fail(away)
        outcome, text = classify(exception)
        if not self._inquests.open(trial.trial_id, outcome, text):
            self._bridge.ended(trial.trial_id, outcome, text)
        super()._process_trial_failure(trial, exception)


def make_run(
    bridge: Bridge, assignment: Assignment, spec: SweepSpec, session_name: str, places: Places,
    spares: Spares | None = None,
) -> SweepRun:  # fmt: skip
    """Build the loop of one session: `session_name` names its folder in the sweep's checkpoints.

    Raises StorageError where nothing can be put into storage.
    """
    resources = spec.resources
    storage = PatientStorage(bridge.folder / FOLDER, session_name, spec.limits.storage)
    maker = TrialMaker(storage, session_name, assignment, resources)
    reuse = resources.reuse_workers if resources.reuse_workers is not None else resources.gpus == 0
    run_options = RunOptions(reuse, assignment.teardown_s, spec.limits.start, missed_s())
    return SweepRun(bridge, maker, storage, places, run_options, spares)
