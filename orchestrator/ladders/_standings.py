"""Who leads, and how many: what ladders ask of the trials so far, kept up by looking only at trials that can change.

Everything here is a function of the trials shown; nothing depends on how often, or in which steps, they were shown.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Sequence

from orchestrator.sweep.plan import Plan
from orchestrator.sweep.trial import Trial, TrialState

Rank = tuple[float, int]
"""Sorts trials, the best last: value with its sign, then the earlier number."""


class Standings:
    """The best trials and the counts of one sweep."""

    def __init__(self, plan: Plan) -> None:
        self._sign = 1.0 if plan.goal == "maximize" else -1.0
        self._seen = 0
        self._open: list[int] = []
        self._settled: list[Rank] = []
        self._completed: list[Rank] = []
        self._settled_reported = 0
        self._best: Rank | None = None
        self.reported = 0
        """Trials with a finite value."""
        self.finished: Counter[tuple[str, ...]] = Counter()
        """Trials that a model can learn from, by the block they drew: ended, with a value or with one to be told."""
        self.proposed: Counter[tuple[str, ...]] = Counter()
        """Trials by the block they drew."""

    def update(self, trials: Sequence[Trial]) -> None:
        """Take note of what changed since the last call; `trials` holds every trial by number."""
        self.proposed.update(trial.block for trial in trials[self._seen :])
        watched = [*self._open, *range(self._seen, len(trials))]
        self._seen, self._open = len(trials), []
        running: list[Rank] = []
        open_reported = 0
        for number in watched:
            trial = trials[number]
            if trial.state.is_final and (trial.values or trial.told is not None):
                self._settle(trial)
                continue
            self._open.append(number)
            value = trial.value
            if value is not None:
                open_reported += 1
                running.append((self._sign * value, -number))
        self.reported = self._settled_reported + open_reported
        self._best = max([*running, *self._settled], default=None)

    def leader(self, trials: Sequence[Trial]) -> Trial | None:
        """Return the trial with the best current value, running ones included; None without any."""
        return None if self._best is None else trials[-self._best[1]]

    def completed(self, trials: Sequence[Trial], pool: int) -> list[Trial]:
        """Return the best `pool` completed trials, the best first."""
        return [trials[-number] for _, number in reversed(self._completed[-pool:])]

    def _settle(self, trial: Trial) -> None:
        self.finished[trial.block] += 1
        value = trial.value
        if value is None:
            return
        self._settled_reported += 1
        if trial.state in {TrialState.DIVERGED, TrialState.FAILED}:
            return
        rank = (self._sign * value, -trial.number)
        self._settled = [max([*self._settled, rank])]
        if trial.state is TrialState.COMPLETED:
            insort(self._completed, rank)
