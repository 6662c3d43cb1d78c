"""Each final trial's learning curve, read where its reports pass, and what it showed.

Which metric of a report is what, decided here and nowhere else. By name, case and `/.-` aside, the first that a report
has:

    training loss     train_loss, training_loss, loss
    validation loss   val_loss, validation_loss, valid_loss, eval_loss
    metric            the objective

The objective is measured on validation data, so one that is minimised and called a loss is the validation loss,
whatever else is reported, unless its name says that it is the training's. A fidelity that several attempts reported
counts once, as the newest says. The loss of an untrained network is in no report, so it is never given to `diagnose`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from orchestrator.planning.diagnosis import CurvePoint, Diagnosis, diagnose
from orchestrator.planning.fold import number
from orchestrator.planning.remedy import in_its_place, learning_rate
from orchestrator.sweep import event as ev
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.spec import Objective
from orchestrator.sweep.trial import Trial

if TYPE_CHECKING:
    from orchestrator.planning.fold import SweepState

TRAINING = ("train_loss", "training_loss", "loss")
VALIDATION = ("val_loss", "validation_loss", "valid_loss", "eval_loss")

_Role = Literal["train_loss", "val_loss", "val_metric"]


class Curves:
    """The curves of the trials that are not final yet, and the diagnoses of those that are."""

    def __init__(self, plan: Plan) -> None:
        self.diagnoses: dict[int, Diagnosis] = {}
        """By trial; none for a trial that is not final, or ended without a report."""
        self._plan = plan
        self._roles = Roles(plan.spec.objective)
        self._points: dict[int, dict[float, CurvePoint]] = {}

    def take(self, event: ev.Event, trials: Sequence[Trial]) -> None:
        """Take one record in, after the state that holds `trials` took it."""
        if not isinstance(event, ev.Reported | ev.AttemptEnded):
            return
        if isinstance(event, ev.Reported):
            self._points.setdefault(event.trial, {})[event.fidelity] = self._roles.point(event)
        trial = trials[event.trial]
        points = self._points.pop(event.trial, None) if trial.state.is_final else None
        if points is not None:
            self.diagnoses.setdefault(event.trial, _diagnosed(points, self._plan, trial))


def winner_diagnosis(state: SweepState, events: Iterable[ev.Event]) -> Diagnosis | None:
    """Return what the winner's learning curve shows; None while it is trained, and without any.

    `events` are the sweep's, all of them.
    """
    winner = state.winner()
    if winner is None or not winner.state.is_final:
        return None
    roles = Roles(state.plan.spec.objective)
    own = (event for event in events if isinstance(event, ev.Reported) and event.trial == winner.number)
    return _diagnosed({report.fidelity: roles.point(report) for report in own}, state.plan, winner)


def _diagnosed(points: dict[float, CurvePoint], plan: Plan, trial: Trial) -> Diagnosis:
    curve = [points[fidelity] for fidelity in sorted(points)]
    return in_its_place(diagnose(curve, goal=plan.goal, learning_rate=learning_rate(trial.config)), trial)


class Roles:
    """Tells the metrics of one sweep's reports apart; what it finds out of a name is kept."""

    def __init__(self, objective: Objective) -> None:
        plain = _plain(objective.metric)
        is_loss = objective.goal == "minimize" and "loss" in plain
        own: _Role = "val_metric" if not is_loss else "train_loss" if plain.startswith("train") else "val_loss"
        self._ranks: dict[str, tuple[_Role, int] | None] = {objective.metric: (own, -1)}

    def point(self, report: ev.Reported) -> CurvePoint:
        """Return what a report says of the curve."""
        found: dict[_Role, tuple[int, float]] = {}
        for name, value in report.metrics.items():
            if name not in self._ranks:
                self._ranks[name] = _rank(name)
            known = self._ranks[name]
            if known is not None and (known[0] not in found or known[1] < found[known[0]][0]):
                found[known[0]] = (known[1], number(value))
        return CurvePoint(report.fidelity, **{role: value for role, (_, value) in found.items()})


def _rank(name: str) -> tuple[_Role, int] | None:
    """Return what a metric is by its name, and how late that name is looked for."""
    plain = _plain(name)
    if plain in TRAINING:
        return "train_loss", TRAINING.index(plain)
    return ("val_loss", VALIDATION.index(plain)) if plain in VALIDATION else None


def _plain(name: str) -> str:
    return re.sub(r"[/.\- ]", "_", name).casefold()
