"""Each final trial's learning curve, read where its reports pass, and what it showed.

A fidelity that several attempts reported counts once, as the newest says. The loss of an untrained network is in no
report, so it is never given to `diagnose`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from orchestrator.curves.diagnosis import CurvePoint, Diagnosis, diagnose
from orchestrator.curves.remedy import keep_valid_advice, learning_rate
from orchestrator.curves.roles import Roles
from orchestrator.state.reading import reports_of
from orchestrator.sweep import event as ev
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.trial import FIRST_REPLICATE, Trial, TrialState

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location


class Curves:
    """The curves of the trials that may still go on, and the diagnoses of those that ended."""

    def __init__(self, plan: Plan) -> None:
        self.diagnoses: dict[int, Diagnosis] = {}
        """By trial; none for a trial that is not final, or ended without a report."""
        self._plan = plan
        self._roles = Roles(plan.spec.objective)
        self._points: dict[int, dict[float, CurvePoint]] = {}

    def take(self, event: ev.Event, trials: Sequence[Trial]) -> None:
        """Take one record in, after the state that holds `trials` took it."""
        if isinstance(event, ev.TrialReopened):
            self.diagnoses.pop(event.trial, None)
        if not isinstance(event, ev.Reported | ev.AttemptEnded) or event.trial >= FIRST_REPLICATE:
            return  # a replicate's curve is the one that it repeats, but for luck
        if isinstance(event, ev.Reported):
            _join(self._points.setdefault(event.trial, {}), self._roles.point(event))
        trial = trials[event.trial]
        points = self._points.get(event.trial) if trial.state.is_final else None
        if points is not None:
            is_promotable = self._plan.spec.promote and trial.stopped_by is not None
            may_reopen = trial.state is TrialState.FAILED or trial.withdrawn_s is not None or is_promotable
            if not may_reopen:  # else its curve goes on
                del self._points[event.trial]
            self.diagnoses.setdefault(event.trial, _diagnosed(points, self._plan, trial))


def winner_diagnosis(state: SweepState, events: Iterable[ev.Event]) -> Diagnosis | None:
    """Return what the winner's learning curve shows; None while it is trained, and without any.

    `events` are the sweep's, or all reports of its winner at least.
    """
    winner = state.winner()
    if winner is None or not winner.state.is_final:
        return None
    roles = Roles(state.plan.spec.objective)
    own = (event for event in events if isinstance(event, ev.Reported) and event.trial == winner.number)
    points: dict[float, CurvePoint] = {}
    for report in own:
        _join(points, roles.point(report))
    return _diagnosed(points, state.plan, winner)


def diagnosed_winner(folder: Location, state: SweepState, *, is_read: bool = False) -> Diagnosis | None:
    """Return the same of the sweep in `folder`, of which `state` was read: reads the winner's own reports alone.

    Where that `is_read`, just before, the log is not checked again from end to end. Raises StorageError,
    JournalDamagedError.
    """
    winner = state.winner()
    if winner is None or not winner.state.is_final:
        return None
    return winner_diagnosis(state, reports_of(folder, winner.number, winner if is_read else None))


def _join(points: dict[float, CurvePoint], point: CurvePoint) -> None:
    """Take a report's point in: with an earlier one of the same fidelity it is one point, the later values win."""
    known = points.get(point.fidelity, point)
    said = {field.name: value for field in fields(point) if (value := getattr(point, field.name)) is not None}
    points[point.fidelity] = replace(known, **said)


def _diagnosed(points: dict[float, CurvePoint], plan: Plan, trial: Trial) -> Diagnosis:
    curve = [points[fidelity] for fidelity in sorted(points)]
    return keep_valid_advice(diagnose(curve, goal=plan.goal, learning_rate=learning_rate(trial.config)), trial)
