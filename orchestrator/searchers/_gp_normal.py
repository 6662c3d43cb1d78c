"""Values made about normal (Yeo and Johnson 2000, doi:10.1093/biomet/87.4.954), as the Gaussian process takes them.

Far out they are drawn in first. The power is the most probable one, as SciPy's `yeojohnson` finds it; but importing
`scipy.stats` takes half a second, and its look at its arguments longer than the arithmetic.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import fminbound

from orchestrator.searchers._arrays import FloatArray

REACH = 3.0
"""Values are drawn in beyond so many times the distance from the median to the best."""
TOO_FAR = "the values of the trials span more than floating point can hold"
POWERS = (-30.0, 32.0)
"""Between which powers the most probable one is sought: far beyond any that is met, and all of them can be computed."""
TOLERANCE = 1.5e-8
"""Of the power."""


def about_normal(costs: FloatArray) -> FloatArray:
    """Draw in what is far worse than the median, and give the values about the shape of a normal distribution.

    Raises FloatingPointError where no arithmetic can hold them.
    """
    middle, best = np.median(costs), costs.min()
    if middle > best:
        costs = np.minimum(costs, middle + REACH * (middle - best))
    scaled = standardised(costs)
    if len(np.unique(scaled)) < 3:
        return scaled
    return standardised(_powered(scaled))


def standardised(values: FloatArray) -> FloatArray:
    """Return the values with mean 0 and deviation 1, all 0 where they are equal; raises FloatingPointError."""
    spread = float(values.std())
    centred: FloatArray = values - values.mean()
    if not (math.isfinite(spread) and np.isfinite(centred).all()):
        raise FloatingPointError(TOO_FAR)
    return centred / spread if spread > 1e-12 * float(np.abs(values).max(initial=0.0)) else np.zeros_like(values)


def _powered(values: FloatArray) -> FloatArray:
    """Return the values transformed by the power under which they are likeliest to be normal."""
    is_below = values < 0
    logs = np.log1p(np.abs(values))
    below, above = logs[is_below], logs[~is_below]
    stretch = above.sum() - below.sum()

    def unlikelihood(power: float) -> float:
        variance = np.concatenate([-_to_the(below, 2 - power), _to_the(above, power)]).var()
        if not np.finfo(float).smallest_normal <= variance < math.inf:
            return math.inf
        return float(len(logs) / 2 * math.log(variance) - (power - 1) * stretch)

    power = float(fminbound(unlikelihood, *POWERS, xtol=TOLERANCE))
    moved = np.empty_like(values)
    moved[is_below], moved[~is_below] = -_to_the(below, 2 - power), _to_the(above, power)
    return moved


def _to_the(logs: FloatArray, power: float) -> FloatArray:
    """Return ((1 + x) ** power - 1) / power from log(1 + x)."""
    if abs(power) < np.finfo(float).eps:
        return logs
    powered: FloatArray = np.expm1(power * logs) / power
    return powered
