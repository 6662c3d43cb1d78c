"""Who leads, and how many: what ladders ask of the trials so far, kept up by looking only at trials that can change.

Everything here is a function of the trials shown; nothing depends on how often, or in which steps, they were shown.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Sequence

from orchestrator.sweep.plan import Plan
from orchestrator.sweep.standing import RankedValue, ranked_value
from orchestrator.sweep.trial import Trial, TrialState


class Standings:
    """The best trials and the counts of one sweep."""

    def __init__(self, plan: Plan) -> None:
        self._goal = plan.goal
        self._seen = 0
        self._open: list[int] = []
        self._settled_reported = 0
        self._settled_leader: list[RankedValue] = []
        self._completed: list[RankedValue] = []
        self._leader: RankedValue | None = None
        self.reported = 0
        """Trials with a finite value."""
        self.finished: Counter[tuple[str, ...]] = Counter()
        """Trials that a model can learn from (`Trial.is_learned`), by the block they drew."""
        self.proposed: Counter[tuple[str, ...]] = Counter()
        """Trials by the block they drew."""

    def update(self, trials: Sequence[Trial]) -> None:
        """Take note of what changed since the last call; `trials` holds every trial by number."""
        self.proposed.update(trial.block for trial in trials[self._seen :])
        watched = [*self._open, *range(self._seen, len(trials))]
        self._seen, self._open = len(trials), []
        running: list[RankedValue] = []
        self.reported = self._settled_reported
        for number in watched:
            trial = trials[number]
            if trial.is_learned:
                self._settle(trial)
            else:
                self._open.append(number)
                running += self._rank(trial)
            self.reported += bool(trial.values)
        self._leader = max([*running, *self._settled_leader], default=None)

    def leader(self, trials: Sequence[Trial]) -> Trial | None:
        """Return the trial with the best current value, running ones included; None without any."""
        return None if self._leader is None else trials[-self._leader[1]]

    def completed(self, trials: Sequence[Trial], pool: int) -> list[Trial]:
        """Return the best `pool` completed trials, the best first."""
        return [trials[-number] for _, number in reversed(self._completed[-pool:])]

    def _settle(self, trial: Trial) -> None:
        self.finished[trial.block] += 1
        self._settled_reported += bool(trial.values)
        for rank in self._rank(trial):
            self._settled_leader = [max([*self._settled_leader, rank])]
            if trial.state is TrialState.COMPLETED:
                insort(self._completed, rank)

    def _rank(self, trial: Trial) -> list[RankedValue]:
        found = ranked_value(self._goal, trial)
        return [] if found is None else [found]
