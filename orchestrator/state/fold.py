"""The state of a sweep is a fold of its events: `state = apply(apply(empty, event), event) ...`.

Nothing here reads a clock, a file or a random number. The same events give the same state, live or replayed: that is
what resume rests on. A live report is taken in two halves (`take_report`, `take_verdict`), because the verdict, which
is part of the record, depends on the rungs that the report enters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import assert_never

from orchestrator.schedulers import Scheduler
from orchestrator.state.costs import Costs
from orchestrator.state.course import Course
from orchestrator.state.late_scheduler import LateScheduler
from orchestrator.state.retries import state_after
from orchestrator.state.surroundings import Surroundings
from orchestrator.state.telling import Telling
from orchestrator.sweep import event as ev
from orchestrator.sweep import formats
from orchestrator.sweep.alike import one_fidelity, share_places
from orchestrator.sweep.constraints import take_bounded
from orchestrator.sweep.judgement import Judgement
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.recordable import COUNTED
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweep.spelling import as_float
from orchestrator.sweep.trial import AFTER_STOP, FIRST_REPLICATE, Attempt, Outcome, Trial, TrialState, trial_id


class SweepState(Costs, Surroundings):
    """Everything known about a sweep, made from its events alone."""

    def __init__(self, first: ev.SweepPlanned) -> None:
        Costs.__init__(self)
        Surroundings.__init__(self)
        formats.refuse_newer(first.format)
        self.planned = first
        """The log's first record."""
        self.format = first.format
        """Newest format that was written into the log so far."""
        self.plan = Plan.model_validate({**first.plan, "spec": formats.with_meanings(first.plan["spec"], first.format)})
        self.stages_entered: dict[str, ev.StageEntered] = {}
        """What each stage began with, in order."""
        self.sessions: list[ev.DriverStarted] = []
        """Every driver so far."""
        self.started_t = first.t
        """When the sweep was planned."""
        self.last_t = first.t
        """When the newest record was written."""
        self.last_m = first.m
        """The same by its writer's monotonic clock; None in format 1."""
        self.past_drivers_s = 0.0
        """How long the drivers before the present one worked, each by its own clock, from first to newest record."""
        self.driver_since_s = first.clock_s
        self.stopped: str | None = None
        """Why the last driver left in order; None while one works, or after a crash."""
        self.stopped_note: str | None = None
        """What it found, where that is more than the reason says: what the brake acted on."""
        self.slowest_s: float | None = None  # the slowest interval between two reports of one attempt; None before any
        self.late = LateScheduler(self.plan)
        self.telling = Telling(self.plan.goal, self.note, tells_failures=first.format > 1)
        self.course = Course(self.plan.goal)

    @property
    def last_clock_s(self) -> float:
        """When the newest record was written, by the clock that measures (`Event.clock_s`)."""
        return self.last_t if self.last_m is None else self.last_m

    @property
    def scheduler(self) -> Scheduler:
        """What holds the rungs. Raises SpecError where it is the user's own and is not there."""
        return self.late.scheduler

    def apply(self, event: ev.Event) -> None:
        """Take one record in."""
        match event:  # the frequent ones first
            case ev.Reported():
                self._reported(event)
            case ev.Heartbeat():
                self.take_heartbeat(event)
            case ev.AttemptPlaced():
                self._placed(event)
            case ev.AttemptStarted():
                self._attempt_started(event)
            case ev.AttemptEnded():
                self._attempt_ended(event)
            case ev.TrialProposed():
                self._proposed(event)
            case ev.StageEntered():
                self.stages_entered.setdefault(event.stage, event)
            case ev.DriverStarted():
                self._session(event)
            case ev.DriverStopped():
                self._driver_stopped(event)
            case ev.TrialReopened() | ev.TrialWithdrawn() | ev.CheckpointRemoved():
                self._turned(event)
            case ev.ConfigurationAsked() | ev.WishRefused():
                self.wished.take(event)
            case ev.FormatRaised():
                self._format_raised(event)
            case ev.SpecAmended():
                self._amended(event)
            case ev.WinnerTestBegun() | ev.WinnerTestMeasured():
                self.take_test(event)
            case ev.StorageWasAway() | ev.PlacesAwaited():
                self.take_surroundings(event)
            case ev.PlaceHeld():
                self.take_held(event)
            case ev.SweepPlanned():
                raise ValueError("the log begins twice")
            case _:
                assert_never(event)
        self.last_t, self.last_m = event.t, event.m

    def take_report(self, report: ev.Reported) -> Judgement | None:
        """Take the first half of a report in: values and rungs. Returns what the scheduler finds; None beside rungs."""
        value, trial = self._take_values(report), self.trial(report.trial)
        if value is None or not trial.is_of_search:
            return None
        return self.late.judge(report.trial, trial.bracket, report.fidelity, value)

    def _take_values(self, report: ev.Reported) -> float | None:
        """Take a report's values in; returns the objective's, None where it is not finite or judges nothing.

        That is where it repeats a fidelity or lies below the highest of its attempt: such a report is kept.
        """
        self.last_t, self.last_m = report.t, report.m
        trial, fidelity = self.changing(report.trial), one_fidelity(report.fidelity)
        attempt = trial.attempts[report.attempt]
        attempt.seen_t, attempt.seen_s = report.t, report.clock_s
        if attempt.reported_s is not None:
            self.slowest_s = max(self.slowest_s or 0.0, report.clock_s - attempt.reported_s)
        attempt.reported_s, attempt.silent_s = report.clock_s, 0.0
        begun = attempt.fidelity or (attempt.resumed_from if fidelity > attempt.resumed_from else 0.0)
        self.spend.fidelity += max(0.0, fidelity - begun)
        is_highest = attempt.take(fidelity)
        trial.report_count += is_highest or fidelity not in trial.values  # the rest joins a row that is there
        trial.fidelity = max(trial.fidelity, fidelity)
        if report.checkpoint is not None:
            trial.checkpoint, trial.checkpoint_fidelity = report.checkpoint, fidelity
            trial.checkpoint_iteration = as_float(report.metrics.get(COUNTED, 0.0))
        if self.plan.spec.constraints:
            take_bounded(trial, self.plan.spec.constraints, report.metrics)
        value = as_float(report.metrics[self.plan.spec.objective.metric])
        if not math.isfinite(value):
            return None
        trial.values[fidelity] = value
        if trial.is_of_search and not trial.breaks:
            self.telling.take_value(fidelity, value)
        judged = self.telling.worse if trial.breaks else value  # good beyond a bound stands in nobody's way
        return judged if is_highest else None

    def take_verdict(self, report: ev.Reported) -> None:
        """Take the second half of a report in: its verdict, and the judgement as it was then."""
        trial = self.trial(report.trial)
        trial.judgement = report.judgement or trial.judgement
        if report.stop is not None and trial.state is TrialState.RUNNING:
            self._come_to(self.changing(report.trial), AFTER_STOP[report.stop])

    def _session(self, event: ev.DriverStarted) -> None:
        formats.refuse_newer(event.format)
        self.past_drivers_s += max(0.0, self.last_clock_s - self.driver_since_s)  # what lies between is nobody's
        self.driver_since_s = event.clock_s
        self.format = max(self.format, event.format)
        self.sessions.append(event)
        self.is_testing, self.is_aside = event.tests, event.tests or event.clears
        self.forget_surroundings()
        self.course.begin(self.spend.fidelity)
        if not self.is_aside:
            self.stopped, self.stopped_note = None, None

    def _driver_stopped(self, event: ev.DriverStopped) -> None:
        self.take_surroundings(event)
        if not self.is_aside:
            self.stopped, self.stopped_note = event.reason, event.note

    def _format_raised(self, event: ev.FormatRaised) -> None:
        formats.refuse_newer(event.format)
        self.format = max(self.format, event.format)

    def _amended(self, event: ev.SpecAmended) -> None:
        spec = SweepSpec.model_validate(formats.with_meanings(event.spec, self.format))
        dealt = len(self.trials) if self.begun_format > 1 else 0  # a writer of format 1 dealt all of them anew
        self.plan, self._contenders = self.plan.amended(spec, tuple(event.overrides), dealt), None

    def _proposed(self, event: ev.TrialProposed) -> None:
        confirms = event.trial >= FIRST_REPLICATE
        siblings, first = (self.replicates, FIRST_REPLICATE) if confirms else (self.trials, 0)
        assert event.trial == first + len(siblings)
        name, made = trial_id(event.trial, event.config), (event.stage, event.move, tuple(event.block), event.parent)
        trial = Trial(event.trial, name, event.config, *made, event.bracket)
        trial.notes, trial.max_fidelity = tuple(event.notes), event.max_fidelity
        trial.replicates, trial.learned_from, trial.nearest = event.replicates, event.learned_from, event.nearest
        trial.unsaid = tuple(self.plan.spec.constraints)
        self.trials.share(trial)
        siblings.append(trial)
        self.wished.proposed(event)
        self.waiting[event.trial], self._contenders = trial, None

    def _attempt_started(self, event: ev.AttemptStarted) -> None:
        trial = self.changing(event.trial)
        assert event.attempt == len(trial.attempts)
        # a list that grows keeps room for more, and a trial has one attempt as a rule
        trial.attempts = [*trial.attempts, Attempt(event.attempt, event.t, resumed_from=event.fidelity)]
        trial.state = TrialState.RUNNING
        self.waiting.pop(event.trial, None)
        self.open[event.trial] = trial

    def _placed(self, event: ev.AttemptPlaced) -> None:
        attempt = self.trial(event.trial).attempts[event.attempt]
        self.ended_time.leave(attempt)
        self.course.take_place(event.t)
        self.take_place(attempt, event)
        attempt.seen_t, attempt.seen_s = event.t, event.clock_s
        if event.entered and attempt.entered_s is None:
            attempt.entered_s = event.clock_s
        for name in ("reserved_t", "node", "gpu_ids", "code_hash", "outside_hash"):  # what a second record adds
            setattr(attempt, name, getattr(event, name) or getattr(attempt, name))
        share_places(attempt)
        self.ended_time.take(attempt)

    def _reported(self, event: ev.Reported) -> None:
        value = self._take_values(event)
        if value is not None:  # the verdict is the record's own, so the scheduler may be shown this later
            trial = self.trial(event.trial)
            if trial.is_of_search:
                self.late.show(event.trial, trial.bracket, event.fidelity, value)
        self.take_verdict(event)

    def _attempt_ended(self, event: ev.AttemptEnded) -> None:
        trial = self.changing(event.trial)
        attempt = trial.attempts[event.attempt]
        self.take_end(attempt, event)
        self.course.take_end(attempt)
        self.open.pop(event.trial, None)
        if trial.state is TrialState.RUNNING:
            self._end(trial, attempt, event)
        self.reading.take(trial, event)
        if trial.state is TrialState.INTERRUPTED and not trial.is_test:
            self.waiting[event.trial] = trial
        if trial.is_of_search:
            self.course.take_ended(trial)

    def _end(self, trial: Trial, attempt: Attempt, event: ev.AttemptEnded) -> None:
        if event.outcome is Outcome.RETURNED and not trial.values:
            attempt.error = "the training function returned without reporting a value"
        self._come_to(trial, state_after(trial, event.outcome, event.repeats, self.plan.spec.retry))

    def _come_to(self, trial: Trial, state: TrialState) -> None:
        trial.state, self._contenders = state, None
        if state is TrialState.COMPLETED and trial.unsaid:
            self.unsaid = self.unsaid or trial
        if trial.is_of_search:  # what a searcher is told rests on the search alone
            self.telling.take_state(trial)

    def _turned(self, event: ev.TrialReopened | ev.TrialWithdrawn | ev.CheckpointRemoved) -> None:
        trial = self.changing(event.trial)
        if isinstance(event, ev.CheckpointRemoved):
            self.lose_checkpoint(trial)
        elif isinstance(event, ev.TrialWithdrawn):
            self._come_to(trial, self.withdraw(trial, event))
            if trial.is_of_search:
                self.course.take_ended(trial)
        else:
            self._reopen(trial, event)

    def _reopen(self, trial: Trial, event: ev.TrialReopened) -> None:
        if trial.is_of_search:
            self.course.take_back(trial, self.sessions[-1].t if self.sessions else self.started_t)
        trial.state = TrialState.INTERRUPTED
        self.open_again(trial, event)
        self.telling.forget(trial)


def replay(events: Iterable[ev.Event]) -> SweepState:
    """Fold a whole log. Raises ValueError where it does not begin with a plan, or is of a newer format."""
    remaining = iter(events)
    first = next(remaining, None)
    if not isinstance(first, ev.SweepPlanned):
        raise ValueError("the log does not begin with a plan")  # noqa: TRY004 - a wrong log, not a wrong argument
    state = SweepState(first)
    for event in remaining:
        state.apply(event)
    return state
