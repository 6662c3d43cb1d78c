"""What the Gaussian process is told of the trials.

    completed                 its value
    pruned                    its newest value, moved by what complete trainings gained from that fidelity on (their
                              median), and in more doubt the less these gains agree, or the fewer of them are known
    diverged, out of memory,  somewhat worse than the worst: as bad, whatever number the trial blew up at
    failed, beyond a bound    or reached; while nothing is there to be worse than, nothing
    running, interrupted      its row, at the value that the process expects there: another proposal goes elsewhere

Values far worse than the median are drawn in, and all are made about normal (Yeo and Johnson 2000): a process with one
length for each hyperparameter would else spend itself on the slope down from what is bad anyway.

A process costs the cube of its evidence, so it sees `MOST_TRIALS` trials that ended at the most: the best half, where
the optimum is, and the newest of the others, which are draws over the space as well as what was tried last.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np

from orchestrator.searchers._arrays import FloatArray
from orchestrator.searchers._gp_columns import Columns, Point
from orchestrator.searchers._gp_model import Evidence
from orchestrator.searchers._gp_normal import TOO_FAR, about_normal, standardised
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import Goal
from orchestrator.sweep.standing import has_ended_badly, sign_of
from orchestrator.sweep.trial import Trial, TrialState

MOST_TRIALS = 200
"""Ended trials that a process sees at the most."""
MOST_RUNNING = 64
"""Trials without an ending that it believes at the most, the newest."""
WORSE = 0.5
"""How much worse than the worst a trial that ended badly is told, in standard deviations of the values."""
KNOWN_GAINS = 3
"""Complete trainings that must tell a fidelity's gain before it is believed."""


class Ledger:
    """A growing list of trials as rows. Only trials that can change are looked at again."""

    def __init__(self, space: Space, goal: Goal) -> None:
        self.columns = Columns(space)
        self.tried: set[Point] = set()
        """Every configuration so far."""
        self._cost = -sign_of(goal)
        self._trials: Sequence[Trial] = ()
        self._rows: list[Point] = []
        self._open: list[int] = []
        self._settled: list[tuple[float, int, int]] = []
        self._closing: list[int] = []

    def update(self, trials: Sequence[Trial]) -> None:
        """Take note of new trials, and of those that ended since; `trials` only ever grows."""
        fresh = range(len(self._rows), len(trials))
        self._rows += [self.columns.row(trials[place].config) for place in fresh]
        self.tried.update(self._rows[place] for place in fresh)
        self._trials = trials
        watched, self._open, self._closing = [*self._open, *fresh], [], []
        for place in watched:
            trial = trials[place]
            if trial.is_learned and trial.attempts and trial.attempt.ended_t is not None:
                insort(self._settled, (trial.attempt.ended_t, trial.number, place))
                continue
            self._open.append(place)
            if trial.is_learned:
                self._closing.append(place)

    @property
    def learned(self) -> int:
        """Trials that say something: completed, pruned, or ended badly with a value to be told."""
        return len(self._settled) + len(self._closing)

    @property
    def state(self) -> tuple[int, ...]:
        """What anything computed from these trials depends on: equal where nothing of it changed."""
        return len(self._rows), len(self._settled), len(self._closing), *self._open

    def seen(self, count: int | None = None) -> tuple[int, ...]:
        """Return the places of the trials that a process sees, in the order in which they ended.

        `count`: as if only so many had ended. The order makes what is seen of the first so many stay what it was.
        """
        ended = [place for _, _, place in self._settled] + self._closing
        ended = ended[:count]
        if len(ended) <= MOST_TRIALS:
            return tuple(ended)
        order = np.argsort([self._raw(self._trials[place]) for place in ended], kind="stable")
        kept = set(order[: MOST_TRIALS // 2].tolist())
        newest = (at for at in reversed(range(len(ended))) if at not in kept)
        kept.update(islice(newest, MOST_TRIALS - len(kept)))
        return tuple(ended[at] for at in sorted(kept))

    def evidence(self, places: Sequence[int]) -> Evidence:
        """Return what the trials at these places say; raises FloatingPointError where no arithmetic can hold it."""
        trials = [self._trials[place] for place in places]
        complete = [trial for trial in trials if trial.state is TrialState.COMPLETED]
        gains = {
            trial.fidelity: _gains(complete, trial.fidelity) for trial in trials if trial.state is TrialState.PRUNED
        }
        good = np.array([not has_ended_badly(trial) for trial in trials])
        values, doubts = np.zeros(len(trials)), np.zeros(len(trials))
        told = [self._complete_cost(trial, gains) for trial in trials if not has_ended_badly(trial)]
        if told:
            costs, variances = np.array(told).T
            spread = max(float(np.var(costs)), float(np.finfo(float).tiny))
            values[good] = about_normal(costs)
            doubts[good] = np.minimum(variances / spread, 1.0)
            values[~good] = values[good].max() + WORSE
        values = standardised(values)
        if not np.isfinite(doubts).all():
            raise FloatingPointError(TOO_FAR)
        return Evidence(self._matrix(places), values, doubts)

    def running(self) -> FloatArray:
        """Return the rows of the newest trials that have not ended, or have nothing to tell yet."""
        places = [
            place
            for place in self._open
            if not self._trials[place].is_learned and self._trials[place].state is not TrialState.FAILED
        ]
        return self._matrix(places[-MOST_RUNNING:])

    def leaders(self, places: Sequence[int], count: int) -> list[Trial]:
        """Return the best of the trials at these places that did not end badly, the best first."""
        trials = [self._trials[place] for place in places if not has_ended_badly(self._trials[place])]
        return sorted(trials, key=lambda trial: (self._raw(trial), trial.number))[:count]

    def _matrix(self, places: Sequence[int]) -> FloatArray:
        width = len(self.columns.owner)
        return np.array([self._rows[place] for place in places], dtype=float).reshape(len(places), width)

    def _raw(self, trial: Trial) -> float:
        """Return what a trial is worth before anything is modelled; the less, the better."""
        value = trial.told if trial.value is None or has_ended_badly(trial) else trial.value
        return math.inf if value is None else self._cost * value

    def _complete_cost(self, trial: Trial, gains: Mapping[float, Sequence[float]]) -> tuple[float, float]:
        """Return what a complete training is expected to have come to, and the variance of that."""
        value = self._raw(trial)
        if trial.state is TrialState.COMPLETED:
            return value, 0.0
        known = gains[trial.fidelity]
        if len(known) < KNOWN_GAINS:
            return value, math.inf
        return value + self._cost * float(np.median(known)), float(np.var(known))


def _gains(complete: Sequence[Trial], fidelity: float) -> list[float]:
    """Return by how much the values of complete trainings moved from this fidelity to their end."""
    ends = [(trial.value, trial.values.get(fidelity)) for trial in complete]
    return [end - then for end, then in ends if end is not None and then is not None]
