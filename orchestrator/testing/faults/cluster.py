"""Ray as a driver sees it: places, workers and their trainings, and what becomes of all these on a bad day.

It calls the bridge as Tune's loop and the watches beside it do (`orchestrator.ray.host`): places are asked for, an
attempt is taken where a worker is ready, begins, reports, is told to stop, winds down, or dies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol

from orchestrator.control.simulator import VirtualClock
from orchestrator.errors import StorageAwayError
from orchestrator.ray.host.bridge import Bridge
from orchestrator.ray.host.live_attempt import LiveAttempt
from orchestrator.ray.worker.ending import WorkerProcess
from orchestrator.ray.worker.reports import WorkerReport
from orchestrator.ray.worker.trainable import TRIAL_KEY
from orchestrator.state.fold import SweepState
from orchestrator.sweep.trial import Outcome, TrialState
from orchestrator.testing.faults.drawing import DrawnSweep
from orchestrator.testing.faults.fates import Fates
from orchestrator.testing.faults.kinds import FaultKind
from orchestrator.testing.faults.ledger import Fact, ToldLedger
from orchestrator.testing.faults.oddities import odd
from orchestrator.testing.faults.places import PretendNodes

LOOK_S = 1.0
"""How often the host looks for what is overdue, silent or unbegun."""
SLOWEST_STOP_S = 60.0
READY_S = 3.0
"""How long a worker's process takes to be ready, at most."""
ENDINGS = {
    FaultKind.WORKER_LOST: (
        Outcome.LOST,
        "the worker was lost: RayActorError: The actor is dead because its node died",
    ),
    FaultKind.PREEMPTED: (Outcome.PREEMPTED, "the node was preempted: RayActorError"),
    FaultKind.ERROR: (Outcome.ERROR, "RuntimeError: shape '[8, 3]' is invalid for input of size 7"),
    FaultKind.TRANSIENT: (Outcome.ERROR, "OSError: [Errno 116] Stale file handle"),
    FaultKind.CRASH: (Outcome.LOST, "the worker was lost: it died of SIGSEGV at net.py:17 in forward"),
    FaultKind.OUT_OF_MEMORY: (Outcome.OUT_OF_MEMORY, "OutOfMemoryError: CUDA out of memory"),
}
"""How the faults of a worker end its attempt."""
KILLED = (Outcome.LOST, "the worker was lost: RayActorError: it was killed by ray.kill")


class CheckpointStore(Protocol):
    """Where trainings put their checkpoints."""

    def put(self, key: str, number: int) -> str | None:
        """Put one and return what a report says of it; None where storage takes nothing now."""


@dataclass(slots=True)
class _Worker:
    """A place that was asked for, before it is known what is to run there."""

    node: str
    ready_at: float
    """By the true time."""


@dataclass(slots=True)
class _Training:
    live: LiveAttempt
    at: float
    """When its next thing happens, by the true time."""
    fidelity: float
    """Of its next report."""
    pace_s: float
    node: str
    has_begun: bool = False
    reports: int = 0
    winds_down: bool = False
    is_hung: bool = False
    never_begins: bool = False
    ending: tuple[Outcome, str] | None = None
    """How it ends at its next moment; None while it trains."""


