"""Which metric of a report is what, decided here and nowhere else.

By name, case and `/.-` aside, the first that a report has:

    training loss     train_loss, training_loss, loss
    validation loss   val_loss, validation_loss, valid_loss, eval_loss
    metric            the objective

The objective is measured on validation data, so one that is minimised and called a loss is the validation loss,
whatever else is reported, unless its name says that it is the training's.
"""

from __future__ import annotations

import re
from typing import Literal

from orchestrator.curves.diagnosis import CurvePoint
from orchestrator.sweep import event as ev
from orchestrator.sweep.spec import Objective
from orchestrator.sweep.spelling import as_float
from orchestrator.sweep.standing import is_loss_like

TRAINING = ("train_loss", "training_loss", "loss")
VALIDATION = ("val_loss", "validation_loss", "valid_loss", "eval_loss")
_Role = Literal["train_loss", "val_loss", "val_metric"]


class Roles:
    """Tells the metrics of one sweep's reports apart; what it finds out of a name is kept."""

    def __init__(self, objective: Objective) -> None:
        plain = _plain(objective.metric)
        is_loss = is_loss_like(objective.goal) and "loss" in plain
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
                found[known[0]] = (known[1], as_float(value))
        return CurvePoint(report.fidelity, **{role: value for role, (_, value) in found.items()})


def _rank(name: str) -> tuple[_Role, int] | None:
    """Return what a metric is by its name, and how late that name is looked for."""
    plain = _plain(name)
    if plain in TRAINING:
        return "train_loss", TRAINING.index(plain)
    return ("val_loss", VALIDATION.index(plain)) if plain in VALIDATION else None


def _plain(name: str) -> str:
    return re.sub(r"[/.\- ]", "_", name).casefold()
