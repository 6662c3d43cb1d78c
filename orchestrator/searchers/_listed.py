"""What searchers that go through a list of the user's values share."""

from __future__ import annotations

from orchestrator.sweep.domains import Choice, Float, Hyperparameter, Scalar


def canonical(domain: Hyperparameter, value: Scalar) -> Scalar:
    """Return a value of `domain` as the domain itself would write it: 1 becomes 1.0 where numbers are real."""
    if isinstance(domain, Float):
        return float(value)
    if isinstance(domain, Choice):
        position = domain.index(value)
        return value if position is None else domain.choices[position]
    return value
