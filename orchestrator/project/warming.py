"""Reads the winners of the earlier sweeps that a sweep file names, before its sweep begins."""

from __future__ import annotations

from pathlib import Path

from orchestrator.control.session import read_sweep
from orchestrator.errors import SpecError, StepladderError
from orchestrator.storage.location import Location
from orchestrator.storage.url import is_url
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.warm import EarlierWinner, warm_trials


def warmed(plan: Plan, beside: Path) -> tuple[Plan, list[str]]:
    """Return the plan with the winners of `warm_start` as its first trials, and what there is to say of the others.

    Relative paths begin in the folder `beside`, where the sweep file lies. Raises SpecError where one of them holds no
    sweep that can be read.
    """
    winners, untold = [], []
    for position, place in enumerate(plan.spec.warm_start):
        folder = Location.parse(place if is_url(place) else str((beside / place).absolute()))
        try:
            winner = read_sweep(folder).winner()
        except StepladderError as error:
            raise SpecError(f"warm_start[{position}]: {error}") from error
        if winner is None:
            untold.append(f"{place}: it has no winner yet")
        else:
            winners.append(EarlierWinner(place, winner.number, winner.config))
    trials, left_out = warm_trials(plan.space, winners)
    return plan.model_copy(update={"warm": tuple(trials)}), [*untold, *left_out]
