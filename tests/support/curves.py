"""Stored learning curves of real trainings as reports, and sweeps whose trials had them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from orchestrator.curves.diagnosis import CurvePoint
from orchestrator.sweep import event as ev
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.trial import Outcome

STORED: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "curves" / "learning_curves.json").read_text()
)
METRICS = ("train_loss", "val_loss", "val_accuracy")


def reports(stored: Mapping[str, Any]) -> list[dict[str, float]]:
    """What the training reported after each epoch; a loss that was not finite is NaN."""
    columns = [[math.nan if value is None else value for value in stored[name]] for name in METRICS]
    return [dict(zip(METRICS, values, strict=True)) for values in zip(*columns, strict=True)]


def points(stored: Mapping[str, Any]) -> list[CurvePoint]:
    """The same as a curve, written out by hand."""
    return [
        CurvePoint(epoch, said["train_loss"], said["val_loss"], said["val_accuracy"])
        for epoch, said in enumerate(reports(stored), 1)
    ]


def trained(plan: Plan, curves: Iterable[Mapping[str, Any]], learning_rates: Iterable[float]) -> list[ev.Event]:
    """A log in which each trial had a stored curve and then returned by itself."""
    events: list[ev.Event] = [
        ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json")),
        ev.DriverStarted(0.0, 1, "host:17", "c0de", {}),
    ]
    for number, (stored, rate) in enumerate(zip(curves, learning_rates, strict=True)):
        config = plan.space.baseline | {"learning_rate": rate}
        events.append(ev.TrialProposed(0.0, number, config, plan.stages[0].name, "uniform", [], None, 0))
        events += [ev.AttemptStarted(0.0, number, 0), ev.AttemptPlaced(0.0, number, 0)]
        for epoch, said in enumerate(reports(stored), 1):
            spelled = {name: value if math.isfinite(value) else "nan" for name, value in said.items()}
            events.append(ev.Reported(0.0, number, 0, float(epoch), spelled))
        events.append(ev.AttemptEnded(1.0, number, 0, Outcome.RETURNED))
    return events
