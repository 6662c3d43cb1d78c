"""The median stopping rule: a trial stops where its best is worse than what the others were on average by then.

Golovin et al. 2017, "Google Vizier: A Service for Black-Box Optimization", section 3.2.2: at step s, a trial stops if
its best value up to s is strictly worse than the median of the running averages up to s of the other trials. There the
others are the completed trials; here, as in Ray Tune's `median_stopping_rule.py`, they are all that came to s before,
since a sweep that stops the weak has few completed ones. It asks less of a trial than ASHA: about half go on, and one
that once was good is spared.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from dataclasses import asdict, dataclass
from math import ceil, inf
from typing import Any

from pydantic import Field
from typing_extensions import override

from orchestrator.schedulers import Scheduler, rungs
from orchestrator.schedulers._rungs import TOLERANCE, judgement, percentile, require_finite, rung_at
from orchestrator.sweep.domains import Record, StrictInt
from orchestrator.sweep.judgement import Judgement
from orchestrator.sweep.plan import Bracket
from orchestrator.sweep.spec import Fidelity, Goal

MOST_RUNGS = 100
"""It judges at most so often in a training."""


@dataclass(slots=True)
class _Course:
    """A trial so far, values with the sign that makes greater better."""

    best: float
    total: float = 0.0
    count: int = 0
    fidelity: float = -inf


class MedianScheduler(Scheduler):
    """Stops the trials that are worse than the median."""

    class Options(Scheduler.Options):
        """When to begin."""

        min_trials: StrictInt = Field(3, ge=1)
        """Others that must have come to a rung before anything is stopped there."""

    options: Options

    def __init__(
        self, brackets: tuple[Bracket, ...], fidelity: Fidelity, goal: Goal, options: Record, seed: int
    ) -> None:
        super().__init__(brackets, fidelity, goal, options, seed)
        self._courses: dict[int, _Course] = {}
        self._ranked: defaultdict[float, list[float]] = defaultdict(list)

    @classmethod
    @override
    def plan(cls, fidelity: Fidelity, options: Record) -> tuple[Bracket, ...]:
        """Return one bracket whose rungs, where it judges, are the reports from the first rung on, thinned to 100."""
        first = next(iter(rungs(fidelity)), fidelity.max)
        step = fidelity.every * max(1, ceil((fidelity.max - first) / fidelity.every / MOST_RUNGS - TOLERANCE))
        count = ceil((fidelity.max - first) / step - TOLERANCE)
        return (Bracket(rungs=tuple(first + place * step for place in range(count)), share=1.0),)

    def show(self, trial: int, bracket: int, fidelity: float, value: float) -> Judgement | None:
        """Take the value into the trial's average; at a rung, judge its best by the others' median.

        What a resumed trial reports again is left out. Raises ValueError for a value that is not finite.
        """
        require_finite(trial, fidelity, value)
        score = self.sign * value
        course = self._courses.setdefault(trial, _Course(score))
        if fidelity <= course.fidelity:
            return None
        course.best = max(course.best, score)
        course.total, course.count, course.fidelity = course.total + score, course.count + 1, fidelity
        rung = rung_at(self.brackets[bracket].rungs, fidelity)
        if rung is None:
            return None
        others = self._ranked[rung]
        median = percentile(others, 0.5) if len(others) >= self.options.min_trials else None
        found = judgement(rung, course.best, median, self.sign, len(others))
        insort(others, course.total / course.count)
        return found

    def snapshot(self) -> dict[str, Any]:
        """Return each trial's course and each rung's averages, ascending, greater better."""
        courses = {trial: asdict(course) for trial, course in sorted(self._courses.items())}
        return {"trials": courses, "averages": {rung: list(self._ranked[rung]) for rung in sorted(self._ranked)}}


MEMBER = MedianScheduler
