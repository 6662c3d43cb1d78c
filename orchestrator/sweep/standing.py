"""Who is better, who leads, who is the winner, how trials rank, which trials belong to a stage: answered here alone.

Whatever ranks, shows or hands out a trial asks this module, and nothing else knows what a goal means for a number.

    leads nothing      a trial without a finite value, one that diverged or failed, whatever it reported before, and
                       one that breaks a bound of `constraints`, or has not said what one bounds
    leader             the best current value, trials that still run, wait or were stopped early included
    winner             the best completed trial; while none has completed, the leader, which its state then says
    ranking            completed trials before all others, better values before worse, earlier numbers first

A value is the trial's newest (`Trial.value`). The order is total: the number decides between equal values. So the
winner is the first of the ranking, and every part of the house names the same one, or none.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from orchestrator.sweep.plan import Plan, StagePlan
from orchestrator.sweep.spec import Goal
from orchestrator.sweep.trial import Trial, TrialState

RankedValue: TypeAlias = tuple[float, int]
"""Sorts trials, the best last: value with its sign, then the earlier number."""


def sign_of(goal: Goal) -> float:
    """Return what values are multiplied by so that the greater is the better: 1 or -1."""
    return 1.0 if goal == "maximize" else -1.0


def is_loss_like(goal: Goal) -> bool:
    """Say whether the objective gets better by falling, as a loss does."""
    return sign_of(goal) < 0


def better(goal: Goal, value: float, other: float) -> bool:
    """Say whether `value` beats `other`; an equal one does not."""
    return sign_of(goal) * value > sign_of(goal) * other


def gain(goal: Goal, value: float, other: float) -> float:
    """Return by how much `value` beats `other`: positive where it is better, whichever way the goal points."""
    return sign_of(goal) * (value - other)


def best(goal: Goal, values: Iterable[float]) -> float:
    """Return the best of one or more values."""
    return max(values, key=lambda value: sign_of(goal) * value)


def has_ended_badly(trial: Trial) -> bool:
    """Say whether the trial diverged, failed, or ended beyond a bound of `constraints`, whatever its values are."""
    is_beyond = bool(trial.breaks) and trial.state.is_final
    return is_beyond or trial.state is TrialState.DIVERGED or trial.state is TrialState.FAILED


def holds_bounds(trial: Trial) -> bool:
    """Say whether the trial has said what `constraints` bounds, and breaks none of them."""
    return not trial.breaks and not trial.unsaid


def ranked_value(goal: Goal, trial: Trial) -> RankedValue | None:
    """Return what the trial is compared by; None for one that leads nothing."""
    state = trial.state  # what follows is `has_ended_badly` or not `holds_bounds`, asked of every trial of a sweep
    if trial.breaks or trial.unsaid or state is TrialState.DIVERGED or state is TrialState.FAILED:
        return None
    value = trial.value
    return None if value is None else (sign_of(goal) * value, -trial.number)


def leader(goal: Goal, trials: Iterable[Trial]) -> Trial | None:
    """Return the trial with the best current value, whether or not it has ended; None while no trial leads."""
    found = ((place, trial) for trial in trials if (place := ranked_value(goal, trial)) is not None)
    leading = max(found, key=lambda entry: entry[0], default=None)
    return None if leading is None else leading[1]


def best_completed(goal: Goal, trials: Iterable[Trial]) -> Trial | None:
    """Return the best of the completed trials; None while there is none."""
    return leader(goal, (trial for trial in trials if trial.state is TrialState.COMPLETED))


def winner(goal: Goal, trials: Sequence[Trial]) -> Trial | None:
    """Return the best completed trial; while none has completed, the leader; None while no trial leads."""
    return best_completed(goal, trials) or leader(goal, trials)


def ranked(goal: Goal, trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials that lead anything, the winner first: completed ones before all others."""
    places = [(place, trial) for trial in trials if (place := ranked_value(goal, trial)) is not None]
    places.sort(key=lambda entry: (entry[1].state is TrialState.COMPLETED, entry[0]), reverse=True)
    return [trial for _, trial in places]


def stage_of(plan: Plan, number: int) -> StagePlan:
    """Return the stage of trial `number`: the trials are dealt to the stages by their shares, in order.

    Where their number was changed, those that were there keep their stages, and no later one goes back behind them: a
    finished sweep that is extended goes on in its last stage.
    """
    return plan.stages[_stage_index(plan, number)]


def numbers_of(plan: Plan, stage: StagePlan) -> range:
    """Return the numbers of the trials that belong to a stage of the plan: none where its share is too small for one.

    The range then begins where the stage would.
    """
    index = next(index for index, other in enumerate(plan.stages) if other.name == stage.name)
    numbers = range(plan.reserve.trials)
    first, end = (bisect_left(numbers, place, key=lambda n: _stage_index(plan, n)) for place in (index, index + 1))
    return range(first, end)


def stages_of(plan: Plan, numbers: range) -> Iterator[tuple[StagePlan, range]]:
    """Yield the stages that these trials belong to, in order, each with the numbers of its own."""
    while numbers:
        index = _stage_index(plan, numbers[0])
        own = bisect_right(numbers, index, key=lambda number: _stage_index(plan, number))
        yield plan.stages[index], numbers[:own]
        numbers = numbers[own:]


def _stage_index(plan: Plan, number: int) -> int:
    reached = 0
    for dealing in plan.dealings:
        if number < dealing.until:
            return max(reached, _dealt(plan, number, dealing.trials))
        reached = max(reached, _dealt(plan, dealing.until - 1, dealing.trials))
    return max(reached, _dealt(plan, number, plan.reserve.trials))


def _dealt(plan: Plan, number: int, trials: int) -> int:
    return min(bisect_right(plan.stage_ends, number / trials), len(plan.stages) - 1)