class PretendCluster:
    """One driver's cluster: `turn` is one turn of Tune's loop and of the watch beside it."""

    def __init__(
        self, sweep: DrawnSweep, state: SweepState, bridge: Bridge, fates: Fates, random: Random, true: VirtualClock,
        nodes: PretendNodes, checkpoints: CheckpointStore, ledger: ToldLedger, on_answer: Callable[[Fact], None],
    ) -> None:  # fmt: skip
        """Run the trainings of `sweep` for the driver of `bridge`; `on_answer` is told of every fact that it tells."""
        self._sweep, self._state, self._bridge = sweep, state, bridge
        self._fates, self._random, self._true = fates, random, true
        self._nodes, self._checkpoints, self._ledger, self._on_answer = nodes, checkpoints, ledger, on_answer
        self._trainings: dict[str, _Training] = {}
        self._workers: list[_Worker] = []
        self._past: list[tuple[str, WorkerReport]] = []
        self._look_at = 0.0

    @property
    def next_at(self) -> float | None:
        """When something happens next, by the true time; None where nothing does."""
        moments = [training.at for training in self._trainings.values() if not training.is_hung]
        return min([*moments, *(worker.ready_at for worker in self._workers)], default=None)

    def turn(self) -> None:
        """Start what may be started, let happen what is due, and look after the silent."""
        self._ask_for_places()
        for worker in [worker for worker in self._workers if worker.ready_at <= self._true.now]:
            if self._is_at_work and (live := self._bridge.next_attempt()) is not None:
                self._workers.remove(worker)
                self._start(live, worker.node)
        for training in sorted(self._trainings.values(), key=lambda found: found.at):
            if self._is_at_work and training.at <= self._true.now and not training.is_hung:
                self._happens(training)
        if self._true.now >= self._look_at:
            self._look_at = self._true.now + LOOK_S
            self._look()

    def lose(self, node: str) -> None:
        """Let a node die with all that runs on it."""
        self._workers = [worker for worker in self._workers if worker.node != node]
        for training in self._trainings.values():
            if training.node == node:
                self._dies(training, ENDINGS[FaultKind.WORKER_LOST])

    @property
    def _is_at_work(self) -> bool:
        return self._bridge.failure is None and self._bridge.leaving is None

    def _ask_for_places(self) -> None:
        """Have as many workers as attempts could be started, and there are places; a node that is away has none."""
        now, avoided = self._true.now, self._bridge.avoided({}) | self._bridge.shunned()
        room = max(0, self._nodes.capacity(now, avoided) - len(self._bridge.live))
        wanted = min(room, self._bridge.due().startable)
        del self._workers[wanted:]
        while len(self._workers) < wanted:
            taken = [*(training.node for training in self._trainings.values()), *(w.node for w in self._workers)]
            node = self._nodes.free(now, taken, avoided)
            if node is None:
                return
            self._workers.append(_Worker(node.name, now + self._random.uniform(0.1, READY_S)))

    def _start(self, live: LiveAttempt, node: str) -> None:
        self._answer(Fact("start", live.trial, live.attempt))
        every, begun = self._sweep.plan.spec.fidelity.every, live.config[TRIAL_KEY]["from_fidelity"]
        begun = 0.0 if self._sweep.plan.spec.fidelity.once else begun  # its one score is made anew
        swing = Random(f"{self._sweep.plan.spec.seed}/{live.key}/pace").uniform(0.9, 1.1)
        begins_at = self._true.now + self._random.uniform(0.0, 0.5)
        training = _Training(live, begins_at, begun + every, self._sweep.pace_s * swing, node)
        training.never_begins = self._fates.strikes(FaultKind.START_NEVER, 0.03)
        self._trainings[live.key] = training

    def _happens(self, training: _Training) -> None:
        if training.ending is not None:
            self._end(training, *training.ending)
        elif training.winds_down:
            self._finish(training)
        elif not training.has_begun:
            self._begin(training)
        elif not self._misfortune(training):
            self._report(training)

    def _begin(self, training: _Training) -> None:
        if training.never_begins:
            training.is_hung = True
            return
        training.has_begun, training.at = True, self._true.now + training.pace_s
        process = WorkerProcess(training.node, 100, "0", "worker", host=training.node)
        self._bridge.placed(training.live.key, training.node, None, (process,))

    def _misfortune(self, training: _Training) -> bool:
        """Draw what befalls a training instead of its next report; False where nothing does."""
        error = self._sweep.task.error(self._config(training), training.live.attempt, training.fidelity)
        struck = None if error else self._fates.one_of(*ENDINGS, chance=0.03)
        if error is not None or struck is not None:
            self._end(training, *(ENDINGS[struck] if struck else (Outcome.ERROR, error)))
        elif self._fates.strikes(FaultKind.RETURNS_EARLY, 0.03):
            self._finish(training)
        elif self._may_hang(training) and self._fates.strikes(FaultKind.HANG, 0.03):
            training.is_hung = True
        else:
            return False
        return True

    def _may_hang(self, training: _Training) -> bool:
        """Say whether somebody would end it: for silence never before a first report, or with a single score."""
        spec = self._sweep.plan.spec
        return spec.limits.trial is not None or (training.reports > 0 and not spec.fidelity.once)

    def _config(self, training: _Training) -> dict[str, object]:
        return {name: value for name, value in training.live.config.items() if name != TRIAL_KEY}

    def _report(self, training: _Training) -> None:
        live, spec = training.live, self._sweep.plan.spec
        checkpoint = None
        if self._sweep.keeps_every and (training.reports + 1) % self._sweep.keeps_every == 0:
            session = f"{spec.name}-{self._state.sessions[-1].epoch:06d}"
            checkpoint = self._checkpoints.put(f"{session}/{live.key}", round(training.fidelity / spec.fidelity.every))
            if checkpoint is None:
                self._wait_for_storage(training)
                return
            if self._fates.strikes(FaultKind.STORAGE_AWAY, 0.02):
                self._bridge.fail(StorageAwayError(f"storage stayed away: {training.node} could not put a checkpoint"))
                self._end(training, Outcome.INTERRUPTED, "could not put a checkpoint")
                return
        training.reports += 1
        seed = live.config[TRIAL_KEY]["seed"]
        value = self._sweep.task.value(self._config(training), seed, training.fidelity)
        if self._fates.strikes(FaultKind.DIVERGED, 0.03):
            value = self._random.choice((float("nan"), float("inf"), float("-inf")))
        report = WorkerReport(training.fidelity, {spec.objective.metric: value}, checkpoint)
        if self._fates.strikes(FaultKind.ODD_REPORT, 0.05):
            report = odd(report, spec.objective.metric, self._random)
        self._past.append((live.key, report))
        stop = self._told(live, report)
        if self._fates.strikes(FaultKind.REPORT_TWICE, 0.03):
            stop = self._told(live, report) or stop
        training.at = self._true.now + (self._random.uniform(0.0, 3.0) if stop else training.pace_s)
        if stop and self._fates.strikes(FaultKind.SLOW_STOP, 0.2):
            training.at += self._random.uniform(5.0, SLOWEST_STOP_S)
        training.winds_down = stop or training.fidelity >= live.config[TRIAL_KEY]["max_fidelity"]
        training.fidelity += spec.fidelity.every

    def _wait_for_storage(self, training: _Training) -> None:
        """Let a checkpoint be tried again, or fail its training where that is what the storage says."""
        if self._random.random() < 0.2:
            self._end(training, Outcome.ERROR, "OSError: [Errno 28] No space left on device")
        else:
            training.at = self._true.now + 5.0

    def _told(self, live: LiveAttempt, report: WorkerReport) -> bool:
        trial = self._state.trial(live.trial)
        was_running = trial.state is TrialState.RUNNING
        stop = self._bridge.must_stop(live.key, report)
        if self._bridge.failure is None:
            fact = Fact("stop" if stop else "report", live.trial, live.attempt, report.fidelity)
            if not stop:
                self._ledger.take_report(fact, self._true.now)
            elif was_running and trial.state is not TrialState.RUNNING:
                self._answer(fact)
        return stop

    def _finish(self, training: _Training) -> None:
        self._bridge.finished(training.live.key)
        self._over(training)

    def _end(self, training: _Training, outcome: Outcome, error: str | None) -> None:
        self._bridge.ended(training.live.key, outcome, error)
        self._over(training)

    def _over(self, training: _Training) -> None:
        live = training.live
        self._trainings.pop(live.key, None)
        if self._bridge.failure is None:
            self._answer(Fact("end", live.trial, live.attempt))
        if self._fates.strikes(FaultKind.END_TWICE, 0.1):
            self._bridge.ended(live.key, Outcome.ERROR, "RuntimeError: told twice")
        if self._past and self._fates.strikes(FaultKind.REPORT_LATE, 0.1):
            key, report = self._random.choice(self._past)
            if key not in self._bridge.live:
                assert self._bridge.must_stop(key, report), f"a late report of {key} was told to go on"

    def _dies(self, training: _Training, ending: tuple[Outcome, str]) -> None:
        training.ending, training.is_hung = ending, False
        training.at = self._true.now + self._random.uniform(0.0, 3.0)

    def _look(self) -> None:
        """Do what the host does once a second."""
        for attempt in self._bridge.overdue():
            self._dies(self._trainings[attempt.key], KILLED)
        awaited = self._bridge.awaited()
        if awaited is not None and not self._trainings[awaited.key].is_hung:
            self._bridge.entered(awaited.key)
        for attempt in self._bridge.to_ask():
            if not self._trainings[attempt.key].is_hung:
                self._bridge.alive(attempt.key)
        for attempt in self._bridge.faulty():
            self._dies(self._trainings[attempt.key], KILLED)

    def _answer(self, fact: Fact) -> None:
        self._ledger.take(fact)
        self._on_answer(fact)
