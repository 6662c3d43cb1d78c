"""Trials as a searcher may see them: of every fate, with values that tie, some with something to be told."""

from __future__ import annotations

from random import Random

from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Attempt, Outcome, Trial, TrialState

ENDS = [TrialState.COMPLETED, TrialState.PRUNED, TrialState.PRUNED, TrialState.DIVERGED, TrialState.FAILED]


def ended(space: Space, count: int, dice: Random, running: float = 0.1) -> list[Trial]:
    """Trials of every fate, with ties, drawn by chance."""
    trials = []
    for number in range(count):
        config = space.draw(space.tunable, {}, dice)
        trial = Trial(number, str(number), config, "all", "uniform", space.tunable, None, 0)
        trial.attempts.append(Attempt(0, 0.0))
        for fidelity in range(1, dice.randint(1, 5)):
            trial.values[float(fidelity)] = dice.choice([dice.gauss(0, 1), 0.5])
            trial.fidelity = float(fidelity)
        trial.state = TrialState.RUNNING if dice.random() < running else dice.choice(ENDS)
        if trial.state in {TrialState.DIVERGED, TrialState.FAILED} and dice.random() < 0.7:
            trial.told = -9.0
        if trial.state is TrialState.FAILED and dice.random() < 0.3:
            trial.attempt.outcome = Outcome.OUT_OF_MEMORY
        trials.append(trial)
    return trials
