"""A sweep in numbers: what status, progress, best.json and `--json` all say, computed once and in one place.

A summary is made from a state and a moment and holds plain values only, so that a thread may show one while the sweep
goes on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.control.recovery import HEARTBEAT_S
from orchestrator.policies.confirming import confirming, search_trials
from orchestrator.results.bounds import ConstraintSummary, constraint_summary
from orchestrator.results.confirm_summary import ConfirmSummary, confirm_summary
from orchestrator.results.tested import WinnerOnTestSet, winner_on_test_set
from orchestrator.state.never_read import NeverRead
from orchestrator.sweep.awaited import NOTHING_AWAITED, AwaitedPlaces
from orchestrator.sweep.spec import Goal
from orchestrator.sweep.standing import gain, numbers_of
from orchestrator.sweep.trial import Trial, TrialState

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState


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
    fidelity: float
    """Where that value was reported."""
    state: str
    """State of the trial."""


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage: its block, its part of the trials, the best completed trial before and after."""

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
    """Best completed one of the trials proposed before its first; None without any, and before it began."""
    after: Mark | None
    """Best completed one of the trials proposed up to its newest; None without any, and before it began."""


@dataclass(frozen=True, slots=True)
class SpendSummary:
    """What was paid so far, open attempts included."""

    gpu_hours: float
    """GPUs times hours from reservation to release."""
    cpu_hours: float
    """CPUs times hours, likewise."""
    worker_s: float
    """Seconds of all attempts together."""
    fidelity: float
    """Fidelity trained, repetitions included: epochs, as a rule."""


@dataclass(frozen=True, slots=True)
class SilentTrial:
    """A trial whose training gives no sign of life for longer than is usual in its sweep."""

    trial: int
    """Its number."""
    silent_s: float
    """For how long, as its driver's newest heartbeat told."""
    node: str | None
    """Host that runs it."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A sweep at a moment."""

    sweep_id: str
    """As in the plan."""
    metric: str
    """Key of the objective."""
    goal: Goal
    """maximize or minimize."""
    fidelity_metric: str
    """Key of what fidelity counts: epoch, step, tokens."""
    fidelity_unit: str
    """The same as people say it (`Fidelity.unit`)."""
    planned: int
    """Trials that the search proposes: those of the budget without what is kept back for confirming."""
    tally: Tally
    """Trials of the search so far."""
    stages: tuple[StageSummary, ...]
    """In order."""
    best: Mark | None
    """The winner: what confirming chose, before that the best completed trial, while none has completed the leader;
    None while no trial leads."""
    baseline: Mark | None
    """Trial 0; None before it reported."""
    note: str | None
    """Why there is no winner, or what keeps the one named from being final; None where nothing does."""
    spend: SpendSummary
    """What was paid so far."""
    confirm: ConfirmSummary
    """What fresh seeds say."""
    constraints: ConstraintSummary | None = None
    """What became of the bounds of `constraints`; None where the file has none."""
    tested: WinnerOnTestSet | None = None
    """What the winner measured on the test set; None before anybody asked."""
    silent: tuple[SilentTrial, ...] = ()
    """Those that are silent, the longest first."""
    avoided: tuple[str, ...] = ()
    """Nodes on which attempts keep dying, so that none is placed there."""
    awaited: AwaitedPlaces = NOTHING_AWAITED
    """Places that its driver waits for; what waits is no trial yet."""
    never_read: tuple[NeverRead, ...] = ()
    """Hyperparameters that the code never reads, as far as trainings tell."""

    @property
    def stage(self) -> str | None:
        """Name of the newest stage that has begun."""
        return next((stage.name for stage in reversed(self.stages) if stage.is_entered), None)

    @property
    def improvement(self) -> float | None:
        """By how much the best beats the baseline; positive is better, whichever the goal. None without both.

        Over fresh seeds where they say something, else by the single training of each.
        """
        if self.best is not None and self.best.trial == 0:
            return 0.0
        if self.confirm.difference is not None:
            return self.confirm.difference.mean
        if self.best is None or self.baseline is None:
            return None
        return gain(self.goal, self.best.value, self.baseline.value)


def summary_document(summary: Summary) -> dict[str, Any]:
    """Return a summary as plain data, with what follows from its fields."""
    return asdict(summary) | {"stage": summary.stage, "improvement": summary.improvement}


