"""Sweeps to measure with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from bench_costs.older import record
from orchestrator.control.answers import Report, StartTrial
from orchestrator.control.controller import Controller
from orchestrator.planning.compile import compile_plan
from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev
from orchestrator.sweep.plan import Plan, Provenance
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweep.trial import Outcome, StopReason

ONE = {"x": {"type": "float", "low": -5, "high": 5, "default": 0}}
EIGHT = {
    f"x{number}": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log", "default": 1e-2, "tier": 1 + number // 3}
    for number in range(8)
}

LENGTHS = (100, 1_000, 10_000, 100_000)
"""Trials of the sweeps that show whether a cost grows with the length of a sweep."""


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
    """Return a plan of a joint search; keywords are keys of the sweep file.

    An older tree's has those that it knows.
    """
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
    known = {key: value for key, value in (spec | changes).items() if key in SweepSpec.model_fields}
    return compile_plan(SweepSpec.model_validate(known), ground)


def history(plan: Plan, trials: int, reports: int, running: int) -> Iterator[Any]:
    """Yield the records of a sweep of so many trials with three metrics, the last `running` of which are half done."""
    yield record(ev.SweepPlanned, 0.0, ev.FORMAT, plan.model_dump(mode="json"), m=0.0)
    yield ev.DriverStarted(0.0, 1, "host:1", "bench", {})
    for trial in range(trials):
        t, is_open = 10.0 * trial, trial >= trials - running
        config = {name: 1e-4 + ((trial + place) * 7919 % 9973) / 9974 for place, name in enumerate(EIGHT)}
        yield record(ev.TrialProposed, t, trial, config, "joint", "model", list(EIGHT), None, 0, learned_from=trial)
        yield ev.AttemptStarted(t, trial, 0)
        yield ev.AttemptPlaced(t, trial, 0, f"node-{trial % 8}", "0")
        for epoch in range(1, (reports // 2 if is_open else reports) + 1):
            stop = StopReason.FULL_FIDELITY if epoch == reports else None
            yield reported(trial, float(epoch), t + epoch, stop)
        if not is_open:
            yield ev.AttemptEnded(t + reports + 1, trial, 0, Outcome.STOPPED)


def reported(trial: int, fidelity: float, t: float, stop: StopReason | None = None) -> ev.Reported:
    """Return the record of one report of a history."""
    loss = (trial * 31 % 1009) / 1009 + 1 / fidelity
    metrics = {"loss": loss, "accuracy": 1 - loss, "seconds": 0.1}
    return ev.Reported(t, trial, 0, fidelity, metrics, None, stop)


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
