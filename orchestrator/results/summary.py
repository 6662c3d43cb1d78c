"""A sweep in numbers: what status, progress, best.json and `--json` all say, computed once and in one place.

A summary is made from a state and a moment and holds plain values only, so that a thread may show one while the sweep
goes on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from orchestrator.sweep.plan import Plan
from orchestrator.sweep.trial import Trial, TrialState

if TYPE_CHECKING:
    from orchestrator.control.fold import SweepState


@dataclass(frozen=True, slots=True)
class Tally:
    """Trials by what became of them, in the words of progress and tables."""

    done: int = 0
    """Trained to the end."""
    running: int = 0
    """Placed or being placed."""
    waiting: int = 0
    """Interrupted without their fault, to be offered again."""
    stopped: int = 0
    """Stopped early for being weak."""
    failed: int = 0
    """Ended by an error or out of memory, or diverged."""

    @property
    def ended(self) -> int:
        """Trials that nothing follows for."""
        return self.done + self.stopped + self.failed

    @property
    def proposed(self) -> int:
        """All trials so far."""
        return self.ended + self.running + self.waiting


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a trial got."""

    trial: int
    """Its number."""
    value: float
    """Objective."""
    fidelity: float | None = None
    """Where that value was reported; None where the log does not say."""
    state: str | None = None
    """State of the trial; None where the log does not say."""


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage: its block, its part of the trials, the incumbent before and after."""

    name: str
    """As in the plan."""
    block: tuple[str, ...]
    """The hyperparameters it opens."""
    planned: int
    """Trials it has in the plan."""
    tally: Tally
    """Trials it proposed."""
    is_entered: bool
    """Whether it has begun."""
    before: Mark | None
    """Incumbent when it began."""
    after: Mark | None
    """Incumbent when the next one began; the present one for the newest stage; None before it began."""


@dataclass(frozen=True, slots=True)
class SpendSummary:
    """What was paid so far, open attempts included."""

    gpu_hours: float
    """GPUs times hours from placement to release."""
    cpu_hours: float
    """CPUs times hours, likewise."""
    worker_s: float
    """Seconds of all attempts together."""
    fidelity: float
    """Fidelity trained, repetitions included: epochs, as a rule."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A sweep at a moment."""

    sweep_id: str
    """As in the plan."""
    metric: str
    """Key of the objective."""
    goal: str
    """maximize or minimize."""
    fidelity_metric: str
    """What fidelity counts: epoch, step, tokens."""
    planned: int
    """Trials of the budget."""
    tally: Tally
    """Trials so far."""
    stages: tuple[StageSummary, ...]
    """In order."""
    best: Mark | None
    """The winner so far: the best complete trial, else the best of all; None before any report."""
    baseline: Mark | None
    """Trial 0; None before it reported."""
    spend: SpendSummary
    """What was paid so far."""

    @property
    def stage(self) -> str | None:
        """Name of the newest stage that has begun."""
        return next((stage.name for stage in reversed(self.stages) if stage.is_entered), None)

    @property
    def improvement(self) -> float | None:
        """By how much the best beats the baseline; positive is better, whichever the goal. None without both."""
        if self.best is None or self.baseline is None:
            return None
        gain = self.best.value - self.baseline.value
        return gain if self.goal == "maximize" else -gain


def summarise(state: SweepState, now: float) -> Summary:
    """Sum a sweep up at `now`, seconds since the epoch: what open attempts are paid until."""
    spec, spend = state.plan.spec, state.spend_at(now)
    return Summary(
        sweep_id=state.plan.sweep_id,
        metric=spec.objective.metric,
        goal=spec.objective.goal,
        fidelity_metric=spec.fidelity.metric,
        planned=spec.budget.trials,
        tally=_tally(state.counts()),
        stages=stage_trail(state),
        best=mark(state.winner()),
        baseline=mark(state.baseline),
        spend=SpendSummary(spend.gpu_hours, spend.cpu_hours, spend.worker_s, spend.fidelity),
    )


def mark(trial: Trial | None) -> Mark | None:
    """Say how far a trial got; None without a trial or without a value."""
    if trial is None or trial.value is None:
        return None
    return Mark(trial.number, trial.value, valued_at(trial), trial.state.value)


def valued_at(trial: Trial) -> float | None:
    """Return the fidelity that `trial.value` was reported at; None without a value."""
    if not trial.values:
        return None
    return trial.fidelity if trial.fidelity in trial.values else max(trial.values)


def stage_trail(state: SweepState) -> tuple[StageSummary, ...]:
    """Return every stage of the plan with the incumbent before and after it."""
    states: dict[str, Counter[TrialState]] = {}
    for trial in state.trials:
        states.setdefault(trial.stage, Counter())[trial.state] += 1
    entered = [name for name in state.stages_entered if any(stage.name == name for stage in state.plan.stages)]
    follower = dict(pairwise(entered))
    present = mark(state.leader())
    trail = []
    for stage, planned in zip(state.plan.stages, planned_trials(state.plan), strict=True):
        is_entered, tally = stage.name in entered, _tally(states.get(stage.name, Counter()))
        after = _began_with(state, follower[stage.name]) if stage.name in follower else present
        before = _began_with(state, stage.name) if is_entered else None
        after = after if is_entered else None
        trail.append(StageSummary(stage.name, stage.tune, planned, tally, is_entered, before, after))
    return tuple(trail)


def planned_trials(plan: Plan) -> list[int]:
    """Return how many trials each stage of the plan has."""
    order = {stage.name: index for index, stage in enumerate(plan.stages)}
    numbers = range(plan.spec.budget.trials)
    ends = [bisect_left(numbers, index + 1, key=lambda n: order[plan.stage_of(n).name]) for index in order.values()]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def _began_with(state: SweepState, stage: str) -> Mark | None:
    entry = state.stages_entered[stage]
    if entry.incumbent is None or entry.value is None:
        return None
    return Mark(entry.incumbent, entry.value)


def _tally(counts: dict[TrialState, int] | Counter[TrialState]) -> Tally:
    return Tally(
        done=counts.get(TrialState.COMPLETED, 0),
        running=counts.get(TrialState.RUNNING, 0),
        waiting=counts.get(TrialState.INTERRUPTED, 0),
        stopped=counts.get(TrialState.PRUNED, 0),
        failed=counts.get(TrialState.FAILED, 0) + counts.get(TrialState.DIVERGED, 0),
    )
