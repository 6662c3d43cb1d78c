"""A scheduler that is made when it is asked for, and is then shown what it missed.

Whoever only reads a sweep never asks: one that is judged by a scheduler of the user's own can be read where that is not
installed. In a log the verdict stands in the report's own record, so nothing depends on when a report is shown.
"""

from __future__ import annotations

from array import array
from itertools import islice
from typing import NamedTuple

from orchestrator.planning.making import make_scheduler
from orchestrator.schedulers import Scheduler
from orchestrator.sweep.judgement import Judgement
from orchestrator.sweep.plan import Plan


class KeptReports(NamedTuple):
    """What a `LateScheduler` holds, column by column, as this machine lays numbers out."""

    trials: memoryview
    """As many bits each as a C int has."""
    brackets: memoryview
    """As many as a C short has."""
    fidelities: memoryview
    """64 bits each."""
    values: memoryview
    """Likewise."""


class LateScheduler:
    """Holds every report that a plan's scheduler is to be shown, in order: 22 bytes each, so that all are kept."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._made: Scheduler | None = None
        self._seen = 0
        self.trials, self.brackets = array("i"), array("h")
        """Trial and bracket of each report."""
        self.fidelities, self.values = array("d"), array("d")
        """Its fidelity and its value, finite."""

    def show(self, trial: int, bracket: int, fidelity: float, value: float) -> None:
        """Take note of a report whose verdict is known."""
        self.trials.append(trial)
        self.brackets.append(bracket)
        self.fidelities.append(fidelity)
        self.values.append(value)

    def judge(self, trial: int, bracket: int, fidelity: float, value: float) -> Judgement | None:
        """Return what the scheduler finds of a new report. Raises SpecError where it is not there."""
        scheduler = self.scheduler
        found = scheduler.show(trial, bracket, fidelity, value)
        self.show(trial, bracket, fidelity, value)
        self._seen += 1
        return found

    @property
    def kept(self) -> KeptReports:
        """Everything shown so far, to be kept."""
        columns = (self.trials, self.brackets, self.fidelities, self.values)
        return KeptReports(*(memoryview(column.tobytes()) for column in columns))

    def go_on_from(self, kept: KeptReports) -> None:
        """Begin with what was kept."""
        self.trials.frombytes(kept.trials)
        self.brackets.frombytes(kept.brackets)
        self.fidelities.frombytes(kept.fidelities)
        self.values.frombytes(kept.values)

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler, shown everything so far. Raises SpecError where it is not there."""
        if self._made is None:
            self._made = make_scheduler(self._plan)
        if self._seen < len(self.trials):
            columns = (self.trials, self.brackets, self.fidelities, self.values)
            unseen = (islice(column, self._seen, None) for column in columns)
            self._made.show_all(zip(*unseen, strict=True))
            self._seen = len(self.trials)
        return self._made
