"""The trials to learn from as an Optuna study in memory, so that Optuna's own sampler can be asked about them.

The study is only a cache: trial i of the list is trial i of the study, added once and told once, so that feeding it
trial by trial or all at once makes the same study. What it is told says `_endings`; what is not told yet is RUNNING.

It is the reference for our own densities (`_densities`, `_columns`), and what sweeps go on with that were begun by it.
Only `tpe` uses this module, and imports it with its first proposal: importing Optuna takes a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.trial import TrialState as StudyState
from optuna.trial import create_trial

from orchestrator.searchers._axis import Axis, axes_of
from orchestrator.searchers._endings import ToldEnding, ending_of
from orchestrator.sweep.domains import Config
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import Goal
from orchestrator.sweep.trial import Trial

_STATES = {"complete": StudyState.COMPLETE, "pruned": StudyState.PRUNED, "fail": StudyState.FAIL}


def distribution_of(axis: Axis) -> BaseDistribution:
    """Return Optuna's counterpart of an axis."""
    if axis.cells is None:
        return FloatDistribution(0.0, 1.0)
    if axis.is_kinds:
        return CategoricalDistribution(tuple(range(axis.cells)))
    return IntDistribution(0, axis.cells - 1)


class _Storage(optuna.storages.InMemoryStorage):
    """Keeps no notes of samplers: TPE would write a joint draw on its trial, for other processes to see."""

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        pass


class StudyHistory:
    """A growing list of trials, for Optuna to learn from."""

    def __init__(self, space: Space, goal: Goal) -> None:
        self.axes = axes_of(space)
        """By hyperparameter; those without a choice have none."""
        self.learned = 0
        """Trials that were told as COMPLETE or PRUNED: what a model rests on."""
        self.storage = _Storage()
        self.study = _create_study(self.storage, goal)
        self._open: list[int] = []
        self._known = 0

    def update(self, trials: Sequence[Trial]) -> None:
        """Take note of new trials, and of those that ended since; `trials` only ever grows."""
        for place, trial in enumerate(trials[self._known :], start=self._known):
            seen = {name: axis for name, axis in self.axes.items() if name in trial.config}
            self.study.add_trial(
                create_trial(
                    state=StudyState.RUNNING,
                    params={name: axis.encode(trial.config[name]) for name, axis in seen.items()},
                    distributions={name: distribution_of(axis) for name, axis in seen.items()},
                )
            )
            self._open.append(place)
        self._known = len(trials)
        self._open = [place for place in self._open if not self._tell(place, ending_of(trials[place]))]

    def drawing(self, seed: int, *, candidates: int, constant_liar: bool, correlated: bool) -> StudyDrawing:
        """Begin one proposal: everything that it draws is drawn by one sampler."""
        sampler = TPESampler(
            seed=seed,
            n_startup_trials=0,  # whether the trials are enough is the caller's question
            n_ei_candidates=candidates,
            constant_liar=constant_liar,
            multivariate=correlated,
        )
        return StudyDrawing(self, sampler, correlated)

    def _tell(self, place: int, ending: ToldEnding | None) -> bool:
        """Tell how the trial at `place` of the list ended; returns whether there was something to tell."""
        if ending is None:
            return False
        is_complete = ending.kind == "complete"
        if ending.kind == "pruned" and ending.value is not None:
            self.storage.set_trial_intermediate_value(place, ending.step, ending.value)
        self.study.tell(place, ending.value if is_complete else None, state=_STATES[ending.kind])
        self.learned += ending.kind != "fail"
        return True


class StudyDrawing:
    """The draws of one proposal."""

    def __init__(self, history: StudyHistory, sampler: TPESampler, correlated: bool) -> None:
        self._history = history
        self._sampler = sampler
        self._correlated = correlated

    def sample(self, names: Iterable[str]) -> Config:
        """Draw values for those of `names` that have a choice, together or each by itself."""
        axes, study = self._history.axes, self._history.study
        asked = {name: distribution_of(axes[name]) for name in names if name in axes}
        scratch = create_trial(state=StudyState.RUNNING)  # stands for the proposal; never becomes part of the study
        if self._correlated:
            seen = self._sampler.sample_relative(study, scratch, asked)
        else:
            seen = {name: self._sampler.sample_independent(study, scratch, name, asked[name]) for name in asked}
        return {name: axes[name].decode(seen[name]) for name in asked}


def _create_study(storage: _Storage, goal: Goal) -> optuna.Study:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # the creation of a mere cache is no news to anybody
    try:
        return optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(), direction=goal)
    finally:
        optuna.logging.set_verbosity(verbosity)
