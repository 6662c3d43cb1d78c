"""Reads the winners of the earlier sweeps that a sweep file names, before its sweep begins."""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors import SpecError, StepladderError, StorageAwayError, StorageError, UsageError
from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.storage.location import Location
from orchestrator.storage.url import is_url
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.warm import EarlierWinner, warm_trials


def look_before_sending(plan: Plan, beside: Path, sweep_folder: str, *, is_seen: bool) -> list[str]:
    """Look for the earlier sweeps of `warm_start` before a sweep is sent off; returns what to say of them.

    They count where a sweep begins: one that lies in `sweep_folder` already asks for none. `is_seen` says whether it
    will run where this machine's folders are seen. Raises UsageError for a path that only this machine knows,
    SpecError where one of those that are seen from here holds no sweep.
    """
    if not plan.spec.warm_start or _exists(sweep_folder):
        return []
    seen = []
    for position, place in enumerate(plan.spec.warm_start):
        if is_seen or is_url(place) or (Path(place).is_absolute() and Path(place).exists()):
            seen.append(place)
        elif not Path(place).is_absolute():
            raise UsageError(
                f"warm_start[{position}]: {place!r} lies beside the sweep file, on this machine, which the cluster "
                "does not see, and no sweep's results are sent along. Copy it to a folder that all its nodes see, or "
                "to a bucket, and name that"
            )
    spec = plan.spec.model_copy(update={"warm_start": tuple(seen)})
    try:
        return [f"warm_start: {said}" for said in warmed(plan.model_copy(update={"spec": spec}), beside)[1]]
    except StorageAwayError as error:
        return [f"warm_start: not looked for from here: {error}"]


def _exists(sweep_folder: str) -> bool:
    try:
        return sweep_exists(Location.parse(sweep_folder))
    except StorageError:  # the cluster's own look comes before the sweep
        return False


def warmed(plan: Plan, beside: Path) -> tuple[Plan, list[str]]:
    """Return the plan with the winners of `warm_start` as its first trials, and what there is to say of the others.

    Relative paths begin in the folder `beside`, where the sweep file lies. Raises SpecError where one of them holds no
    sweep that can be read, StorageAwayError where its store does not answer.
    """
    winners, untold = [], []
    for position, place in enumerate(plan.spec.warm_start):
        folder = Location.parse(place if is_url(place) else str((beside / place).absolute()))
        try:
            winner = read_sweep(folder).winner()
        except StorageAwayError:
            raise
        except StepladderError as error:
            raise SpecError(f"warm_start[{position}]: {error}") from error
        if winner is None:
            untold.append(f"{place}: it has no winner yet")
        else:
            winners.append(EarlierWinner(place, winner.number, winner.config))
    trials, left_out = warm_trials(plan.space, winners)
    return plan.model_copy(update={"warm": tuple(trials)}), [*untold, *left_out]
