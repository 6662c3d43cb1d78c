"""The arithmetic of ranges: what makes one, its logarithms, its grid of steps, and when two values are one.

Grids are as their digits say: the third step of 0.1 from 0.0 is 0.3, which no sum of floats is. Sums are made of
the shortest decimals that name the floats (what `repr` writes, and what a file's author wrote), and turned into a float
once, at the end. So a value of a grid is the float that the same digits in a file are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Context, Decimal

ALSO_SHARE = 0.1
"""Part of the unit interval, and so of uniform draws, that each value under `also` takes."""

_EXACT = Context(prec=64)
"""Enough for any two floats that a step may lie between: 17 digits each, and 10 of the number of steps."""


class Beside:
    """The values of `also` on the unit interval: those below a range at its beginning, those above at its end."""

    def __init__(self, low: float, high: float, also: Sequence[float]) -> None:
        self.below = sorted(value for value in also if value < low)
        self.above = sorted(value for value in also if value > high)
        self.first = ALSO_SHARE * len(self.below)
        """Where the range begins."""
        self.last = 1 - ALSO_SHARE * len(self.above)
        """Where it ends."""

    def value_at(self, unit: float) -> float | None:
        """Return the value whose cell `unit` lies in; None in the range."""
        if unit < self.first:
            return self.below[min(int(unit / ALSO_SHARE), len(self.below) - 1)]
        if unit > self.last:
            return self.above[min(int((unit - self.last) / ALSO_SHARE), len(self.above) - 1)]
        return None

    def unit_of(self, number: float) -> float | None:
        """Return the middle of the value's cell; None for one of the range."""
        if number in self.below:
            return (self.below.index(number) + 0.5) * ALSO_SHARE
        if number in self.above:
            return self.last + (self.above.index(number) + 0.5) * ALSO_SHARE
        return None

    def inner(self, unit: float) -> float:
        """Return which part of the range `unit` is."""
        return ratio(unit - self.first, self.last - self.first)

    def outer(self, part: float) -> float:
        """Return where a part of the range lies on the unit interval."""
        return min(self.first + part * (self.last - self.first), self.last)


class Grid:
    """The values `low`, `low + step`, `low + 2 * step`, ... up to `high`, each a cell of the unit interval."""

    def __init__(self, low: float, high: float, step: float, scale: str, binary: bool) -> None:
        self.low, self.high, self.step, self.scale = low, high, step, scale
        self.binary = binary
        """Whether values are sums of floats, as in format 1, rather than what their digits say."""
        self.cells = round((high - low) / step) + 1
        self._exact = Decimal(repr(float(low))), Decimal(repr(float(step)))

    def value(self, cell: int) -> float:
        """Return the value that lies so many steps from `low`."""
        low, step = self._exact
        value = self.low + cell * self.step if self.binary else float(_EXACT.fma(step, Decimal(cell), low))
        return min(max(value, self.low), self.high)

    def cell_of(self, number: float) -> int:
        """Return the cell that a number lies in, or is nearest to."""
        return min(max(round((number - self.low) / self.step), 0), self.cells - 1)

    def cell_at(self, unit: float) -> int:
        """Return the cell at `unit`: all equally wide, on a logarithmic scale cut half-way between neighbours."""
        if self.scale == "linear":
            return min(int(unit * self.cells), self.cells - 1)
        first, last = log_edges(self.low, self.high, self.step)
        return self.cell_of(min(exp(first + unit * (last - first)), self.high))

    def unit_of(self, number: float) -> float:
        """Return a place in the number's cell: its middle, on a logarithmic scale where the number itself lies."""
        if self.scale == "linear":
            return (round((number - self.low) / self.step) + 0.5) / self.cells
        first, last = log_edges(self.low, self.high, self.step)
        return ratio(math.log(number) - first, last - first)


def near(value: float, other: float, scale: float) -> bool:
    """Say whether two floats differ by no more than sums of floats up to `scale` are wrong."""
    return abs(value - other) <= 4 * math.ulp(scale)


def ratio(part: float, whole: float) -> float:
    """Return the quotient; the middle for a range of one value."""
    return part / whole if whole else 0.5


def log_edges(low: float, high: float, step: float) -> tuple[float, float]:
    """Return the logarithms between which values are drawn: half a step beyond `low` and `high`, never down to 0."""
    return math.log(max(low - step / 2, low / 2)), math.log(high + step / 2)


def exp(power: float) -> float:
    """Return e to the power; infinity where that is above every float."""
    try:
        return math.exp(power)
    except OverflowError:  # the logarithm of the greatest floats is rounded up
        return math.inf


def on_grid(value: float, low: float, step: float) -> bool:
    """Say whether a value lies on the grid of `step` from `low`, as nearly as floats can say."""
    cells = (value - low) / step
    if not math.isfinite(cells):
        return False
    return abs(cells - round(cells)) < 1e-6 or near(low + round(cells) * step, value, max(abs(low), abs(value)))


def check_also(low: float, high: float, step: float | None, also: tuple[float, ...]) -> None:
    """Raise ValueError for values beside the range that lie in it, repeat, or meet a grid."""
    if also and step is not None:
        raise ValueError("also needs a range without step; drop one of the two, or list all values under choices")
    if inside := [value for value in also if low <= value <= high]:
        raise ValueError(f"also {inside[0]!r} lies in [{low!r}, {high!r}] already; write also: [] or move the range")
    if len(set(also)) < len(also):
        raise ValueError(f"also repeats a value: {list(also)}; name each once")


def check_range(low: float, high: float, scale: str, step: float | None, default: float) -> None:
    """Raise ValueError for bounds, a scale, a grid and a default that do not fit each other."""
    if low > high:
        raise ValueError(f"low {low!r} is above high {high!r}; swap them")
    if scale == "log" and low <= 0:
        raise ValueError(f"scale log needs low above 0, not {low!r}; raise low, or choose scale: linear")
    if not low <= default <= high:
        raise ValueError(f"default {default!r} lies outside [{low!r}, {high!r}]; choose a default in the range")
    if step is not None and not on_grid(high, low, step):
        raise ValueError(f"high {high!r} is not low {low!r} plus a multiple of step {step!r}")
    if step is not None and not on_grid(default, low, step):
        raise ValueError(f"default {default!r} is not low {low!r} plus a multiple of step {step!r}")
