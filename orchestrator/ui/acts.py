"""The commands that act on a sweep or a trial, as text to copy: nothing that a browser does acts on anything."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestrator.sweep.trial import TrialState
from orchestrator.views.condition import condition_of, more_of
from orchestrator.views.page.parts import NextStep, Section

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location
    from orchestrator.sweep.trial import Trial

_QUESTION = "This page only shows. In a terminal, where the sweep's folder is seen:"


def acts_on_sweep(state: SweepState, folder: Location, holder: str | None) -> Section:
    """Return what can be done with a sweep as it stands; `holder` says who drives it, None where nobody does."""
    condition, _ = condition_of(state, holder, state.last_t)
    steps = tuple(_of_sweep(state, condition, shlex.quote(str(folder)), has_winner=state.winner() is not None))
    return Section("acts", "Commands that act on it", _QUESTION, steps=steps)


def acts_on_trial(trial: Trial, folder: Location, *, is_driven: bool) -> Section:
    """Return what can be done with a trial as it stands; `is_driven` says whether somebody drives its sweep."""
    steps = tuple(_of_trial(trial, shlex.quote(str(folder)), is_driven=is_driven))
    return Section("acts", "Commands", _QUESTION, steps=steps)


def _of_sweep(state: SweepState, condition: str, where: str, *, has_winner: bool) -> Iterator[NextStep]:
    if condition == "running":
        yield NextStep(
            "Let the running trials finish and start no more; it can go on later.", f"stepladder stop {where}"
        )
        yield NextStep("End its driver within seconds, everything saved.", f"stepladder cancel {where}")
        yield NextStep("Give it more or fewer places.", f"stepladder set {where} max_concurrent=4")
        yield NextStep("Try values of your own next.", f"stepladder try {where} NAME=VALUE")
    elif condition != "finished":
        yield NextStep("Go on with it.", f"stepladder resume {where}")
    elif (more := more_of(state)) is not None:
        yield NextStep("Train more.", f"stepladder resume {where} {more}")
    if has_winner:
        yield NextStep("Take the winner along, as arguments of a program.", f"stepladder export {where} --format args")
    yield NextStep("Keep this page as a file, to be shared.", f"stepladder report {where} --share")


def _of_trial(trial: Trial, where: str, *, is_driven: bool) -> Iterator[NextStep]:
    yield NextStep("Everything about it, in a terminal.", f"stepladder show {where} {trial.number}")
    if trial.attempts:
        follow = " -f" if is_driven and not trial.state.is_final else ""
        yield NextStep("All that it printed.", f"stepladder logs {where} --trial {trial.number}{follow}")
    if not trial.is_of_search:
        return
    if trial.state is TrialState.FAILED:
        yield NextStep("Run it again.", f"stepladder retry {where} --trial {trial.number}")
    elif is_driven and not trial.state.is_final:
        yield NextStep("End it, at its next report or in 30 s.", f"stepladder stop {where} --trial {trial.number}")
