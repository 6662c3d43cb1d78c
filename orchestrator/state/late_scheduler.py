"""A scheduler that is made when it is asked for, and is then shown what it missed.

Whoever only reads a sweep never asks: one that is judged by a scheduler of the user's own can be read where that is not
installed. In a log the verdict stands in the report's own record, so nothing depends on when a report is shown.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from orchestrator.planning.making import make_scheduler
from orchestrator.schedulers import Scheduler
from orchestrator.sweep.judgement import Judgement
from orchestrator.sweep.plan import Plan

MOST_LEVELS = 2**16
"""Fidelities that a `Fidelities` tells apart by their place."""


class KeptReports(NamedTuple):
    """What a `LateScheduler` holds, column by column, as this machine lays numbers out."""

    trials: memoryview
    """As many bits each as a C int has."""
    brackets: memoryview
    """As many as a C short has."""
    fidelities: memoryview
    """Place in `levels`, 16 bits each; the fidelity itself, 64 bits, where `levels` is None."""
    levels: list[float] | None
    """The fidelities that there are."""
    values: memoryview
    """64 bits each."""


class Fidelities:
    """A column of fidelities: places in a short list of those that there are, so long as these are not too many."""

    def __init__(self, column: memoryview | None = None, levels: list[float] | None = None) -> None:
        """Begin with nothing, or with what was kept; there are too many where that has no `levels`."""
        is_short = column is None or levels is not None
        self.column: array[Any] = array("H" if is_short else "d")
        """What stands for each of them."""
        self.column.frombytes(b"" if column is None else column)
        self.levels: list[float] | None = (levels or []) if is_short else None
        """Those that there are, in the order of their coming; None where `column` holds the fidelities."""
        self._places = {level: place for place, level in enumerate(levels or [])}

    def append(self, fidelity: float) -> None:
        """Add one."""
        place = self._places.get(fidelity)
        if place is None:
            self._append_new(fidelity)
        else:
            self.column.append(place)

    def _append_new(self, fidelity: float) -> None:
        if self.levels is not None and len(self.levels) == MOST_LEVELS:
            self.column, self.levels, self._places = array("d", self.since(0)), None, {}
        if self.levels is None:
            self.column.append(fidelity)
            return
        self.column.append(len(self.levels))
        self._places[fidelity] = len(self.levels)
        self.levels.append(fidelity)

    def since(self, first: int) -> Iterator[float]:
        """Yield them from one on."""
        column = islice(self.column, first, None)
        return column if self.levels is None else map(self.levels.__getitem__, column)


class LateScheduler:
    """Holds every report that a plan's scheduler is to be shown, in order: 16 bytes each, so that all are kept."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._made: Scheduler | None = None
        self._seen = 0
        self.trials, self.brackets = array("i"), array("h")
        """Trial and bracket of each report."""
        self.fidelities, self.values = Fidelities(), array("d")
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
        columns = (self.trials, self.brackets, self.fidelities.column, self.values)
        trials, brackets, fidelities, values = (memoryview(column.tobytes()) for column in columns)
        return KeptReports(trials, brackets, fidelities, self.fidelities.levels, values)

    def go_on_from(self, kept: KeptReports) -> None:
        """Begin with what was kept."""
        self.trials.frombytes(kept.trials)
        self.brackets.frombytes(kept.brackets)
        self.fidelities = Fidelities(kept.fidelities, kept.levels)
        self.values.frombytes(kept.values)

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler, shown everything so far. Raises SpecError where it is not there."""
        if self._made is None:
            self._made = make_scheduler(self._plan)
        if self._seen < len(self.trials):
            numbers, brackets = (islice(column, self._seen, None) for column in (self.trials, self.brackets))
            values = islice(self.values, self._seen, None)
            self._made.show_all(zip(numbers, brackets, self.fidelities.since(self._seen), values, strict=True))
            self._seen = len(self.trials)
        return self._made
