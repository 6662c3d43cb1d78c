"""Stands between the controller and Ray Tune's loop, and knows nothing of Ray.

Tune calls in from its loop; whatever the controller raises there is caught in one place, kept, and raised again by the
host once the loop has ended in order. Every attempt that was started ends here exactly once.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping

from orchestrator.control.answers import Done, Report, ResumeTrial, StartTrial, Verdict
from orchestrator.control.controller import Controller
from orchestrator.errors import ClusterLostError
from orchestrator.policies.avoidance import Avoidance
from orchestrator.policies.placing import PlacesDue
from orchestrator.policies.shared_files import SharedFiles
from orchestrator.policies.silence import SilenceWatch
from orchestrator.policies.unpinned import UnpinnedCode, outside_hash
from orchestrator.ray.host.left_out import LeftOut
from orchestrator.ray.host.live_attempt import LiveAttempt, sent
from orchestrator.ray.worker.ending import WorkerProcess
from orchestrator.ray.worker.reports import WorkerReport
from orchestrator.state.spend import taken_s
from orchestrator.storage.location import Location
from orchestrator.sweep.awaited import AwaitedPlaces
from orchestrator.sweep.trial import Outcome

ASK_AGAIN_S = 0.2
"""How soon a controller that had nothing to start is asked again, unless an attempt ends before."""

_log = logging.getLogger("stepladder")


class Bridge:
    """What Tune's loop asks and tells."""

    def __init__(self, controller: Controller, folder: Location, clock: Callable[[], float]) -> None:
        self.folder = folder
        """The sweep's folder, absolute."""
        self.hold = controller.host.held.extend  # takes places that were held beside what attempts are charged
        self.live: dict[str, LiveAttempt] = {}
        """Attempts that have not ended, oldest first."""
        self.failure: Exception | None = None
        """What ended the sweep out of order; None while nothing has."""
        self.done: str | None = None
        """Why nothing will be started any more, once nothing is alive; None before."""
        self.last_event: float = clock()
        """When something last started, was placed, reported or ended; monotonic seconds."""
        self._controller = controller
        self._clock = clock
        spec = controller.state.plan.spec
        self._watch = SilenceWatch(spec.limits, clock(), reports_once=spec.fidelity.once or controller.state.is_testing)
        self._avoidance = Avoidance()
        self._named: set[str] = set()
        self._ask_at = self._count_at = -math.inf
        self._due = PlacesDue(spec.resources, 0, 0)
        self._alone = threading.RLock()
        self._left_out, self._shared = LeftOut(_log.warning), SharedFiles(_log.warning)
        self._unpinned = UnpinnedCode(controller.state, _log.warning)

    @property
    def leaving(self) -> str | None:
        """Why the loop must end at its next turn: a signal's name, or a request; None while it need not."""
        return self._controller.stop_requested

    @property
    def is_over(self) -> bool:
        """Say whether the loop should end."""
        return self.done is not None or self.leaving is not None or self.failure is not None

    def leave(self, signal_name: str) -> None:
        """End the loop at its next turn; safe to call from a signal handler."""
        self._controller.request_stop(signal_name)

    def fail(self, error: Exception) -> None:
        """Keep the first error and end the loop at its next turn."""
        if self.failure is None:
            _log.error("the sweep stops: %s: %s", type(error).__name__, error)
            self.failure = error

    def lose(self, error: ClusterLostError) -> None:
        """End what is open, and the loop: Ray is gone. Called from beside the loop, which may be stuck."""
        with self._alone:
            if self.failure is None:
                self.interrupt_all()
                self.fail(error)

    def due(self) -> PlacesDue:
        """Return what could be started now, had it a place, and of what kind; sets `done` once nothing ever will."""
        if self.is_over:
            return self._due._replace(startable=0, alike=0)
        if self._clock() >= self._count_at:
            self._count_at = self._clock() + ASK_AGAIN_S
            with self._guarded():
                self._due = self._controller.places_due()
            if not self._due.startable and not self.live:
                self.next_attempt()  # which has none, and says whether that is for good
        return self._due

    def shunned(self) -> frozenset[str]:
        """Return Ray's ids of the nodes on which the trial that goes on next died before, and is to run no more."""
        waiting = self._controller.state.waiting.values()
        first = min(waiting, key=lambda trial: trial.is_replicate, default=None)
        return frozenset() if first is None else self._avoidance.shunned_by(first.number)

    def next_attempt(self) -> LiveAttempt | None:
        """Start an attempt on a worker that is ready, if there is one to start; sets `done` when none ever will be."""
        if self.is_over or self._clock() < self._ask_at:
            return None
        with self._guarded():
            step = self._controller.next_step()
            if isinstance(step, StartTrial | ResumeTrial):
                self._count_at = -math.inf
                return self._started(step)
            if isinstance(step, Done) and not self.live:
                self.done = step.reason
            self._ask_at = self._clock() + ASK_AGAIN_S
        return None

    def awaits(self, awaited: AwaitedPlaces) -> None:
        """Take note of the places that are waited for."""
        self._controller.host.awaited = awaited

    def placed(
        self, key: str, node: str | None, gpu_ids: str | None, processes: tuple[WorkerProcess, ...] = (),
        code_hash: str | None = None,
    ) -> None:  # fmt: skip
        """Take note that a worker took the attempt; `code_hash` is of a program's code as it found it."""
        live = self.live.get(key)
        if live is not None and self.failure is None:
            live.is_placed, live.processes = True, processes
            self._watch.take_begun(key, self._clock())
            self._seen()
            held_s = None if live.reserved_at is None else self._clock() - live.reserved_at
            with self._guarded():
                placed = live.trial, live.attempt, node, gpu_ids, held_s
                self._controller.on_placed(*placed, code_hash=code_hash)
            self._unpinned.take_program(live.trial, code_hash)
            if code_hash is not None:
                self._shared.begin(key, live.trial)

    def awaited(self) -> LiveAttempt | None:
        """Return the attempt of which must be known when its training function is entered; None where of none."""
        number = self._controller.first_run.awaits
        if number is None:
            return None
        inside = (live for live in self.live.values() if live.trial == number and live.is_placed)
        return next((live for live in inside if not live.has_entered), None)

    def entered(self, key: str) -> None:
        """Take note that the attempt's training function was entered."""
        live = self.live.get(key)
        if live is not None and self.failure is None:
            live.has_entered = True
            with self._guarded():
                self._controller.on_placed(live.trial, live.attempt, entered=True)

    def imported(self, key: str, outside: Mapping[str, str]) -> None:
        """Take note of what a function imports from outside its pinned code: files by path, with their hashes."""
        live = self.live.get(key)
        if outside and live is not None and self.failure is None:
            self._unpinned.take_imports(live.trial, outside)
            with self._guarded():
                self._controller.on_placed(live.trial, live.attempt, outside_hash=outside_hash(outside))

    def must_stop(self, key: str, report: WorkerReport) -> bool:
        """Pass a report on and return whether its attempt must stop."""
        live = self.live.get(key)
        if live is None or self.failure is not None:
            return True
        self._seen()
        self._left_out.tell(live.trial, report)
        self._shared.take(key, report.writes_seen_ns, report.writes)
        self._watch.take_report(key, self._clock())
        for process in live.processes:
            self._avoidance.report(process.node_id, process.host)
        live.was_told_to_stop = True
        with self._guarded():
            verdict = self._controller.on_report(
                Report(live.trial, live.attempt, report.fidelity, report.metrics, report.checkpoint, report.texts)
            )
            live.was_told_to_stop = verdict is Verdict.STOP
            for remark in self._controller.remarks.take():
                _log.warning("%s", remark)
        if live.was_told_to_stop:
            self._watch.end(key)  # what it takes to end is bounded by the worker itself
        return live.was_told_to_stop

    def is_told_to_stop(self, key: str) -> bool:
        """Say whether an attempt was told to stop and has not ended yet."""
        return key in self.live and self.live[key].was_told_to_stop

    def finished(self, key: str) -> None:
        """Take note that the training function returned, or obeyed a STOP."""
        live = self.live.get(key)
        if live is not None:
            self.ended(key, Outcome.STOPPED if live.was_told_to_stop else Outcome.RETURNED)

    def ended(self, key: str, outcome: Outcome, error: str | None = None) -> None:
        """End an attempt; further calls for it change nothing."""
        live = self.live.pop(key, None)
        self._watch.end(key)
        if live is None or self.failure is not None:
            return
        self._seen()
        self._shared.end(key)
        self._ask_at = self._count_at = -math.inf
        if live.fault is not None and outcome not in {Outcome.STOPPED, Outcome.RETURNED}:
            outcome, error = live.fault
        elif live.was_killed:
            outcome, error = Outcome.INTERRUPTED, None
        nodes = {process.node_id: process.host for process in live.processes}
        for node_id, name in nodes.items() if len(nodes) == 1 else ():  # of several, nobody knows which it was
            self._avoidance.end(node_id, name, live.trial, outcome, error)
        self.hold(live.end(self._clock()))
        with self._guarded():
            self._controller.host.told[live.trial] = live.told
            self._controller.on_attempt_end(live.trial, live.attempt, outcome, error)

    def turn(self, on_step: Callable[[], None]) -> None:
        """Do what is due at each turn of the loop."""
        with self._guarded():
            self._controller.tick()
            on_step()

    def overdue(self) -> list[LiveAttempt]:
        """Return, once each, the attempts whose workers must be ended now."""
        with self._guarded():
            wanted = set(self._controller.overdue())
            found = [a for a in self.live.values() if (a.trial, a.attempt) in wanted and not a.was_killed]
            for live in found:
                live.was_killed = True
            return found
        return []

    def to_ask(self) -> list[LiveAttempt]:
        """Return the attempts whose workers must be asked now for a sign of life."""
        asked = self._watch.to_ask(self._clock(), self._controller.state.slowest_s)
        return [self.live[key] for key in asked if self.live[key].fault is None]

    def alive(self, key: str) -> None:
        """Take note of a sign of life that is no report."""
        if key in self.live:
            self._watch.take_life(key, self._clock())

    def faulty(self) -> list[LiveAttempt]:
        """Return, once each, the attempts to be ended, whose `fault` says for what; tell of those that are silent."""
        now, found = self._clock(), []
        for finding in self._watch.look(now, self._controller.state.slowest_s):
            live = self.live[finding.key]
            where = self._controller.state.trial(live.trial).attempt.node
            text = f"trial {live.trial}" + (f" on {where}" if where else "")
            if finding.outcome is not None and not live.was_killed:
                live.fault = finding.outcome, finding.text
                found.append(live)
                _log.warning("%s is ended: %s", text, finding.text)
            elif finding.outcome is None:
                _log.warning("%s: %s", text, finding.text)
        self._controller.host.silent = {self.live[key].trial: s for key, s in self._watch.silent(now).items()}
        return found

    def avoided(self, also: Mapping[str, str]) -> frozenset[str]:
        """Return Ray's ids of the nodes that kill; each is named once, and shown with those that are `also` avoided."""
        found = self._avoidance.avoided()
        for node_id in sorted(found.keys() - self._named):
            _log.warning("%s", self._avoidance.why(node_id))
        self._named = set(found)
        self._controller.host.avoided = sorted({*found.values(), *also.values()})
        return frozenset(found)

    def interrupt_all(self) -> None:
        """End what is still open because the driver leaves."""
        for key in list(self.live):
            self.ended(key, Outcome.INTERRUPTED)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Keep an exception out of Tune's loop, which would wrap it in text; the host raises it at the end."""
        with self._alone:
            try:
                yield
            except Exception as error:  # noqa: BLE001 - whatever it is, the host raises it
                self.fail(error)

    def _started(self, step: StartTrial | ResumeTrial) -> LiveAttempt:
        key, config = f"{step.trial_id}.{step.attempt}", sent(step, self.folder)
        live = LiveAttempt(key, step.trial, step.attempt, config, self._clock())
        self.live[key] = live
        spent_s = taken_s(self._controller.state.trial(step.trial), self._controller.clock_s())
        self._watch.begin(key, self._clock(), spent_s)
        self._watch.take_place(key, self._clock())
        self._seen()
        return live

    def _seen(self) -> None:
        self.last_event = self._clock()
