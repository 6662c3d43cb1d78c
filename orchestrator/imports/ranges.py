"""What other tools draw from, as hyperparameters of a sweep file: one place for what a sweep file can say.

Each function returns an `Entry`, its comments saying what is drawn otherwise here, or raises CannotCarryError. No other
tool's file has a default: what stands for it is said by `orchestrator.imports.supplying`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from orchestrator.imports.draft import CannotCarryError, Entry
from orchestrator.sweep.values import is_same

SIGMAS = 3.0
"""Where a bell curve that is rounded ends, as one that is not: so many standard deviations to both sides."""
_DIGITS = 6
_PLAIN = (bool, int, float, str)


def constant(value: Any) -> Entry:
    """Return a constant."""
    return Entry({"value": _plain(value)})


def choice(values: Sequence[Any], weights: Sequence[float] | None = None) -> Entry:
    """Return one of some values, each as often as its weight says; one alone is a constant."""
    plain = [_plain(value) for value in values]
    distinct: list[Any] = []
    for value in plain:
        if not any(is_same(value, other) for other in distinct):
            distinct.append(value)
    if not distinct:
        raise CannotCarryError("there is no value to choose from")
    told = ("repeated values are named once",) if len(distinct) < len(plain) else ()
    if len(distinct) == 1:
        return Entry({"value": distinct[0]}, told)
    if weights is None:
        return Entry({"choices": distinct}, told)
    pairs = list(zip(plain, weights, strict=True))
    summed = [float(sum(weight for other, weight in pairs if is_same(other, value))) for value in distinct]
    if not all(weight > 0 for weight in summed):
        raise CannotCarryError(f"the probabilities {list(weights)}: leave out the values that are never drawn")
    return Entry({"choices": distinct, "weights": summed}, told)


def number(
    low: float, high: float, *, log: bool = False, step: float | None = None, whole: bool = False, told: str = ""
) -> Entry:
    """Return a range, both ends included, on a grid of `step` from `low` where there is one."""
    if not (math.isfinite(low) and math.isfinite(high)):
        raise CannotCarryError(f"{low} to {high} is no finite range")
    if low > high:
        raise CannotCarryError(f"its lowest value {low:g} is above its highest {high:g}")
    if log and low <= 0:
        raise CannotCarryError(f"a logarithmic scale does not reach {low:g}; begin it above 0")
    if step is not None and step <= 0:
        raise CannotCarryError(f"a step of {step:g} leads nowhere")
    if whole:
        low, high, step = int(low), int(high), None if step in (None, 1) else int(step or 1)
    else:
        low, high = float(low), float(high)
    if step is not None:
        high = _grid_value(low, step, math.floor((high - low) / step + 1e-9), whole=whole)
    said = [told] if told else []
    if low == high:
        return Entry({"value": low}, (*said, "one value only, so a constant"))
    fields: dict[str, Any] = {"low": low, "high": high}
    fields |= {"scale": "log"} if log else {}
    fields |= {} if step is None else {"step": step}
    return Entry(fields, tuple(said))


def bell(mean: float, deviation: float, *, log: bool = False, step: float | None = None) -> Entry:
    """Return a normal, or log-normal, distribution; of a log-normal, mean and deviation are logarithms.

    Rounded to multiples of `step`, it ends at those nearest to three standard deviations.
    """
    if not deviation > 0:
        raise CannotCarryError(f"a standard deviation of {deviation:g} is no spread")
    try:
        centre = math.exp(mean) if log else float(mean)
        ends = [mean + side * SIGMAS * deviation for side in (-1, 1)]
        low, high = (math.exp(end) if log else end for end in ends)
    except OverflowError:
        raise CannotCarryError(f"exp({mean:g}) is above every number") from None
    fields: dict[str, Any] = {"mean": _short(centre) if log else centre, "sd": float(deviation)}
    if log:
        fields["scale"] = "log"
    if step is None:
        return Entry(fields)
    within = rounded(low, high, step, log=log).value
    return Entry({**within, **fields} if "low" in within else within)


def rounded(low: float, high: float, step: float, *, log: bool = False, whole: bool = False) -> Entry:
    """Return a range whose draws are rounded to multiples of `step`, as W&B's `q_` distributions do."""
    if step <= 0:
        raise CannotCarryError(f"a step of {step:g} leads nowhere")
    first, last = round(low / step), round(high / step)
    if log:
        first = max(first, 1)
    return number(
        _grid_value(0, step, first, whole=whole),
        _grid_value(0, step, max(first, last), whole=whole),
        log=log,
        step=step,
        whole=whole,
    )


def _grid_value(low: float, step: float, cells: int, *, whole: bool) -> float:
    """Return the value so many steps from `low`, as the digits of both say."""
    if whole:
        return int(low) + cells * int(step)
    return float(Decimal(repr(float(low))) + cells * Decimal(repr(float(step))))


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _plain(value: Any) -> Any:
    """Return a value as the sweep file reads it back, of JSON's own kinds. Raises CannotCarryError."""
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise CannotCarryError(f"{value!r} is not a finite number")
    for kind in _PLAIN:
        if isinstance(value, kind):
            return kind(value)
    raise CannotCarryError(f"the value {value!r:.60} is none that a file can hold")
