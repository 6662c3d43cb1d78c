"""Measuring the winner on the test set: who may, what it is begun with, and what a driver for it has to start.

It is done by a driver of its own (`DriverStarted.tests`), beside which nothing of the search moves: the sweep stands
afterwards where it stood before. Its one run takes the winner's configuration and newest checkpoint, or begins anew
with a fresh seed where none is kept, and is repeated as any trial is where its machine is lost. What it measured is on
disk before anybody is told. A run that measured nothing was no look: it may be repeated without a reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import repeat

from orchestrator.control.answers import Report
from orchestrator.errors import UsageError
from orchestrator.policies.first_run import FirstRun
from orchestrator.policies.placing import resources_of_confirming
from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev
from orchestrator.sweep.resources import Resources
from orchestrator.sweep.spelling import spelled
from orchestrator.sweep.tested import measured
from orchestrator.sweep.trial import FIRST_TEST, Trial, TrialState


class MeasuringAhead:
    """What a driver has to start that only measures: `WorkAhead` for it."""

    def __init__(self, state: SweepState) -> None:
        self._state = state
        self.first_run = FirstRun(state)
        """Over: a sweep that has a winner has shown that its code works."""

    def next(self, now_s: float) -> Trial | None:  # noqa: ARG002 - no cap counts here
        """Return the run that is due; None where none is."""
        newest = self._state.tests[-1] if self._state.tests else None
        return newest.run if newest is not None and newest.is_due else None

    def startable(self, now_s: float) -> int:
        """Return how many runs could be started: one where it is due."""
        return int(self.next(now_s) is not None)

    def resources(self, now_s: float) -> Iterator[tuple[Resources, int]]:  # noqa: ARG002 - as above
        """Yield what a run takes, and where, one by one."""
        yield from repeat((resources_of_confirming(self._state.plan.spec), 1))

    def ending(self, now_s: float) -> str:  # noqa: ARG002 - as above
        """Return why there is nothing more."""
        return "finished"

    @property
    def is_left(self) -> bool:
        """Say whether the run waits for a place."""
        return self.next(0.0) is not None


def measured_metric(state: SweepState) -> str:
    """Return the metric that every report to the present driver must hold: the objective, or the test set's."""
    spec = state.plan.spec
    return spec.test.metric if state.is_testing and spec.test is not None else spec.objective.metric


def measured_by(report: Report, metric: str, t: float, m: float | None) -> ev.WinnerTestMeasured:
    """Return the record of what a run measured, written at `t` and `m` as below; nothing else of its report is kept."""
    value = spelled({metric: report.metrics[metric]})[metric]
    return ev.WinnerTestMeasured(t, report.trial, report.attempt, value, m=m)


def refuse_to_test(state: SweepState, place: str, *, again: bool, reason: str | None) -> None:
    """Raise UsageError where a sweep's winner cannot be measured on the test set now, with what to do instead."""
    held_out, winner, looks = state.plan.spec.test, state.winner(), measured(state.tests)
    if held_out is None:
        raise UsageError(
            f"{place}: its sweep file has no `test`; write `test: {{metric: NAME}}` into that of the next sweep, so "
            "that what is reported of the test set is kept from everything that chooses"
        )
    if state.stopped is None:
        raise UsageError(f"{place}: its search is not over; `stepladder status {place}` says where it stands")
    if winner is None or winner.state is not TrialState.COMPLETED:
        raise UsageError(f"{place}: no trial was trained to the end, so there is no winner to measure")
    if again != bool(reason and reason.strip()):
        raise UsageError("--again and --reason TEXT go together: say why the test set is used another time")
    if again and not looks:
        raise UsageError(f"{place}: its winner was never measured on the test set, so there is no again")
    if looks and not again:
        last = looks[-1]
        assert last.value is not None
        assert last.measured_t is not None
        when = datetime.fromtimestamp(last.measured_t, UTC).strftime("%Y-%m-%d")
        raise UsageError(
            f"{place}: the test set was used on {when}: trial {last.of} has {held_out.metric} {last.value:.6g}. What "
            "is looked at again and again is chosen by in the end; where you must, say why: --again --reason TEXT"
        )


def begun_test(state: SweepState, reason: str | None, t: float, m: float | None) -> ev.WinnerTestBegun | None:
    """Return the record of a new run, written at `t` seconds since the epoch and `m` by the monotonic clock.

    None where one of the same winner is due already, which a driver left that was killed.
    """
    winner, newest = state.winner(), state.tests[-1] if state.tests else None
    assert winner is not None
    if newest is not None and newest.is_due and newest.of == winner.number and newest.reason == reason:
        return None
    return ev.WinnerTestBegun(t, FIRST_TEST + len(state.tests), winner.number, reason, m=m)
