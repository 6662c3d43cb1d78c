"""Who leads, and how many a model can learn from: what ladders ask of the trials so far.

Kept up by looking only at trials that changed. Everything here is a function of the trials shown; nothing depends on
how often, or in which steps, they were shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from orchestrator.sweep.asked import MOVE
from orchestrator.sweep.leaderboard import Leaderboard
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.trial import Trial


class Standings:
    """The best trials and the counts of one sweep."""

    def __init__(self, plan: Plan) -> None:
        self._board = Leaderboard(plan.goal)
        self._learned = bytearray()
        self.finished: Counter[tuple[str, ...]] = Counter()
        """Trials that a model can learn from (`Trial.is_learned`), by the block they drew."""
        self.proposed: Counter[tuple[str, ...]] = Counter()
        """Trials by the block they drew."""
        self.asked = 0
        """Trials that people asked for: they are in nobody's list."""

    @property
    def reported(self) -> int:
        """Trials with a finite value."""
        return self._board.reported

    def update(self, trials: Sequence[Trial]) -> None:
        """Take note of what changed since the last call; `trials` holds every trial by number."""
        known = len(self._learned)
        self.proposed.update(trial.block for trial in trials[known:])
        self.asked += sum(trial.move == MOVE for trial in trials[known:])
        self._learned += bytes(len(trials) - known)
        for number in self._board.update(trials):
            trial = trials[number]
            is_learned = trial.is_learned
            if is_learned != self._learned[number]:
                self.finished[trial.block] += is_learned - self._learned[number]
                self._learned[number] = is_learned

    def leader(self, trials: Sequence[Trial]) -> Trial | None:
        """Return the trial with the best current value, running ones included; None without any."""
        number = self._board.leader()
        return None if number is None else trials[number]

    def completed(self, trials: Sequence[Trial], pool: int) -> list[Trial]:
        """Return the best `pool` completed trials, the best first."""
        return [trials[number] for number in self._board.completed(pool)]
