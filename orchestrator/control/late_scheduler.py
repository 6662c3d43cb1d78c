"""A scheduler that is made when it is asked for, and is then shown what it missed.

Whoever only reads a sweep never asks: one that is judged by a scheduler of the user's own can be read where that is not
installed. In a log the verdict stands in the report's own record, so nothing depends on when a report is shown.
"""

from __future__ import annotations

from orchestrator.planning.making import make_scheduler
from orchestrator.schedulers import Scheduler
from orchestrator.sweep.plan import Plan


class LateScheduler:
    """Holds the reports that a plan's scheduler is yet to be shown."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._made: Scheduler | None = None
        self._unshown: list[tuple[int, int, float, float]] = []

    def show(self, trial: int, bracket: int, fidelity: float, value: float) -> None:
        """Take note of a report whose verdict is known."""
        self._unshown.append((trial, bracket, fidelity, value))

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler, shown everything so far. Raises SpecError where it is not there."""
        if self._made is None:
            self._made = make_scheduler(self._plan)
        for shown in self._unshown:
            self._made.show(*shown)
        self._unshown.clear()
        return self._made
