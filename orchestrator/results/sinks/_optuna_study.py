"""A sweep's trials as Optuna has them: distributions that hold every value, states one to one, what else is known.

A range that has values beside it (`also: [0]`) is widened to hold them, and is linear then where they are not positive.
A hyperparameter has one distribution for the whole study, or viewers leave it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from orchestrator.results.sinks._shown import plain, step_of
from orchestrator.state.fold import SweepState
from orchestrator.sweep.domains import Choice, Constant, Hyperparameter, Int
from orchestrator.sweep.trial import Trial, TrialState, training_seed
from orchestrator.sweep.values import is_number

STATES = {
    TrialState.COMPLETED: "COMPLETE",
    TrialState.PRUNED: "PRUNED",
    TrialState.DIVERGED: "FAIL",
    TrialState.FAILED: "FAIL",
    TrialState.RUNNING: "RUNNING",
    TrialState.INTERRUPTED: "WAITING",
}
"""Optuna's names. What it cannot tell apart the user attribute `state` does."""


def distributions(state: SweepState) -> dict[str, Any]:
    """Return a distribution for each hyperparameter that varies; all trials' values lie in it."""
    return {
        name: _distribution(domain, [trial.config[name] for trial in state.trials if name in trial.config])
        for name, domain in state.plan.space.items()
        if not isinstance(domain, Constant)
    }


def frozen(state: SweepState, trial: Trial, known: Mapping[str, Any]) -> Any:
    """Return a trial as Optuna's `FrozenTrial`; `known` are the `distributions`."""
    from optuna.trial import FrozenTrial
    from optuna.trial import TrialState as OptunaState

    space = state.plan.space
    params = {name: plain(space[name], trial.config[name]) for name in known if name in trial.config}
    # Optuna changes nothing of a finished trial: it is one once its attempt has ended as well, and how is known.
    found = OptunaState.RUNNING if trial.number in state.open else OptunaState[STATES[trial.state]]
    begun = trial.attempts[0].started_t if trial.attempts else None
    ended = trial.attempts[-1].ended_t if trial.attempts and trial.state.is_final else None
    if found.is_finished() and begun is None:
        begun = state.last_t
    value = trial.value if found in {OptunaState.COMPLETE, OptunaState.PRUNED} else None
    return FrozenTrial(
        number=trial.number,
        trial_id=trial.number,
        state=OptunaState.FAIL if found is OptunaState.COMPLETE and value is None else found,
        value=value,
        datetime_start=None if begun is None else _moment(begun),
        datetime_complete=_moment(state.last_t if ended is None else ended) if found.is_finished() else None,
        params=params,
        distributions={name: known[name] for name in params},
        user_attrs=attributes(state, trial),
        system_attrs={},
        intermediate_values={step_of(state.plan, fidelity): value for fidelity, value in trial.values.items()},
    )


def attributes(state: SweepState, trial: Trial) -> dict[str, Any]:
    """Return what else is known of a trial, as JSON."""
    told: dict[str, Any] = {
        "trial": trial.trial_id,
        "stage": trial.stage,
        "move": trial.move,
        "parent": trial.parent,
        "state": trial.state.value,
        "seed": training_seed(state.plan.spec.seed, trial.number),
    }
    if trial.breaks:
        told["breaks"] = list(trial.breaks)
    if trial.attempts:
        last = trial.attempts[-1]
        told |= {"attempts": len(trial.attempts), "node": last.node}
        told |= {"outcome": last.outcome, "cause": last.cause, "error": last.error}
    return {name: value for name, value in told.items() if value is not None}


def study_attributes(state: SweepState) -> dict[str, Any]:
    """Return what is known of the sweep, as JSON."""
    spec = state.plan.spec
    constants = {name: domain.value for name, domain in state.plan.space.items() if isinstance(domain, Constant)}
    told = {"sweep": spec.name, "unit": spec.fidelity.unit, "stages": [stage.name for stage in state.plan.stages]}
    return told | ({"constants": constants} if constants else {})


def _distribution(domain: Hyperparameter, values: Iterable[Any]) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(domain, Choice):
        choices = [plain(domain, value) for value in domain.choices]
        others = [plain(domain, value) for value in values]
        return CategoricalDistribution(list(dict.fromkeys([*choices, *others])))
    assert not isinstance(domain, Constant)
    held = [domain.low, domain.high, *getattr(domain, "also", ()), *filter(is_number, values)]
    low, high = min(held), max(held)
    is_log = domain.scale == "log" and low > 0
    if isinstance(domain, Int) and all(isinstance(value, int) for value in held):
        step = 1 if is_log or low < domain.low or high > domain.high else domain.step
        return IntDistribution(int(low), int(high), log=is_log, step=step)
    return FloatDistribution(float(low), float(high), log=is_log)


def _moment(t: float) -> datetime:
    return datetime.fromtimestamp(t, UTC)