def summarise(state: SweepState, now: float) -> Summary:
    """Sum a sweep up at `now`, seconds since the epoch.

    Open attempts are paid until the driver's newest record, and what passed since then where it lives.
    """
    spec, spend = state.plan.spec, state.spend_at(_clock_s(state, now))
    return Summary(
        sweep_id=state.plan.sweep_id,
        metric=spec.objective.metric,
        goal=spec.objective.goal,
        fidelity_metric=spec.fidelity.metric,
        fidelity_unit=spec.fidelity.unit,
        planned=max(search_trials(state), len(state.trials)),
        tally=_tally(state.counts()),
        stages=stage_trail(state),
        best=mark(state.winner()),
        baseline=mark(state.baseline),
        note=note(state),
        spend=SpendSummary(spend.gpu_hours, spend.cpu_hours, spend.worker_s, spend.fidelity),
        confirm=confirm_summary(state),
        constraints=constraint_summary(state),
        tested=winner_on_test_set(state),
        silent=_silent(state),
        avoided=state.avoided,
        awaited=state.awaited,
        never_read=tuple(state.reading.never(state.plan)),
    )


def _silent(state: SweepState) -> tuple[SilentTrial, ...]:
    attempts = ((trial.number, trial.attempt) for trial in state.open.values())
    found = [SilentTrial(number, attempt.silent_s, attempt.node) for number, attempt in attempts if attempt.silent_s]
    return tuple(sorted(found, key=lambda silent: -silent.silent_s))


def _clock_s(state: SweepState, now: float) -> float:
    """Return `now` by the clock that the driver measures by, which a reader does not have.

    A driver that lives writes a record in every `HEARTBEAT_S`: more has not passed, whatever a wall clock says.
    """
    if state.last_m is None:
        return now
    return state.last_m + min(HEARTBEAT_S, max(0.0, now - state.last_t))


def mark(trial: Trial | None) -> Mark | None:
    """Say how far a trial got; None without a trial or without a value."""
    if trial is None or trial.value is None or (fidelity := valued_at(trial)) is None:
        return None
    return Mark(trial.number, trial.value, fidelity, trial.state.value)


def valued_at(trial: Trial) -> float | None:
    """Return the fidelity that `trial.value` was reported at; None without a value."""
    if not trial.values:
        return None
    return trial.fidelity if trial.fidelity in trial.values else max(trial.values)


def note(state: SweepState) -> str | None:
    """Say why there is no winner, or what keeps the one named from being final; None where nothing does."""
    winner, fidelity = state.winner(), state.plan.spec.fidelity
    if winner is None:
        bounds = ", or does not keep within `constraints`" if state.plan.spec.constraints else ""
        ended_badly = f"every trial that reported a finite value diverged or failed{bounds}"
        return ended_badly if state.reported else "no trial has reported a finite value yet"
    if winner.state is not TrialState.COMPLETED:
        reached = f"{fidelity.unit} {valued_at(winner):g} of {fidelity.max:g}"
        return f"no trial has completed yet: trial {winner.number} leads at {reached}"
    so_far = confirming(state)
    if so_far.begun and not so_far.is_over:
        ended = so_far.begun - so_far.open
        return f"the winner is being confirmed: {ended} of up to {so_far.planned} fresh trainings have ended"
    if any(count for found, count in state.counts().items() if not found.is_final):
        return "the sweep has unfinished trials: a better one may still come"
    return None


def stage_trail(state: SweepState) -> tuple[StageSummary, ...]:
    """Return every stage of the plan with the best completed trial before and after it.

    What led when a stage began, which may have been a value of a training that came to nothing, is in the log.
    """
    board, trail = state.board, []
    for stage in state.plan.stages:
        name, planned = stage.name, len(numbers_of(state.plan, stage))
        is_entered, tally = name in state.stages_entered, _tally(board.counts_of(name))
        found = (board.best_before(name), board.best_after(name)) if is_entered else (None, None)
        marks = (mark(None if number is None else state.trials[number]) for number in found)
        trail.append(StageSummary(name, stage.tune, planned, tally, is_entered, *marks))
    return tuple(trail)


def _tally(counts: dict[TrialState, int] | Counter[TrialState]) -> Tally:
    return Tally(
        done=counts.get(TrialState.COMPLETED, 0),
        running=counts.get(TrialState.RUNNING, 0),
        waiting=counts.get(TrialState.INTERRUPTED, 0),
        stopped=counts.get(TrialState.PRUNED, 0),
        failed=counts.get(TrialState.FAILED, 0) + counts.get(TrialState.DIVERGED, 0),
    )
