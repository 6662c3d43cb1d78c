"""The trials to learn from as an Optuna study in memory, so that Optuna's sampler can be asked about them.

The study is only a cache: trial i of the list is trial i of the study, added once and told once, so that feeding it
trial by trial or all at once makes the same study. What it is told:

    completed                     COMPLETE with the value at the highest fidelity
    pruned                        PRUNED with its newest value, at the step `step_of(fidelity)`
    diverged, failed              PRUNED at step 0 with `Trial.told`: behind everything else
    failed, never to be told      FAIL: in sweeps of format 1, where an error says nothing about the configuration
    running, interrupted          RUNNING: the constant liar counts them among the bad, so that workers spread out

Told as FAIL a divergence is ignored, and the sampler goes there again; told as COMPLETE, however bad, it ranks before
every pruned trial (Optuna sorts by state first), and while few trials are complete it would even count as good.
Of a pruned trial's curve TPE looks at the last step alone (`_get_pruned_trial_score`), and each value told copies all
before it: the rest is not told, so that a proposal costs the same after trials of a hundred thousand reports.
A trial that is to be told later (`Trial.is_untold`: nothing was there to be worse than, or all failed) stays RUNNING.
Only `tpe` uses this module, and imports it with its first proposal: importing Optuna takes a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.trial import TrialState as StudyState
from optuna.trial import create_trial

from orchestrator.sweep.domains import Choice, Config, Constant, Float, Hyperparameter, Value
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Outcome, Trial, TrialState

MOST_CELLS = 64
"""A number with more values than this is modelled as a real one and rounded; Optuna is slow on wide grids."""


def step_of(fidelity: float) -> int:
    """Return the study's step for a fidelity: millionths of its unit, since steps are whole numbers."""
    return round(fidelity * 1_000_000)


@dataclass(frozen=True)
class Axis:
    """One hyperparameter as Optuna sees it: an index for choices and short grids, else its place in [0, 1].

    Choices of numbers are indices in the order of their size, of which near ones are alike; other choices are kinds.
    """

    domain: Hyperparameter
    """What it stands for."""
    cells: int | None
    """How many values it has; None where it is modelled as a real number."""

    @classmethod
    def of(cls, domain: Hyperparameter, cells: int | None) -> Axis | None:
        """Return the axis of a domain with so many values (None: any number); None where there is nothing to choose."""
        if isinstance(domain, Constant) or cells == 1:
            return None
        if isinstance(domain, Choice):
            return cls(domain, cells if not domain.is_ordered or len(domain.choices) <= MOST_CELLS else None)
        if domain.low == domain.high and not (isinstance(domain, Float) and domain.also):
            return None
        is_even = domain.is_even if isinstance(domain, Float) else domain.scale == "linear"
        evenly = is_even and cells is not None and cells <= MOST_CELLS
        return cls(domain, cells if evenly else None)

    @cached_property
    def distribution(self) -> BaseDistribution:
        """Optuna's counterpart."""
        if self.cells is None:
            return FloatDistribution(0.0, 1.0)
        if isinstance(self.domain, Choice) and not self.domain.is_ordered:
            return CategoricalDistribution(tuple(range(self.cells)))
        return IntDistribution(0, self.cells - 1)

    def encode(self, value: Value) -> float | int:
        """Map a value to what Optuna sees."""
        if isinstance(self.domain, Choice) and self.cells is not None:
            return self.domain.cell_of(value)
        unit = min(max(self.domain.to_unit(value), 0.0), 1.0)
        return unit if self.cells is None else min(int(unit * self.cells), self.cells - 1)

    def decode(self, seen: Any) -> Value:
        """Map back."""
        if isinstance(self.domain, Choice) and self.cells is not None:
            return self.domain.cell(seen)
        return self.domain.from_unit(seen if self.cells is None else (seen + 0.5) / self.cells)


class _Storage(optuna.storages.InMemoryStorage):
    """Keeps no notes of samplers: TPE would write a joint draw on its trial, for other processes to see."""

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        pass


class History:
    """A growing list of trials, for Optuna to learn from."""

    def __init__(self, space: Space, goal: Literal["maximize", "minimize"]) -> None:
        axes = {name: Axis.of(domain, space.size((name,))) for name, domain in space.items()}
        self.axes = {name: axis for name, axis in axes.items() if axis is not None}
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
                    distributions={name: axis.distribution for name, axis in seen.items()},
                )
            )
            self._open.append(place)
        self._known = len(trials)
        self._open = [place for place in self._open if not self._tell(place, trials[place])]

    @staticmethod
    def sampler(seed: int, *, candidates: int, constant_liar: bool, correlated: bool) -> TPESampler:
        """Return a fresh sampler that trusts any number of trials: whether they are enough is its caller's question."""
        return TPESampler(
            seed=seed,
            n_startup_trials=0,
            n_ei_candidates=candidates,
            constant_liar=constant_liar,
            multivariate=correlated,
        )

    def sample(self, sampler: TPESampler, names: Iterable[str], *, correlated: bool) -> Config:
        """Draw values for those of `names` that have a choice, together or each by itself."""
        asked = {name: self.axes[name].distribution for name in names if name in self.axes}
        scratch = create_trial(state=StudyState.RUNNING)  # stands for the proposal; never becomes part of the study
        if correlated:
            seen = sampler.sample_relative(self.study, scratch, asked)
        else:
            seen = {name: sampler.sample_independent(self.study, scratch, name, asked[name]) for name in asked}
        return {name: self.axes[name].decode(seen[name]) for name in asked}

    def _tell(self, place: int, trial: Trial) -> bool:
        """Tell how the trial at `place` of the list ended; returns whether there was something to tell."""
        ending = _ending(trial)
        if ending is None:
            return False
        state, value, newest = ending
        if newest is not None:
            self.storage.set_trial_intermediate_value(place, step_of(newest[0]), newest[1])
        self.study.tell(place, value, state=state)
        self.learned += state is not StudyState.FAIL
        return True


def _ending(trial: Trial) -> tuple[StudyState, float | None, tuple[float, float] | None] | None:
    """Return state, value and the newest (fidelity, value) to tell; None while there is nothing to tell."""
    if not trial.state.is_final:
        return None
    if trial.state is TrialState.COMPLETED and trial.value is not None:
        return StudyState.COMPLETE, trial.value, None
    if trial.state is TrialState.PRUNED:
        return StudyState.PRUNED, None, _newest(trial)
    if trial.told is not None:
        return StudyState.PRUNED, None, (0.0, trial.told)
    out_of_memory = bool(trial.attempts) and trial.attempt.outcome is Outcome.OUT_OF_MEMORY
    if trial.is_untold or trial.state is TrialState.DIVERGED or out_of_memory:
        return None
    return StudyState.FAIL, None, None


def _newest(trial: Trial) -> tuple[float, float] | None:
    """Return the highest fidelity with a finite value, and that value; None without any."""
    if not trial.values:
        return None
    fidelity = trial.fidelity if trial.fidelity in trial.values else max(trial.values)
    return fidelity, trial.values[fidelity]


def _create_study(storage: _Storage, goal: Literal["maximize", "minimize"]) -> optuna.Study:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # the creation of a mere cache is no news to anybody
    try:
        return optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(), direction=goal)
    finally:
        optuna.logging.set_verbosity(verbosity)
