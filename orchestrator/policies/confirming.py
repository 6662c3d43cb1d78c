"""Which configuration is trained again next, and how often: decided from the state alone, written down before it runs.

Once the search has nothing more to start and nothing of it runs, what was kept back for it (`Plan.reserve`) pays
replicates: full trainings with fresh seeds, never stopped early, never shown to a searcher or a rung. What they may
cost is share / (1 - share) of what the search has trained.

    race       half of them. First the best contenders get one each, then always the one with the best bound: what it is
               held to be worth plus spread / sqrt(n). It ends when its part is used up, when one is better than every
               other with confidence, or when they are known to lie within half a standard deviation of each other
    confirm    the other half: a third the baseline, the rest whoever won the race

A configuration whose first replicate repeats its training to the last digit is trained once more at once. If that one
does so as well, everything else goes back to the search: fresh seeds say nothing here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator.errors import UsageError
from orchestrator.state.fold import SweepState
from orchestrator.sweep.confirmation import (
    Contender,
    Part,
    WinnerVerdict,
    chosen,
    contenders,
    estimate,
    pooled_spread,
)
from orchestrator.sweep.reserve import LEAST
from orchestrator.sweep.seed_spread import Spread
from orchestrator.sweep.spec import Goal
from orchestrator.sweep.standing import sign_of
from orchestrator.sweep.trial import Trial

FIRST_ROUND = 3
"""So many of the best contenders race once before anything is compared."""
ALIKE = 0.5
"""Contenders whose difference is known to so many standard deviations between seeds are not told apart further."""

_CLOSED = ("wall", "gpu_hours", "cpu_hours", "finished", "exhausted")
"""Why a driver leaves that has nothing more to start."""
STAGE = "confirm"
"""What stands for a stage where a replicate is shown."""


class NextReplicate(NamedTuple):
    """What is trained again."""

    trial: Trial
    """Whose configuration."""
    part: Part
    """What for."""


def allowance(state: SweepState) -> int:
    """Return how many replicates confirming may start in all; 0 where its share pays too few to tell anything."""
    reserve, full = state.plan.reserve, state.plan.spec.fidelity.max
    if reserve.why_not is not None:
        return 0
    if not reserve.share:
        return reserve.replicates
    afforded = math.floor(reserve.share / (1 - reserve.share) * _searched(state) / full + 1e-9)
    if state.plan.trial_part is not None and len(state.trials) >= reserve.trials:
        afforded = max(afforded, reserve.replicates)  # as planned, although the trials trained less than expected
    return afforded if afforded >= LEAST else 0


@dataclass(frozen=True, slots=True)
class Confirming:
    """How far confirming is."""

    planned: int
    """Replicates that it may start: what is kept back before the search is over, what that came to afterwards."""
    begun: int
    """Replicates that were started."""
    open: int
    """Those of them that have not ended."""
    is_over: bool
    """Whether none is to follow; of a sweep that nothing is confirmed in, from the start."""
    why_not: str | None
    """Why nothing is confirmed, for people; None where something is, or will be."""


def confirming(state: SweepState) -> Confirming:
    """Say how far confirming is."""
    reserve, begun = state.plan.reserve, len(state.replicates)
    pending = sum(1 for replicate in state.replicates if not replicate.state.is_final)
    if reserve.why_not is not None:
        return Confirming(0, begun, pending, is_over=True, why_not=None if begun else reserve.why_not)
    if not is_search_over(state):
        return Confirming(reserve.replicates, begun, pending, is_over=False, why_not=None)
    most = allowance(state)
    is_over = pending == 0 and (next_replicate(state) is None or state.stopped in _CLOSED)
    return Confirming(most, begun, pending, is_over, None if begun or not is_over else _why_not(state, most))


def is_search_over(state: SweepState) -> bool:
    """Say whether the search has proposed all that it may and everything of it has ended, or was left at its cap."""
    is_open = any(trial.is_of_search for trial in state.open.values())
    is_whole = len(state.trials) >= search_trials(state) or state.stopped is not None or bool(state.replicates)
    return is_whole and not is_open


def _why_not(state: SweepState, most: int) -> str:
    if most and next_replicate(state) is not None:
        return "what the budget leaves is too short for it"
    if most:
        return "no trial but the baseline was trained to the end"
    return (
        f"what the search has trained pays fewer than {LEAST} full trainings at a share of {state.plan.reserve.share:g}"
    )


def refuse_to_confirm(state: SweepState, place: str) -> None:
    """Raise UsageError where a sweep's winner cannot be confirmed now, with what to do instead."""
    if state.stopped is None:
        raise UsageError(f"{place}: its search is not over; `stepladder status {place}` says where it stands")
    if not any(not contender.is_baseline for contender in contenders(state.plan.goal, state.trials, (), 1)):
        raise UsageError(f"{place}: no trial but the baseline was trained to the end, so there is nothing to confirm")


