"""Who leads and how many are where, kept up by looking only at trials that changed: what `standing` says of them all.

Everything here is a function of the trials shown; nothing depends on how often, or in which steps, they were shown.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from orchestrator.sweep.spec import Goal
from orchestrator.sweep.standing import RankedValue, ranked_value
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.sweep.trial_list import AT_ONCE, Watch


@dataclass(slots=True)
class _Stretch:
    """Neighbouring trials of one stage: as a rule all of them."""

    stage: str
    """Which stage."""
    states: Counter[TrialState] = field(default_factory=Counter)
    """How many of them are in which state."""
    completed: list[RankedValue] = field(default_factory=list)
    """The completed ones that lead anything, the best last."""


class Leaderboard:
    """The best trials and the counts of one search. `update` comes before every question."""

    def __init__(self, goal: Goal) -> None:
        self._goal: Goal = goal
        self._watch = Watch()
        self._ranks: list[RankedValue | None] = []
        self._states: list[TrialState | None] = []
        self._has_value = bytearray()
        self._stretches: list[_Stretch] = []
        self._firsts: list[int] = []  # number of the first trial of each stretch
        self._leading: list[RankedValue] | None = None  # a heap, the best first; what has changed may lie in it
        self.reported = 0
        """Trials with a finite value."""

    def update(self, trials: Sequence[Trial]) -> list[int]:
        """Take note of what changed since the last call; returns the numbers that may have, ascending.

        `trials` holds every trial of the search by number, and is the same list at every call.
        """
        known = len(self._ranks)
        self._begin(trials[known:] if known else trials)
        looked, changed = self._watch.look(trials), len(self._ranks)
        if len(trials) - known >= AT_ONCE:
            self._take_fresh(trials, known)
            changed = known
        for number in looked:
            if number < changed:
                self._take(trials[number], number)
        if self._leading is not None and len(self._leading) > 2 * len(self._ranks) + 64:
            self._leading = None
        return looked

    def leader(self) -> int | None:
        """Return the number of the trial with the best current value, running ones included; None without any."""
        if self._leading is None:  # made when it is asked for: once a trial has completed, hardly anybody does
            self._leading = [(-rank[0], -rank[1]) for rank in self._ranks if rank is not None]
            heapq.heapify(self._leading)
        while self._leading:
            value, number = self._leading[0]
            if self._ranks[number] == (-value, -number):
                return number
            heapq.heappop(self._leading)
        return None

    def winner(self) -> int | None:
        """Return the best completed trial's number; while none has completed, the leader's; None while none leads."""
        best = self.completed(1)
        return best[0] if best else self.leader()

    def completed(self, pool: int) -> list[int]:
        """Return the numbers of the best `pool` completed trials, the best first."""
        tails = chain.from_iterable(stretch.completed[-pool:] for stretch in self._stretches)
        return [-number for _, number in heapq.nlargest(pool, tails)]

    def counts(self) -> Counter[TrialState]:
        """Count the trials by state."""
        return self.counts_of(None)

    def counts_of(self, stage: str | None) -> Counter[TrialState]:
        """Count the trials of a stage by state; of all stages with None."""
        found: Counter[TrialState] = Counter()
        for stretch in self._stretches:
            if stage is None or stretch.stage == stage:
                found.update(stretch.states)
        return found

    def best_before(self, stage: str) -> int | None:
        """Return the best completed of the trials before the stage's first; of all where it has none."""
        of_stage = [place for place, stretch in enumerate(self._stretches) if stretch.stage == stage]
        return self._best(self._stretches[: of_stage[0]] if of_stage else self._stretches)

    def best_after(self, stage: str) -> int | None:
        """Return the best completed of the trials up to the stage's newest; of all where it has none."""
        of_stage = [place for place, stretch in enumerate(self._stretches) if stretch.stage == stage]
        return self._best(self._stretches[: of_stage[-1] + 1] if of_stage else self._stretches)

    def _best(self, stretches: Sequence[_Stretch]) -> int | None:
        rank = max((stretch.completed[-1] for stretch in stretches if stretch.completed), default=None)
        return None if rank is None else -rank[1]

    def _begin(self, trials: Sequence[Trial]) -> None:
        """Make room for new trials."""
        first, stage = len(self._ranks), self._stretches[-1].stage if self._stretches else None
        for number, trial in enumerate(trials, first):
            if trial.stage != stage:
                stage = trial.stage
                self._stretches.append(_Stretch(stage))
                self._firsts.append(number)
        self._ranks += [None] * len(trials)
        self._states += [None] * len(trials)
        self._has_value += bytes(len(trials))

    def _take_fresh(self, trials: Sequence[Trial], first: int) -> None:
        """Take note of all trials from `first` on, which are new, sorting once: as `_take` does one by one."""
        for place in range(bisect_right(self._firsts, first) - 1, len(self._stretches)):
            stretch, begin = self._stretches[place], max(first, self._firsts[place])
            end = self._firsts[place + 1] if place + 1 < len(self._firsts) else len(trials)
            fresh = trials[begin:end]
            ranks = [ranked_value(self._goal, trial) for trial in fresh]
            states = [trial.state for trial in fresh]
            self._ranks[begin:end], self._states[begin:end] = ranks, states
            self._has_value[begin:end] = bytes([bool(trial.values) for trial in fresh])
            stretch.states.update(states)
            done = TrialState.COMPLETED
            stretch.completed += [rank for rank, state in zip(ranks, states, strict=True) if rank and state is done]
            stretch.completed.sort()
        self._leading = None
        self.reported += self._has_value.count(1, first)

    def _take(self, trial: Trial, number: int) -> None:
        before, was = self._ranks[number], self._states[number]
        rank, state, has_value = ranked_value(self._goal, trial), trial.state, bool(trial.values)
        self.reported += has_value - self._has_value[number]
        self._has_value[number] = has_value
        if (rank, state) == (before, was):
            return
        self._ranks[number], self._states[number] = rank, state
        stretch = self._stretches[bisect_right(self._firsts, number) - 1]
        stretch.states[state] += 1
        if was is not None:
            stretch.states[was] -= 1
        if rank is not None and rank != before and self._leading is not None:
            heapq.heappush(self._leading, (-rank[0], -rank[1]))
        if before is not None and was is TrialState.COMPLETED:
            del stretch.completed[bisect_left(stretch.completed, before)]
        if rank is not None and state is TrialState.COMPLETED:
            insort(stretch.completed, rank)
