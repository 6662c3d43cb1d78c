"""Normal and lognormal draws within a range: the unit interval as quantiles of a normal distribution that is cut to it.

On a logarithmic scale the logarithm is normal. So `unit` 0.5 is near the mean whatever the range, and what models,
spreads over or walks along the unit interval looks where draws are frequent.
"""

from __future__ import annotations

import math
from statistics import NormalDist

LEAST_MASS = 1e-6
"""Least part of the distribution that its range must hold: below, arithmetic finds no values of it."""
REACH = 3.0
"""Standard deviations between the mean and either end of a range that a file does not write."""


class Bell:
    """A normal distribution, or on a logarithmic scale a lognormal one, between `low` and `high`."""

    def __init__(self, low: float, high: float, scale: str, mean: float, sd: float) -> None:
        self._low, self._high, self._is_log = low, high, scale == "log"
        self._normal = NormalDist(self._on_scale(mean), sd)
        self._first, self._last = (self._normal.cdf(self._on_scale(end)) for end in (low, high))

    @property
    def mass(self) -> float:
        """Which part of the whole distribution lies in the range."""
        return self._last - self._first

    def value_at(self, unit: float) -> float:
        """Return the quantile `unit` in [0, 1] of what lies in the range."""
        passed = self._first + unit * (self._last - self._first)
        if not 0 < passed < 1:
            return self._low if passed <= 0 else self._high
        found = self._normal.inv_cdf(passed)
        return min(max(math.exp(found) if self._is_log else found, self._low), self._high)

    def unit_of(self, number: float) -> float:
        """Return the quantile that a number of the range is."""
        passed = self._normal.cdf(self._on_scale(number)) - self._first
        return min(max(passed / self.mass, 0.0), 1.0)

    def _on_scale(self, number: float) -> float:
        return math.log(number) if self._is_log else number


def reach(scale: str, mean: float, sd: float) -> tuple[float, float]:
    """Return the range of `REACH` standard deviations around a mean."""
    if scale == "log":
        return mean * math.exp(-REACH * sd), mean * math.exp(REACH * sd)
    return mean - REACH * sd, mean + REACH * sd


def check_bell(low: float, high: float, scale: str, mean: float | None, sd: float | None) -> None:
    """Raise ValueError for a mean without a deviation, or one whose range holds next to nothing of the draws."""
    if (mean is None) != (sd is None):
        raise ValueError(f"{'sd' if mean is None else 'mean'} goes with {'mean' if mean is None else 'sd'}; write both")
    if mean is None or sd is None:
        return
    if scale == "log" and mean <= 0:
        raise ValueError(f"mean {mean!r} is not above 0, which scale log needs; it is the median of the draws")
    if low < high and Bell(low, high, scale, mean, sd).mass < LEAST_MASS:
        none = f"next to none of the draws around mean {mean!r} with sd {sd!r} lies in [{low!r}, {high!r}]"
        raise ValueError(f"mean: {none}; move one of them, or choose another sd")
