"""How metrics stand in the log: numbers, and as text those that JSON lacks."""

from __future__ import annotations

import math
from collections.abc import Mapping


def as_float(metric: float | str) -> float:
    """Return a recorded metric as a float: JSON lacks nan, inf and -inf, the log spells them."""
    return float(metric)


def spelled(metrics: Mapping[str, float]) -> dict[str, float | str]:
    """Return metrics as they are recorded; `as_float` reads them back."""
    if all(map(math.isfinite, metrics.values())):
        return dict(metrics)
    return {name: value if math.isfinite(value) else str(value) for name, value in metrics.items()}
