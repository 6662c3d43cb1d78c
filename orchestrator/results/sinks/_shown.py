"""What of a sweep other tools are shown, and how: which trials and metrics, steps as whole numbers, plain values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from orchestrator.sweep.domains import Choice, Constant, Hyperparameter
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.spelling import as_float
from orchestrator.sweep.trial import FIRST_TEST
from orchestrator.sweep.values import Value, is_number

Plain: TypeAlias = bool | int | float | str
"""A value that every tool takes."""
MOST_STEPS = 2**53
"""Largest step: what a float, and so every viewer, holds exactly."""


def is_shown(trial: int) -> bool:
    """Say whether a trial of this number is anybody's to look at: not one that measures on the test set."""
    return trial < FIRST_TEST


def shown_metrics(plan: Plan, metrics: Mapping[str, float | str]) -> dict[str, float]:
    """Return a report's metrics as numbers, without the test set's and without the fidelity, which is the step."""
    spec = plan.spec
    hidden = {spec.fidelity.metric} | ({spec.test.metric} if spec.test is not None else set())
    hidden.discard(spec.objective.metric)
    return {name: as_float(value) for name, value in metrics.items() if name not in hidden}


def step_of(plan: Plan, fidelity: float) -> int:
    """Return a fidelity as a step: itself where reports fall on whole numbers, else counted in `fidelity.every`."""
    every = plan.spec.fidelity.every
    step = fidelity if float(every).is_integer() else fidelity / every
    return round(min(max(step, -MOST_STEPS), MOST_STEPS)) if math.isfinite(step) else MOST_STEPS


def is_text(domain: Hyperparameter) -> bool:
    """Say whether a hyperparameter's values are shown as JSON text: of several kinds, null, lists or mappings."""
    kinds = {_kind(value) for value in values_of(domain)}
    return len(kinds) > 1 or "other" in kinds


def values_of(domain: Hyperparameter) -> Sequence[Value]:
    """Return the values that a domain lists; none of a range."""
    if isinstance(domain, Choice):
        return domain.choices
    return (domain.value,) if isinstance(domain, Constant) else ()


def plain(domain: Hyperparameter, value: Value) -> Plain:
    """Return a value as every tool takes it; two that the sweep keeps apart stay apart."""
    if is_text(domain):
        return json.dumps(value, ensure_ascii=False)
    found: Plain = value
    return found


def _kind(value: Value) -> str:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, str):
        return "text"
    return "number" if is_number(value) and abs(value) <= MOST_STEPS else "other"
