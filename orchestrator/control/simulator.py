"""The second host: W workers on a virtual clock, driving the same controller as Ray Tune does.

It never reads the real clock. An objective is a function of (configuration, fidelity); a training reports at every
multiple of `fidelity.every` and pays `seconds` of virtual time for each unit.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from orchestrator.control.answers import Done, Report, ResumeTrial, StartTrial, Verdict, Wait
from orchestrator.control.controller import Controller
from orchestrator.control.recovery import ended_by_crash, reopened
from orchestrator.policies.asking import asked_by_file
from orchestrator.state.fold import SweepState, replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.domains import Config
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.trial import Outcome

ObjectiveFunction: TypeAlias = Callable[[Config, float], "float | Mapping[str, float]"]
"""(configuration, fidelity) to the objective's value, or to all metrics."""


@dataclass
class VirtualClock:
    """Seconds that pass only when the simulator says so."""

    now: float = 0.0
    """The present, in virtual seconds."""

    def __call__(self) -> float:
        """Return the present."""
        return self.now


@dataclass
class MemoryJournal:
    """A journal in memory: what simulations write to when nothing must survive them."""

    events: list[ev.Event] = field(default_factory=list)
    """Everything appended."""
    committed: int = 0
    """How many of them are acknowledged."""

    def append(self, event: ev.Event) -> None:
        """Take a record in."""
        self.events.append(event)

    def commit(self) -> None:
        """Acknowledge everything so far."""
        self.committed = len(self.events)


@dataclass(frozen=True)
class SimulatedCluster:
    """How fast trainings run and what happens to them."""

    workers: int = 8
    """Trials at once."""
    seconds: Callable[[Config], float] = lambda _: 1.0
    """Virtual seconds of one unit of fidelity, by configuration."""
    jitter: float = 0.05
    """Each attempt is up to this part faster or slower, drawn from (seed, trial, attempt)."""
    checkpoint_every: int = 1
    """Reports between two checkpoints; 0: none."""
    loses: Callable[[int, int, float], bool] = lambda _trial, _attempt, _fidelity: False
    """(trial, attempt, fidelity): whether its machine is lost before that report."""
    noise: Callable[[Config, int, float], float] = lambda _config, _seed, _fidelity: 0.0
    """(configuration, seed of the training, fidelity): what is added to the objective. None by default: training is
    exact, and fresh seeds change nothing."""
    fails: Callable[[Config, int, float], str | None] = lambda _config, _attempt, _fidelity: None
    """(configuration, attempt, fidelity): the error that it raises before that report; None: it raises none."""


@dataclass(order=True)
class _Training:
    at: float
    sequence: int
    start: StartTrial | ResumeTrial = field(compare=False)
    fidelity: float = field(compare=False)
    pace: float = field(compare=False)
    reports: int = field(compare=False, default=0)


def simulate(
    controller: Controller, clock: VirtualClock, objective: ObjectiveFunction, cluster: SimulatedCluster
) -> str:
    """Run the sweep until nothing is left to do; returns why it ended. The same inputs give the same decisions."""
    running: list[_Training] = []
    sequence = 0
    while True:
        step = controller.next_step() if len(running) < cluster.workers else Wait()
        if isinstance(step, StartTrial | ResumeTrial):
            sequence += 1
            heapq.heappush(running, _place(controller, clock, cluster, step, sequence))
        elif running:
            training = heapq.heappop(running)
            clock.now = training.at
            controller.tick()
            if _report(controller, objective, cluster, training):
                heapq.heappush(running, training)
        else:
            assert isinstance(step, Done), "the controller waits although nothing runs"
            return step.reason


def simulate_plan(
    plan: Plan, objective: ObjectiveFunction, cluster: SimulatedCluster
) -> tuple[SweepState, MemoryJournal]:
    """Run a whole new sweep in memory and return its final state and its log."""
    clock, journal = VirtualClock(), MemoryJournal()
    first = ev.SweepPlanned(clock(), ev.FORMAT, plan.model_dump(mode="json"), m=clock())
    journal.append(first)
    state = SweepState(first)
    for record in asked_by_file(state, plan.spec, (), clock(), clock()):
        state.apply(record)
        journal.append(record)
    controller = Controller(state, journal, clock, monotonic=clock)
    controller.close(simulate(controller, clock, objective, cluster))
    return controller.state, journal


def resume_simulation(
    events: Iterable[ev.Event], objective: ObjectiveFunction, cluster: SimulatedCluster, *, retry_failed: bool = False
) -> tuple[SweepState, MemoryJournal]:
    """Go on from the records of a driver that died: every worker is lost, the log is replayed, the rest is run.

    With `retry_failed`, trials that failed run again.
    """
    journal = MemoryJournal(list(events))
    state = replay(journal.events)
    clock = VirtualClock(state.last_t)
    records: list[ev.Event] = [*ended_by_crash(state, clock(), clock())]
    records += reopened(state, clock(), clock()) if retry_failed else ()
    for record in records:
        state.apply(record)
        journal.append(record)
    controller = Controller(state, journal, clock, monotonic=clock)
    controller.close(simulate(controller, clock, objective, cluster))
    return state, journal


def _place(
    controller: Controller,
    clock: VirtualClock,
    cluster: SimulatedCluster,
    start: StartTrial | ResumeTrial,
    sequence: int,
) -> _Training:
    controller.on_placed(start.trial, start.attempt, f"worker-{sequence % cluster.workers}", entered=True)
    swing = Random(f"{controller.state.plan.spec.seed}/{start.trial}/{start.attempt}/pace").uniform(-1, 1)
    pace = cluster.seconds(start.config) * (1 + cluster.jitter * swing)
    training = _Training(clock(), sequence, start, start.from_fidelity, pace)
    _advance(controller, training)
    return training


def _advance(controller: Controller, training: _Training) -> None:
    every = controller.state.plan.spec.fidelity.every
    training.at += every * training.pace
    training.fidelity = round(training.fidelity / every + 1) * every


def _report(
    controller: Controller, objective: ObjectiveFunction, cluster: SimulatedCluster, training: _Training
) -> bool:
    start = training.start
    if cluster.loses(start.trial, start.attempt, training.fidelity):
        controller.on_attempt_end(start.trial, start.attempt, Outcome.LOST, "the simulated machine was lost")
        return False
    error = cluster.fails(start.config, start.attempt, training.fidelity)
    if error is not None:
        controller.on_attempt_end(start.trial, start.attempt, Outcome.ERROR, error)
        return False
    measured = objective(start.config, training.fidelity)
    spec = controller.state.plan.spec
    metrics = dict(measured) if isinstance(measured, Mapping) else {spec.objective.metric: measured}
    metrics[spec.objective.metric] += cluster.noise(start.config, start.seed, training.fidelity)
    training.reports += 1
    keeps = cluster.checkpoint_every and training.reports % cluster.checkpoint_every == 0
    checkpoint = f"checkpoints/{start.trial_id}/{training.fidelity:g}" if keeps else None
    report = Report(start.trial, start.attempt, training.fidelity, metrics, checkpoint)
    if controller.on_report(report) is Verdict.STOP:
        controller.on_attempt_end(start.trial, start.attempt, Outcome.STOPPED)
        return False
    if spec.fidelity.once:  # it has its one score, and says so by its end
        controller.on_attempt_end(start.trial, start.attempt, Outcome.RETURNED)
        return False
    _advance(controller, training)
    return True
