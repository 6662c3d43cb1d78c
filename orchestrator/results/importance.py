"""Which hyperparameters set the best trials apart, and how sure that is.

Optuna's conditional PED-ANOVA says by how much the distribution of each hyperparameter among the best trials differs
from that among all. All trials that ended are ranked, by how far they came and then by value, those that diverged or
failed last: a value at a rung and one of a full training are compared nowhere else. One number for what a scatter shows
is easily wrong, so each comes with the range that most resamples of the trials give it, and of few nothing is said.

It compares with where the search went: what it settled early on shows little importance.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import TYPE_CHECKING

from orchestrator.sweep.domains import Choice, Constant, Hyperparameter, Value
from orchestrator.sweep.standing import has_ended_badly, sign_of
from orchestrator.sweep.trial import Trial

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from orchestrator.state.fold import SweepState

LEAST_TRIALS = 20
"""Ended trials below which nothing is said."""
MOST_TRIALS = 2_000
"""Trials that are looked at, drawn by lot where there are more."""
BEST_PART = 0.15
"""Part of the trials that count as the best."""
RESAMPLES = 12
"""How often the trials are drawn anew, with repetition."""


@dataclass(frozen=True, slots=True)
class Importance:
    """What one hyperparameter has to do with being among the best."""

    part: float
    """Its part of what sets the best apart, 0 to 1: the median of the resamples', which few odd trials do not move."""
    low: float
    """What a tenth of the resamples stay below."""
    high: float
    """What a tenth of the resamples are above."""


def importances(state: SweepState) -> dict[str, Importance]:
    """Return the importance of every hyperparameter that varied, the greatest first; empty with too few trials."""
    space = {name: d for name, d in state.plan.space.items() if not isinstance(d, Constant)}
    ended = [t for t in state.trials if t.state.is_final and (t.value is not None or has_ended_badly(t))]
    if len(ended) < LEAST_TRIALS or not space:
        return {}
    draws = Random(state.plan.spec.seed)
    if len(ended) > MOST_TRIALS:
        ended = draws.sample(ended, MOST_TRIALS)
    sign = sign_of(state.plan.goal)
    ended.sort(key=lambda t: (not has_ended_badly(t), t.fidelity, sign * (t.value or 0.0)))
    frozen = _frozen(ended, space)
    resampled = [_parts(sorted(draws.choices(frozen, k=len(frozen)), key=_place)) for _ in range(RESAMPLES)]
    varied = {name for parts in resampled for name in parts}
    ranges = {name: sorted(parts.get(name, 0.0) for parts in resampled) for name in space if name in varied}
    tenth = RESAMPLES // 10
    told = {name: Importance(median(own), own[tenth], own[-1 - tenth]) for name, own in ranges.items()}
    return dict(sorted(told.items(), key=lambda entry: -entry[1].part))


def _place(trial: FrozenTrial) -> float:
    assert trial.value is not None
    return trial.value


def _frozen(ended: Sequence[Trial], space: Mapping[str, Hyperparameter]) -> list[FrozenTrial]:
    """Return the trials as Optuna's, worst first, each with its place as its value."""
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
    from optuna.trial import create_trial

    def distribution(domain: Hyperparameter) -> BaseDistribution:
        return CategoricalDistribution(range(domain.cells)) if isinstance(domain, Choice) else FloatDistribution(0, 1)

    distributions = {name: distribution(domain) for name, domain in space.items()}
    found = []
    for place, trial in enumerate(ended):
        values = {name: _encoded(space[name], value) for name, value in trial.config.items() if name in space}
        params = {name: value for name, value in values.items() if value is not None}
        active = {name: distributions[name] for name in params}
        found.append(create_trial(params=params, distributions=active, value=float(place)))
    return found


def _encoded(domain: Hyperparameter, value: Value) -> float | int | None:
    """Return a value as Optuna is given it; None for one that the domain has no place for (it was another once)."""
    if not domain.contains(value):
        return None
    return domain.cell_of(value) if isinstance(domain, Choice) else domain.to_unit(value)


def _parts(frozen: Sequence[FrozenTrial]) -> dict[str, float]:
    """Return each hyperparameter's part of what sets the best of these trials apart."""
    import copy

    import optuna

    class Held(optuna.study.Study):
        """A study of given trials: to put them into a storage copies each, and takes most of the time."""

        def __init__(self, trials: list[FrozenTrial]) -> None:
            self._trials = trials
            self._directions = [optuna.study.StudyDirection.MAXIMIZE]

        def get_trials(self, deepcopy: bool = True, states: object = None) -> list[FrozenTrial]:  # noqa: ARG002 - Optuna's signature
            return self._trials

    own = []
    for number, trial in enumerate(frozen):
        twin = copy.copy(trial)
        twin._trial_id = twin.number = number  # noqa: SLF001 - it tells trials apart by their ids, which repeat here
        own.append(twin)
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BEST_PART)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an experimental evaluator, and names without any variation
        told = evaluator.evaluate(Held(own))
    whole = sum(told.values())
    return {name: value / whole for name, value in told.items()} if whole else {}
