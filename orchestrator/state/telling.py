"""What failures teach: what a searcher is told of trials that ended badly.

    diverged, out of memory    worse than the worst value seen, as soon as there is one
    beyond a bound of          likewise, worse than the worst of the trials that keep within; while there is none
    `constraints`              nothing is told, since nothing says which way the bound lies
    any other failure          likewise, once the code is known to work: another trial got further than this one did,
                               or some trial ended well. While all fail alike, none is told: that is no region's fault

A sweep that was begun in format 1 tells nothing of other failures, as its writer did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from orchestrator.sweep.spec import Goal
from orchestrator.sweep.standing import has_ended_badly, sign_of
from orchestrator.sweep.trial import Outcome, Trial, TrialState

TOLD_MARGIN = 0.1
"""A trial that ended badly is told this part of the spread seen so far worse than the worst."""


class KeptTelling(NamedTuple):
    """What a `Telling` knows."""

    worst: float | None
    """The worst value so far; None before any."""
    best: float | None
    """The best."""
    furthest: float
    """The highest fidelity that a value came from."""
    has_succeeded: bool
    """Whether a trial ended well."""
    waiting: list[int]
    """Numbers of the trials of which something is to be told later."""


class Telling:
    """Sets `Trial.told` and `Trial.is_untold`; a part of the fold, so it depends on the records alone."""

    def __init__(
        self, goal: Goal, changed: Callable[[int], None] = lambda _number: None, *, tells_failures: bool
    ) -> None:
        """Begin with no trial; `changed` takes the number of each of which something is told."""
        self._sign = sign_of(goal)  # asked at every report
        self._changed = changed
        self._tells_failures = tells_failures
        self._worst: float | None = None
        self._best: float | None = None
        self._furthest = 0.0
        self._has_succeeded = False
        self._waiting: list[Trial] = []

    def take_value(self, fidelity: float, value: float) -> None:
        """Take a finite value of the objective in, of a trial that breaks no bound."""
        is_news = self._worst is None or fidelity > self._furthest  # nothing else makes another trial due
        if self._worst is None or self._sign * self._worst > self._sign * value:
            self._worst = value
        if self._best is None or self._sign * value > self._sign * self._best:
            self._best = value
        if fidelity > self._furthest:
            self._furthest = fidelity
        if is_news:
            self._tell_due()

    def take_state(self, trial: Trial) -> None:
        """Take note of the state that a trial came to."""
        if trial.state in {TrialState.COMPLETED, TrialState.PRUNED} and not trial.breaks:
            self._has_succeeded = True
            self._tell_due()
        elif has_ended_badly(trial) and (
            trial.state is not TrialState.FAILED
            or (trial.withdrawn_s is None and (self._tells_failures or trial.attempt.outcome is Outcome.OUT_OF_MEMORY))
        ):
            trial.is_untold = True
            self._waiting.append(trial)
            self._tell_due()

    def forget(self, trial: Trial) -> None:
        """Take back what was told, or is to be told, of a trial that is opened again."""
        trial.told, trial.is_untold = None, False
        self._waiting = [waiting for waiting in self._waiting if waiting is not trial]

    @property
    def kept(self) -> KeptTelling:
        """All that it knows, to be kept."""
        waiting = [trial.number for trial in self._waiting]
        return KeptTelling(self._worst, self._best, self._furthest, self._has_succeeded, waiting)

    def go_on_from(self, kept: KeptTelling, trials: Sequence[Trial]) -> None:
        """Begin with what was kept; `trials` are the sweep's."""
        self._worst, self._best, self._furthest, self._has_succeeded, waiting = kept
        self._waiting = [trials[number] for number in waiting]

    @property
    def worse(self) -> float | None:
        """A value somewhat worse than the worst seen; None before any."""
        if self._worst is None or self._best is None:
            return None
        spread = abs(self._best - self._worst) or abs(self._worst) or 1.0
        return self._worst - self._sign * TOLD_MARGIN * spread

    def _tell_due(self) -> None:
        if self._worst is None or not self._waiting:
            return
        told, left = self.worse, []
        for trial in self._waiting:
            if self._is_due(trial):
                trial.told = told
                trial.is_untold = False
                self._changed(trial.number)
            else:
                left.append(trial)
        self._waiting = left

    def _is_due(self, trial: Trial) -> bool:
        is_own = trial.state is not TrialState.FAILED or trial.attempt.outcome is Outcome.OUT_OF_MEMORY
        return is_own or self._has_succeeded or self._furthest > trial.fidelity
