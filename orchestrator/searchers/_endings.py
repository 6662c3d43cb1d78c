"""What a Parzen estimator is told of a trial: the one table, for our own estimator and for Optuna's.

    completed                     COMPLETE with the value at the highest fidelity
    pruned                        PRUNED with its newest value, at the step `step_of(fidelity)`
    diverged, failed, beyond a    PRUNED at step 0 with `Trial.told`: behind everything else
    bound of `constraints`
    failed, never to be told      FAIL: in sweeps of format 1, where an error says nothing about the configuration
    running, interrupted          nothing yet: the constant liar counts them among the bad, so that workers spread out

Told as FAIL a divergence is ignored, and the sampler goes there again; told as COMPLETE, however bad, it ranks before
every pruned trial (Optuna sorts by kind first), and while few trials are complete it would even count as good.
Of a pruned trial's curve TPE looks at the last step alone (`_get_pruned_trial_score`): the rest is not told, so that a
proposal costs the same after trials of a hundred thousand reports.
A trial that is to be told later (`Trial.is_untold`: nothing was there to be worse than, or all failed) still runs.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from orchestrator.sweep.trial import Outcome, Trial, TrialState


class ToldEnding(NamedTuple):
    """How a trial ended, for an estimator."""

    kind: Literal["complete", "pruned", "fail"]
    """Which of them it is."""
    value: float | None = None
    """The value that counts; None where none does."""
    step: int = 0
    """At which step a pruned trial had it."""


def step_of(fidelity: float) -> int:
    """Return the step for a fidelity: millionths of its unit, since Optuna's steps are whole numbers."""
    return round(fidelity * 1_000_000)


def ending_of(trial: Trial) -> ToldEnding | None:
    """Return what to tell of a trial; None while there is nothing to tell."""
    if not trial.state.is_final:
        return None
    if trial.told is not None:
        return ToldEnding("pruned", trial.told)
    if trial.state is TrialState.COMPLETED and trial.value is not None and not trial.is_untold:
        return ToldEnding("complete", trial.value)
    if trial.state is TrialState.PRUNED and not trial.is_untold:
        return _pruned(trial)
    out_of_memory = bool(trial.attempts) and trial.attempt.outcome is Outcome.OUT_OF_MEMORY
    if trial.is_untold or trial.state is TrialState.DIVERGED or out_of_memory:
        return None
    return ToldEnding("fail")


def _pruned(trial: Trial) -> ToldEnding:
    """Return the highest fidelity with a finite value, and that value."""
    if not trial.values:
        return ToldEnding("pruned")
    fidelity = trial.fidelity if trial.fidelity in trial.values else max(trial.values)
    return ToldEnding("pruned", trial.values[fidelity], step_of(fidelity))
