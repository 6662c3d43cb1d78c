"""Who leads, and how many: what ladders ask of the trials so far, kept up by looking only at trials that changed.

Everything here is a function of the trials shown; nothing depends on how often, or in which steps, they were shown.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from orchestrator.sweep.asked import MOVE
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.standing import RankedValue, ranked_value
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.sweep.trial_list import Watch


class _Standing(NamedTuple):
    """What one trial adds to the whole."""

    rank: RankedValue | None = None
    is_reported: bool = False
    is_learned: bool = False
    is_completed: bool = False


_NOTHING = _Standing()


class Standings:
    """The best trials and the counts of one sweep."""

    def __init__(self, plan: Plan) -> None:
        self._goal = plan.goal
        self._watch = Watch()
        self._known: list[_Standing] = []
        self._leading: list[RankedValue] = []  # a heap, the best first, in which what has changed since may lie
        self._completed: list[RankedValue] = []
        self.reported = 0
        """Trials with a finite value."""
        self.finished: Counter[tuple[str, ...]] = Counter()
        """Trials that a model can learn from (`Trial.is_learned`), by the block they drew."""
        self.proposed: Counter[tuple[str, ...]] = Counter()
        """Trials by the block they drew."""
        self.asked = 0
        """Trials that people asked for: they are in nobody's list."""

    def update(self, trials: Sequence[Trial]) -> None:
        """Take note of what changed since the last call; `trials` holds every trial by number."""
        self.proposed.update(trial.block for trial in trials[len(self._known) :])
        self.asked += sum(trial.move == MOVE for trial in trials[len(self._known) :])
        self._known += [_NOTHING] * (len(trials) - len(self._known))
        for number in self._watch.look(trials):
            self._take(trials[number], number)
        if len(self._leading) > 2 * len(self._known) + 64:
            self._leading = [_first(standing.rank) for standing in self._known if standing.rank is not None]
            heapq.heapify(self._leading)

    def leader(self, trials: Sequence[Trial]) -> Trial | None:
        """Return the trial with the best current value, running ones included; None without any."""
        while self._leading:
            value, number = self._leading[0]
            if self._known[number].rank == (-value, -number):
                return trials[number]
            heapq.heappop(self._leading)
        return None

    def completed(self, trials: Sequence[Trial], pool: int) -> list[Trial]:
        """Return the best `pool` completed trials, the best first."""
        return [trials[-number] for _, number in reversed(self._completed[-pool:])]

    def _take(self, trial: Trial, number: int) -> None:
        before, now = self._known[number], self._standing(trial)
        if now == before:
            return
        self._known[number] = now
        self.reported += now.is_reported - before.is_reported
        if now.is_learned != before.is_learned:
            self.finished[trial.block] += now.is_learned - before.is_learned
        if now.rank is not None and now.rank != before.rank:
            heapq.heappush(self._leading, _first(now.rank))
        if before.rank is not None and before.is_completed:
            del self._completed[bisect_left(self._completed, before.rank)]
        if now.rank is not None and now.is_completed:
            insort(self._completed, now.rank)

    def _standing(self, trial: Trial) -> _Standing:
        is_completed = trial.state is TrialState.COMPLETED
        return _Standing(ranked_value(self._goal, trial), bool(trial.values), trial.is_learned, is_completed)


def _first(rank: RankedValue) -> tuple[float, int]:
    """Return what sorts the best rank first: the value with its sign turned, and the trial's number."""
    return -rank[0], -rank[1]
