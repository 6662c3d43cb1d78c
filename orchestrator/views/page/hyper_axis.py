"""The axis of one hyperparameter: where its values lie on a picture, and what is written below them.

Numbers on a logarithmic scale lie at their decimal logarithm. A value beside the range (`also`) has a tick of its own
a little outside it. Choices lie at 0, 1, 2, ..., in the order of the file, or by size where they are ordered numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from orchestrator import wording
from orchestrator.sweep.domains import Choice, Constant, Float, Hyperparameter, Int, Value
from orchestrator.sweep.values import is_number
from orchestrator.views.page.scale import plain, round_ticks, thinned

BESIDE = 0.12
"""How far outside its range a value of `also` is drawn, as a part of it; the next one as far again."""
LONGEST_LABEL = 18
"""Characters of a choice that are written below an axis."""
MOST_LABELS = 8
"""Choices that are written below an axis; where there are more, some of them."""


@dataclass(frozen=True)
class HyperAxis:
    """Where a hyperparameter's values lie."""

    domain: Hyperparameter
    """Its domain."""

    @property
    def is_choice(self) -> bool:
        """Whether its values are kinds, not numbers of a range."""
        return isinstance(self.domain, Choice | Constant)

    def position(self, value: Value) -> float | None:
        """Return where a value lies; None for one that no axis has (a sweep's domain may have been another once)."""
        if isinstance(self.domain, Choice):
            return float(self.domain.cell_of(value)) if self.domain.index(value) is not None else None
        if isinstance(self.domain, Constant) or not is_number(value):
            return None
        if isinstance(self.domain, Float) and value in self.domain.also and not self.low <= value <= self.high:
            return self._beside[float(value)]
        return self._scaled(float(value))

    def part(self, value: Value) -> float | None:
        """Return where a value lies between the ends of the axis, 0 to 1; None for one that no axis has."""
        position, (first, last) = self.position(value), self.ends
        return None if position is None else min(1.0, max(0.0, (position - first) / (last - first or 1.0)))

    def labels(self) -> list[tuple[float, str]]:
        """Return what is written along the axis: where, from 0 to 1 between its ends, and the text."""
        first, last = self.ends
        return [((position - first) / (last - first or 1.0), text) for position, text in self._ticks]

    @property
    def low(self) -> float:
        """The smallest value of the range."""
        assert isinstance(self.domain, Float | Int)
        return float(self.domain.low)

    @property
    def high(self) -> float:
        """The greatest value of the range."""
        assert isinstance(self.domain, Float | Int)
        return float(self.domain.high)

    @cached_property
    def span(self) -> tuple[float, float]:
        """Where the range itself begins and ends."""
        if isinstance(self.domain, Choice):
            return -0.5, self.domain.cells - 0.5
        return (0.0, 1.0) if isinstance(self.domain, Constant) else (self._scaled(self.low), self._scaled(self.high))

    @cached_property
    def ends(self) -> tuple[float, float]:
        """Where the axis begins and ends: the range, what lies beside it, and a margin."""
        first, last = self.span
        if self.is_choice:
            return first, last
        margin = 0.03 * (last - first or 1.0)
        return min(first, *self._beside.values(), first) - margin, max(last, *self._beside.values(), last) + margin

    def layout(self) -> dict[str, Any]:
        """Return the axis for a picture."""
        ticks = self._ticks
        return {
            "range": list(self.ends),
            "tickvals": [position for position, _ in ticks],
            "ticktext": [plain(text) for _, text in ticks],
            "tickangle": 0,
        }

    def slices(self, count: int) -> list[tuple[float, float]]:
        """Return the range in equal parts; of choices, each by itself."""
        first, last = self.span
        number = self.domain.cells if isinstance(self.domain, Choice) else count
        width = (last - first) / number
        return [(first + i * width, first + (i + 1) * width) for i in range(number)]

    def described(self) -> str:
        """Return the range in words: `0.0001 to 1, log`."""
        domain = self.domain
        if isinstance(domain, Choice):
            return ", ".join(short(choice) for choice in domain.choices)
        if isinstance(domain, Constant):
            return short(domain.value)
        scale = ", log" if domain.scale == "log" else ""
        beside = "".join(f", or {value:g}" for value in domain.also) if isinstance(domain, Float) else ""
        return f"{domain.low:g} to {domain.high:g}{scale}{beside}"

    def _scaled(self, number: float) -> float:
        is_log = isinstance(self.domain, Float | Int) and self.domain.scale == "log"
        return math.log10(number) if is_log and number > 0 else number

    @cached_property
    def _beside(self) -> dict[float, float]:
        if not isinstance(self.domain, Float):
            return {}
        first, last = self.span
        step = BESIDE * (last - first or 1.0)
        below = sorted((value for value in self.domain.also if value < self.low), reverse=True)
        above = sorted(value for value in self.domain.also if value > self.high)
        found = {value: first - step * (i + 1) for i, value in enumerate(below)}
        return found | {value: last + step * (i + 1) for i, value in enumerate(above)}

    @cached_property
    def _ticks(self) -> list[tuple[float, str]]:
        if isinstance(self.domain, Choice):
            kept = thinned([float(i) for i in range(self.domain.cells)], MOST_LABELS)
            return [(cell, short(self.domain.cell(int(cell)))) for cell in kept]
        if isinstance(self.domain, Constant):
            return []
        first, last = self.span
        inside = _log_ticks(first, last) if self.domain.scale == "log" else round_ticks(first, last)
        texts = [(at, tick_text(10.0**at if self.domain.scale == "log" else at)) for at in inside]
        return [*((at, tick_text(value)) for value, at in self._beside.items()), *texts]


def short(value: Value) -> str:
    """Return a value for a label: shortened where it is long."""
    text = wording.scalar(value)
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def tick_text(value: float) -> str:
    """Return a number as briefly as it goes: `1e-6`, `0.01`, `5e4`."""
    mantissa, _, exponent = f"{value:.4g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def _log_ticks(first: float, last: float) -> Sequence[float]:
    decades = [float(power) for power in range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1)]
    if len(decades) > 2:
        return decades[:: math.ceil(len(decades) / 4)]
    finer = (
        power + math.log10(factor) for power in range(math.floor(first), math.ceil(last) + 1) for factor in (1, 2, 5)
    )
    return thinned([at for at in finer if first - 1e-9 <= at <= last + 1e-9], 6)
