"""Sweeps to measure with."""

from __future__ import annotations

import time
from typing import Any

from orchestrator.control.answers import Report, StartTrial
from orchestrator.control.controller import Controller
from orchestrator.planning.compile import compile_plan
from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev
from orchestrator.sweep.plan import Plan, Provenance
from orchestrator.sweep.spec import SweepSpec

ONE = {"x": {"type": "float", "low": -5, "high": 5, "default": 0}}
EIGHT = {
    f"x{number}": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log", "default": 1e-2, "tier": 1 + number // 3}
    for number in range(8)
}


class NoJournal:
    """Takes records, and keeps how many."""

    def __init__(self) -> None:
        self.count = 0

    def append(self, _event: ev.Event) -> None:
        """Count a record."""
        self.count += 1

    def commit(self) -> None:
        """Nothing is to be kept."""


def plan_of(trials: int, epochs: int, space: dict[str, Any], **changes: Any) -> Plan:
    """Return a plan of a joint search; keywords are keys of the sweep file."""
    spec = {
        "name": "bench",
        "trainable": "train.py:train",
        "objective": {"metric": "loss", "goal": "minimize"},
        "fidelity": {"max": epochs},
        "search_space": space,
        "search": {"name": "joint"},
        "budget": {"trials": trials},
        "confirm": "none",
    }
    ground = Provenance(versions={}, git_commit=None, code_hash="bench")
    return compile_plan(SweepSpec.model_validate(spec | changes), ground)


def driven(plan: Plan, journal: Any, workers: int) -> Controller:
    """Return a controller whose first trials run."""
    first = ev.SweepPlanned(time.time(), ev.FORMAT, plan.model_dump(mode="json"))
    journal.append(first)
    controller = Controller(SweepState(first), journal, time.time)
    for _ in range(workers):
        step = controller.next_step()
        if not isinstance(step, StartTrial):  # the baseline is to show first that the code works
            controller.on_report(Report(0, 0, 1.0, {"loss": 0.5}))
            step = controller.next_step()
        assert isinstance(step, StartTrial)
        controller.on_placed(step.trial, step.attempt)
    return controller
