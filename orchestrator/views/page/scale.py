"""Numbers and text of a picture: round ticks, a few of many, as few digits as tell, and text that stays text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any


def plain(text: object) -> str:
    """Return text as plotly.js draws it letter by letter: it takes some tags, and `&` for entities."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def thinned(values: Sequence[float], most: int) -> list[float]:
    """Return at most so many of the values, evenly, the first and the last among them."""
    if len(values) <= most:
        return list(values)
    return [values[round(i * (len(values) - 1) / (most - 1))] for i in range(most)]


def round_ticks(low: float, high: float, most: float = 5.5) -> list[float]:
    """Return round numbers between two, at most six of them; only `low` where there is nothing between."""
    if not (math.isfinite(high - low) and high > low):
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(power * factor for factor in (1, 2, 5, 10) if (high - low) / (power * factor) <= most)
    return [round(n * step, 12) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def label_width(labels: Iterable[str], per_character: float = 6.4) -> int:
    """Return how many pixels the longest of some labels takes, and the gap beside it."""
    return round(14 + per_character * max((len(label) for label in labels), default=0))


def rounded(content: Any, digits: int = 5) -> Any:
    """Return plain data with its floats rounded to so many significant digits, and none that JSON cannot say."""
    if isinstance(content, dict):
        return {key: rounded(value, digits) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [rounded(value, digits) for value in content]
    if isinstance(content, float):
        return float(f"{content:.{digits}g}") if math.isfinite(content) else None
    return content
