"""Which of the trials that were stopped early go on, once the search has nothing more to begin: `promote`.

A rung judges by the trials that came to it before, and the first to come are held against few. When all have come, some
that were stopped stand better there than some that went on. So many as the sweep file says are opened again, the best
first, by one decision on the log, and go on from their checkpoints; the rungs that they come to judge them as any.

    candidate   stopped for being weak, by nothing else, and its checkpoint is there: what would have to begin anew
                saves nothing
    best        the least part of the trials that came to its rung, in its bracket, is better there; of equal ones the
                one that was trained longer

It waits until nothing of the search runs, and comes before confirming. Under a cap on hours no more are started than it
has room for: the rest wait as trials that are left at a cap do.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from orchestrator.state.fold import SweepState
from orchestrator.sweep.event import TrialReopened
from orchestrator.sweep.standing import sign_of
from orchestrator.sweep.trial import Trial

TOLERANCE = 1e-9
"""Part of a rung by which the sum of a training's steps may miss it."""

_Place = tuple[int, float]
"""A bracket and the fidelity of one of its rungs."""


class Promotion(NamedTuple):
    """A decision: these go on."""

    trials: tuple[Trial, ...]
    """The best first."""


def promotions(state: SweepState) -> list[Trial]:
    """Return the trials that are to go on now, the best first.

    That the search has nothing more to begin is for the caller to see to.
    """
    left = state.plan.spec.promote - len(state.promoted)
    if left <= 0 or state.replicates or any(trial.is_of_search for trial in state.open.values()):
        return []
    candidates = [trial for trial in state.trials if _may_go_on(state, trial)]
    if not candidates:
        return []
    came = _values_at_rungs(state, {_stopped_at(trial) for trial in candidates})

    def standing(trial: Trial) -> tuple[float, float, int]:
        place = _stopped_at(trial)
        score = _score(state, trial, place[1])
        better = len(came[place]) - bisect_right(came[place], score)
        return better / len(came[place]), -place[1], trial.number

    return sorted(candidates, key=standing)[:left]


def reopenings(trials: Iterable[Trial], t: float, m: float | None) -> list[TrialReopened]:
    """Return the records by which they go on, written at `t` seconds since the epoch and `m` by the monotonic clock."""
    return [TrialReopened(t, trial.number, promoted=True, m=m) for trial in trials]


def may_be_promoted(state: SweepState, ended: Iterable[Trial]) -> set[int]:
    """Return the numbers of those of the `ended` trials whose checkpoints may still be asked for.

    Where a rung stopped several, their order there never changes: the best of each rung are enough.
    """
    left = state.plan.spec.promote - len(state.promoted)
    if left <= 0 or state.replicates:
        return set()
    by_place: defaultdict[_Place, list[Trial]] = defaultdict(list)
    for trial in ended:
        if _may_go_on(state, trial):
            by_place[_stopped_at(trial)].append(trial)
    found = set()
    for (_, rung), stopped in by_place.items():
        ranked = sorted((-_score(state, trial, rung), trial.number) for trial in stopped)
        found |= {number for _, number in ranked[:left]}
    return found


def _may_go_on(state: SweepState, trial: Trial) -> bool:
    is_weak = trial.stopped_by is not None and trial.withdrawn_s is None and not trial.breaks
    return is_weak and trial.checkpoint is not None and not trial.is_open and trial.number not in state.promoted


def _stopped_at(trial: Trial) -> _Place:
    assert trial.judgement is not None
    return trial.bracket, trial.judgement.rung


def _score(state: SweepState, trial: Trial, rung: float) -> float:
    """Return a trial's value at a rung that it came to, the greater the better."""
    found = trial.values.get(rung)
    if found is None:  # a sum of floats that misses it
        found = trial.values[min(trial.values, key=lambda fidelity: abs(fidelity - rung))]
    return sign_of(state.plan.goal) * found


def _values_at_rungs(state: SweepState, places: set[_Place]) -> dict[_Place, list[float]]:
    """Return the scores, ascending, of all that came to each place."""
    came: dict[_Place, list[float]] = {place: [] for place in places}
    for trial in state.trials:
        for bracket, rung in places:
            if trial.bracket == bracket and trial.values and trial.fidelity >= rung * (1 - TOLERANCE):
                came[bracket, rung].append(_score(state, trial, rung))
    return {place: sorted(scores) for place, scores in came.items()}
