"""Who leads and how many are where, kept up by looking only at trials that changed: what `standing` says of them all.

Everything here is a function of the trials shown; nothing depends on how often, or in which steps, they were shown.
"""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import nan
from typing import NamedTuple

from orchestrator.sweep.spec import Goal
from orchestrator.sweep.standing import RankedValue, ranked_value
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.sweep.trial_list import AT_ONCE, Watch

_STATES = tuple(TrialState)
_CODES = {state: code for code, state in enumerate(_STATES)}
_DONE = _CODES[TrialState.COMPLETED]
_UNSEEN = len(_STATES)
"""Stands for the state of a trial that was not looked at yet."""


@dataclass(slots=True)
class _Stretch:
    """Neighbouring trials of one stage: as a rule all of them."""

    stage: str
    """Which stage."""
    states: Counter[TrialState] = field(default_factory=Counter)
    """How many of them are in which state."""
    completed: array[int] = field(default_factory=lambda: array("i"))
    """Numbers of the completed ones that lead anything, the best last."""


class KeptBoard(NamedTuple):
    """What a `Leaderboard` knows, column by column, as this machine lays numbers out."""

    ranks: bytes
    """Of each trial the value that it is compared by, the greater the better: 64 bits, NaN where it leads nothing."""
    states: bytes
    """Place of its state in `TrialState`."""
    has_value: bytes
    """1 where it has a finite value."""
    firsts: list[int]
    """Number of the first trial of each stretch of one stage."""
    stages: list[str]
    """Its stage."""
    completed: list[bytes]
    """Numbers of its completed trials that lead anything, the best last."""


class Leaderboard:
    """The best trials and the counts of one search. `update` comes before every question."""

    def __init__(self, goal: Goal, kept: KeptBoard | None = None) -> None:
        """Begin with no trial, or with what was `kept` of trials that have not changed since."""
        self._goal: Goal = goal
        self._ranks = array("d", b"" if kept is None else kept.ranks)
        self._states = bytearray(b"" if kept is None else kept.states)
        self._has_value = bytearray(b"" if kept is None else kept.has_value)
        self._watch = Watch(len(self._ranks))
        self._firsts = [] if kept is None else kept.firsts  # number of the first trial of each stretch
        self._stretches = [] if kept is None else self._kept_stretches(kept)
        self._leading: list[RankedValue] | None = None  # a heap, the best first; what has changed may lie in it
        self.reported = self._has_value.count(1)
        """Trials with a finite value."""

    def update(self, trials: Sequence[Trial]) -> list[int]:
        """Take note of what changed since the last call; returns the numbers that may have, ascending.

        `trials` holds every trial of the search by number, and is the same list at every call.
        """
        known = len(self._ranks)
        if len(trials) > known:
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
            self._leading = [(-rank, number) for number, rank in enumerate(self._ranks) if rank == rank]
            heapq.heapify(self._leading)
        while self._leading:
            value, number = self._leading[0]
            if self._ranks[number] == -value:
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
        return heapq.nlargest(pool, tails, key=self._place)

    def numbers_in(self, *states: TrialState) -> list[int]:
        """Return the numbers of the trials in any of these states, ascending."""
        codes = {_CODES[state] for state in states}
        if codes.isdisjoint(self._states):
            return []
        return [number for number, code in enumerate(self._states) if code in codes]

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

    @property
    def kept(self) -> KeptBoard:
        """All that it knows, to be kept."""
        return KeptBoard(
            ranks=self._ranks.tobytes(),
            states=bytes(self._states),
            has_value=bytes(self._has_value),
            firsts=self._firsts,
            stages=[stretch.stage for stretch in self._stretches],
            completed=[stretch.completed.tobytes() for stretch in self._stretches],
        )

    def _kept_stretches(self, kept: KeptBoard) -> list[_Stretch]:
        found, ends = [], [*kept.firsts, len(self._ranks)][1:]
        for first, end, stage, completed in zip(kept.firsts, ends, kept.stages, kept.completed, strict=True):
            counts = Counter(self._states[first:end])
            states = Counter({_STATES[code]: count for code, count in counts.items()})
            found.append(_Stretch(stage, states, array("i", completed)))
        return found

    def _place(self, number: int) -> RankedValue:
        return self._ranks[number], -number

    def _best(self, stretches: Sequence[_Stretch]) -> int | None:
        best = (stretch.completed[-1] for stretch in stretches if stretch.completed)
        return max(best, key=self._place, default=None)

    def _begin(self, trials: Sequence[Trial]) -> None:
        """Make room for new trials."""
        first, stage = len(self._ranks), self._stretches[-1].stage if self._stretches else None
        for number, trial in enumerate(trials, first):
            if trial.stage != stage:
                stage = trial.stage
                self._stretches.append(_Stretch(stage))
                self._firsts.append(number)
        self._ranks.extend([nan] * len(trials))
        self._states += bytes([_UNSEEN]) * len(trials)
        self._has_value += bytes(len(trials))

    def _take_fresh(self, trials: Sequence[Trial], first: int) -> None:
        """Take note of all trials from `first` on, which are new, sorting once: as `_take` does one by one."""
        for place in range(bisect_right(self._firsts, first) - 1, len(self._stretches)):
            stretch, begin = self._stretches[place], max(first, self._firsts[place])
            end = self._firsts[place + 1] if place + 1 < len(self._firsts) else len(trials)
            fresh = trials[begin:end]
            self._ranks[begin:end] = array("d", [_rank(self._goal, trial) for trial in fresh])
            self._states[begin:end] = bytes([_CODES[trial.state] for trial in fresh])
            self._has_value[begin:end] = bytes([bool(trial.values) for trial in fresh])
            stretch.states.update(trial.state for trial in fresh)
            done = [n for n in range(begin, end) if self._states[n] == _DONE and self._ranks[n] == self._ranks[n]]
            stretch.completed = array("i", sorted([*stretch.completed, *done], key=self._place))
        self._leading = None
        self.reported += self._has_value.count(1, first)

    def _take(self, trial: Trial, number: int) -> None:
        before, was = self._ranks[number], self._states[number]
        rank, state, has_value = _rank(self._goal, trial), _CODES[trial.state], bool(trial.values)
        self.reported += has_value - self._has_value[number]
        self._has_value[number] = has_value
        is_same = rank == before or (rank != rank and before != before)
        if is_same and state == was:
            return
        stretch = self._stretches[bisect_right(self._firsts, number) - 1]
        stretch.states[_STATES[state]] += 1
        if was != _UNSEEN:
            stretch.states[_STATES[was]] -= 1
        if was == _DONE and before == before:
            del stretch.completed[bisect_left(stretch.completed, self._place(number), key=self._place)]
        self._ranks[number], self._states[number] = rank, state
        if rank == rank:
            if not is_same and self._leading is not None:
                heapq.heappush(self._leading, (-rank, number))
            if state == _DONE:
                insort(stretch.completed, number, key=self._place)


def _rank(goal: Goal, trial: Trial) -> float:
    """Return what a trial is compared by, the greater the better; NaN, which equals nothing, where it leads nothing."""
    found = ranked_value(goal, trial)
    return nan if found is None else found[0]
