"""What searchers that go through a list share: values in their domain's own type, and rows that were tried already."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.sweep.domains import Choice, Config, Float, Hyperparameter, Scalar
from orchestrator.sweep.trial import Trial


def canonical(domain: Hyperparameter, value: Scalar) -> Scalar:
    """Return a value of `domain` as the domain itself would write it: 1 becomes 1.0 where numbers are real."""
    if isinstance(domain, Float):
        return float(value)
    if isinstance(domain, Choice):
        position = domain.index(value)
        return value if position is None else domain.choices[position]
    return value


def tried(config: Config, trials: Sequence[Trial]) -> bool:
    """Say whether a trial has exactly this configuration; True is not 1."""
    return any(trial.config == config and _types(trial.config) == _types(config) for trial in trials)


def _types(config: Config) -> dict[str, type]:
    return {name: type(value) for name, value in config.items()}
