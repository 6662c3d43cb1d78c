"""Schedulers judge trials at rungs. To add one is to add one file here.

A scheduler is a pure function of the reports it was shown, in their order: replaying them restores it exactly. Values
are shown as reported; `goal` says which way is better. Values that are not finite never reach a scheduler.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from math import inf, nextafter
from random import Random
from typing import Any

from orchestrator.sweep.domains import Record
from orchestrator.sweep.judgement import Judgement
from orchestrator.sweep.plan import Bracket
from orchestrator.sweep.spec import Fidelity, Goal
from orchestrator.sweep.standing import sign_of


class Scheduler(ABC):
    """Judges trials."""

    class Options(Record):
        """Options of the sweep file; a member overrides it."""

    def __init__(
        self, brackets: tuple[Bracket, ...], fidelity: Fidelity, goal: Goal, options: Record, seed: int
    ) -> None:
        self.brackets = brackets
        self.fidelity = fidelity
        self.sign = sign_of(goal)
        """What values are multiplied by so that the greater is the better."""
        self.options = options
        self.seed = seed

    @classmethod
    @abstractmethod
    def plan(cls, fidelity: Fidelity, options: Record) -> tuple[Bracket, ...]:
        """Return the brackets of rungs that a plan shows; rungs lie on the grid of reports, below the full training."""

    @classmethod
    def survival(cls, fidelity: Fidelity) -> float | None:
        """Return the part of the trials that goes on after each rung ideally; None where the curves alone say so."""

    @abstractmethod
    def show(self, trial: int, bracket: int, fidelity: float, value: float) -> Judgement | None:
        """Take note of a report and judge it; None where it falls on no rung, or was judged there before.

        The first to come to a rung is judged too: not weak, among none. During replay the answer is ignored: verdict
        and judgement of that time stand in the log.
        """

    def show_all(self, shown: Iterable[tuple[int, int, float, float]]) -> None:
        """Take note of many reports whose verdicts are known, in their order: what `show` would come to for each.

        A member that ranks overrides it, so that a sweep of a million reports is gone on with in a second or two.
        """
        for report in shown:
            self.show(*report)

    @abstractmethod
    def snapshot(self) -> Any:
        """Return everything it took note of as plain comparable data: equal snapshots judge equally."""

    def bracket_of(self, trial: int) -> int:
        """Deal trial `trial` to a bracket by its share; depends on seed and trial alone."""
        position = Random(f"{self.seed}/{trial}/bracket").random()
        for index, bracket in enumerate(self.brackets):
            position -= bracket.share
            if position < 0:
                return index
        return len(self.brackets) - 1


def rungs(fidelity: Fidelity, first: float | None = None) -> tuple[float, ...]:
    """Return ascending rungs below `fidelity.max`: `first` times powers of the reduction factor, on the reports' grid.

    `first` None: `fidelity.min`, else a tenth of the full training.
    """
    start = first or fidelity.min or fidelity.max / 10
    placed: list[float] = []
    while start < fidelity.max + fidelity.every:  # behind it no rung can be; where sums overflow, nothing is rounded
        rung = max(fidelity.every, round(start / fidelity.every + 1e-9) * fidelity.every)
        if rung >= fidelity.max:
            break
        if not placed or rung != placed[-1]:
            placed.append(rung)
        start = max(start * fidelity.reduction_factor, nextafter(start, inf))  # the least floats times 1.1 stay
    return tuple(placed)
