"""The `parameters` of a W&B sweep as hyperparameters: every distribution, nested parameters, constants.

The meanings are those of W&B's sweep configuration reference: `log_uniform` takes natural exponents, `_values` the
values themselves; `inv_log_uniform` is uniform in log(1/x), which is a log-uniform x; `q_` rounds to multiples of `q`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from orchestrator.imports import ranges
from orchestrator.imports.draft import CannotCarryError, Entry
from orchestrator.members import nearest
from orchestrator.sweepfile.messages import quote

Parameter: TypeAlias = tuple[tuple[str, ...], Any]
"""The names that lead to a parameter, and how the file describes it."""

_KEYS = frozenset({"value", "values", "distribution", "probabilities", "min", "max", "q", "mu", "sigma", "a", "b"})
"""The keys that describe a parameter."""


def parameters(tree: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[Parameter]:
    """Yield every parameter, those nested under `parameters` after the names that they are nested in."""
    for name, described in tree.items():
        inner = described.get("parameters") if isinstance(described, Mapping) else None
        if isinstance(inner, Mapping) and not _KEYS & described.keys():
            yield from parameters(inner, (*above, name))
        else:
            yield (*above, name), described


def entry_of(described: Any) -> Entry:
    """Return a parameter as a hyperparameter; raises CannotCarryError."""
    if not isinstance(described, Mapping):
        raise CannotCarryError(f"{quote(described)} describes no parameter; W&B takes value, values, or min and max")
    if unknown := sorted(described.keys() - _KEYS):
        raise CannotCarryError(f"{', '.join(unknown)}: unknown to W&B's parameters; remove it, or mend the spelling")
    kind = described.get("distribution") or _kind(described)
    if kind not in _DISTRIBUTIONS:
        raise CannotCarryError(f"the distribution {quote(kind)}: choose {nearest(str(kind), sorted(_DISTRIBUTIONS))}")
    return _DISTRIBUTIONS[kind](described)


def _kind(described: Mapping[str, Any]) -> str:
    """Return the distribution that W&B takes where none is named."""
    if "value" in described:
        return "constant"
    if "values" in described:
        return "categorical_w_probabilities" if "probabilities" in described else "categorical"
    if "mu" in described or "sigma" in described:
        return "normal"
    ends = [described.get("min"), described.get("max")]
    return "int_uniform" if all(isinstance(end, int) for end in ends) else "uniform"


def _number(described: Mapping[str, Any], key: str, otherwise: float | None = None) -> float:
    value = described.get(key, otherwise)
    if value is None:
        raise CannotCarryError(f"{key} is missing; write it there")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CannotCarryError(f"{key}: {quote(value)} is not a number; write one such as 0.1")
    return value


def _ends(described: Mapping[str, Any]) -> tuple[float, float]:
    return _number(described, "min"), _number(described, "max")


def _constant(described: Mapping[str, Any]) -> Entry:
    if "value" not in described:
        raise CannotCarryError("value is missing; write it there")
    return ranges.constant(described["value"])


def _categorical(described: Mapping[str, Any]) -> Entry:
    values, weights = described.get("values"), described.get("probabilities")
    if not isinstance(values, list):
        raise CannotCarryError(f"values: {quote(values)} is not a list; write the values there")
    if weights is not None and not (isinstance(weights, list) and len(weights) == len(values)):
        raise CannotCarryError("probabilities has not one number for each value; mend it there")
    return ranges.choice(values, weights)


def _whole(described: Mapping[str, Any]) -> Entry:
    low, high = _ends(described)
    if low != int(low) or high != int(high):
        raise CannotCarryError(f"{low} to {high} are no whole numbers, which int_uniform takes")
    return ranges.number(low, high, whole=True)


def _uniform(described: Mapping[str, Any]) -> Entry:
    return ranges.number(*_ends(described))


def _uniform_rounded(described: Mapping[str, Any]) -> Entry:
    (low, high), step = _ends(described), _number(described, "q", 1)
    return ranges.rounded(low, high, step, whole=isinstance(step, int))


def _exponents(described: Mapping[str, Any], *, inverse: bool = False) -> tuple[float, float]:
    """Return the values that natural exponents mean; inverse, their reciprocals."""
    low, high = _ends(described)
    if inverse:
        low, high = -high, -low
    try:
        return math.exp(low), math.exp(high)
    except OverflowError:
        raise CannotCarryError(f"exp({high:g}) is above every number; W&B takes natural exponents here") from None


def _log_uniform(described: Mapping[str, Any], *, inverse: bool = False) -> Entry:
    low, high = _exponents(described, inverse=inverse)
    ends = "{:g} to {:g}".format(*_ends(described))
    told = f"written there as natural exponents, {ends}; if values were meant, W&B calls it log_uniform_values"
    return ranges.number(_figures(low), _figures(high), log=True, told=told)


def _log_uniform_values(described: Mapping[str, Any]) -> Entry:
    return ranges.number(*_ends(described), log=True)


def _log_uniform_rounded(described: Mapping[str, Any], *, values: bool) -> Entry:
    low, high = _ends(described) if values else _exponents(described)
    step = _number(described, "q", 1)
    return ranges.rounded(low, high, step, log=True, whole=isinstance(step, int))


def _normal(described: Mapping[str, Any], *, log: bool = False, q: bool = False) -> Entry:
    mean, deviation = _number(described, "mu", 0), _number(described, "sigma", 1)
    return ranges.bell(mean, deviation, log=log, step=_number(described, "q", 1) if q else None)


def _beta(described: Mapping[str, Any], *, q: bool = False) -> Entry:
    shape = _number(described, "a"), _number(described, "b")
    told = "evenly here, a beta distribution ({:g}, {:g}) there".format(*shape)
    return ranges.number(0.0, 1.0, step=_number(described, "q", 1) if q else None, told=told)


def _figures(value: float) -> float:
    """Return six figures of what an exponential gives: e to the -6.907755 is 0.001."""
    return float(f"{value:.6g}")


_DISTRIBUTIONS: Mapping[str, Callable[[Mapping[str, Any]], Entry]] = {
    "constant": _constant,
    "categorical": _categorical,
    "categorical_w_probabilities": _categorical,
    "int_uniform": _whole,
    "uniform": _uniform,
    "q_uniform": _uniform_rounded,
    "log_uniform": _log_uniform,
    "log_uniform_values": _log_uniform_values,
    "inv_log_uniform": lambda described: _log_uniform(described, inverse=True),
    "inv_log_uniform_values": _log_uniform_values,
    "q_log_uniform": lambda described: _log_uniform_rounded(described, values=False),
    "q_log_uniform_values": lambda described: _log_uniform_rounded(described, values=True),
    "normal": _normal,
    "q_normal": lambda described: _normal(described, q=True),
    "log_normal": lambda described: _normal(described, log=True),
    "q_log_normal": lambda described: _normal(described, log=True, q=True),
    "beta": _beta,
    "q_beta": lambda described: _beta(described, q=True),
}
"""W&B's distributions, by name."""