def is_exact(state: SweepState) -> bool:
    """Say whether fresh seeds are seen to change nothing."""
    found = state.confirmation()
    return found is not None and found.verdict is WinnerVerdict.EXACT


def search_trials(state: SweepState) -> int:
    """Return how many trials the search proposes: all of the budget but what is kept back and not given back."""
    reserve, planned = state.plan.reserve, state.plan.spec.budget.trials
    if reserve.why_not is not None or not is_exact(state):
        return reserve.trials
    used = len(state.replicates) / max(len(state.replicates), allowance(state))
    return planned - math.ceil(used * (planned - reserve.trials))


def search_part(state: SweepState) -> float:
    """Return the part of each cap at which the search ends."""
    return 1.0 if is_exact(state) else 1.0 - state.plan.reserve.share


def next_replicate(state: SweepState) -> NextReplicate | None:
    """Return what is to be trained again now; None where nothing is, or what runs must be awaited.

    That the search is over, nothing of it running, is for the caller to see to.
    """
    if is_exact(state):
        return None
    most = allowance(state)
    if len(state.replicates) >= most:
        return None
    found = state.contenders()
    if not any(not contender.is_baseline for contender in found):
        return None
    race_most = _race_part(most)
    racing = sum(1 for trial in state.replicates if trial.move == "race")
    rivals = [contender for contender in found if not contender.is_baseline and not contender.is_out]
    goal = state.plan.goal
    if racing < race_most and (rival := _racer(goal, rivals, pooled_spread(found, with_first=True), race_most)):
        return NextReplicate(rival.trial, "race")
    confirm_most = most - race_most
    baseline = next((contender for contender in found if contender.is_baseline and not contender.is_out), None)
    of_baseline = 0 if baseline is None else max(1, confirm_most // 3)
    if baseline is not None and baseline.begun("confirm") < of_baseline:
        return NextReplicate(baseline.trial, "confirm")
    if any(contender.pending["race"] for contender in found):
        return None
    pick = chosen(goal, found)
    is_due = pick is not None and pick.begun("confirm") < confirm_most - of_baseline
    return NextReplicate(pick.trial, "confirm") if pick is not None and is_due else None


def _searched(state: SweepState) -> float:
    """Return the fidelity that the search has trained, repetitions included."""
    replicated = (attempt for trial in state.replicates for attempt in trial.attempts)
    return state.spend.fidelity - sum(max(0.0, a.fidelity - a.resumed_from) for a in replicated)


def _race_part(most: int) -> int:
    return max(2, most // 2)


def _racer(goal: Goal, rivals: Sequence[Contender], spread: Spread | None, most: int) -> Contender | None:
    """Return who races next; None where the race is decided, or has nobody in it."""
    suspect = next((rival for rival in rivals if rival.is_alike and rival.begun("race") == 1), None)
    if suspect is not None:
        return suspect
    for rival in rivals[: min(FIRST_ROUND, most)]:  # the best first
        if not rival.begun("race"):
            return rival
    if not rivals or (spread is not None and _is_decided(goal, rivals, spread)):
        return None
    sign, deviation = sign_of(goal), 0.0 if spread is None else spread.deviation

    def bound(rival: Contender) -> tuple[float, int]:
        margin = deviation / math.sqrt(1 + rival.begun("race"))
        return sign * estimate(goal, rival, spread) + margin, -rival.trial.number

    return max(rivals, key=bound)


def _is_decided(goal: Goal, rivals: Sequence[Contender], spread: Spread) -> bool:
    """Say whether the leader is better than each other with confidence, or known to be as good as."""
    first = chosen(goal, rivals)
    if first is None or any(rival.pending["race"] for rival in rivals):
        return False
    for rival in rivals:
        if rival is first:
            continue
        half = spread.half_width(1 / (1 + len(first.race)) + 1 / (1 + len(rival.race)))
        ahead = sign_of(goal) * (estimate(goal, first, spread) - estimate(goal, rival, spread))
        if ahead <= half and half > ALIKE * spread.deviation:
            return False
    return True
