"""One hyperparameter as a Parzen estimator sees it: an index for choices and short grids, else its place in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.sweep.domains import Choice, Constant, Float, Hyperparameter, Int, Value
from orchestrator.sweep.space import Space

MOST_CELLS = 64
"""A number with more values than this is modelled as a real one and rounded: a wide grid is slow."""


@dataclass(frozen=True)
class Axis:
    """One hyperparameter.

    Choices of numbers are indices in the order of their size, of which near ones are alike; other choices are kinds.
    """

    domain: Hyperparameter
    """What it stands for."""
    cells: int | None
    """How many values it has; None where it is modelled as a real number."""

    @classmethod
    def of(cls, domain: Hyperparameter, cells: int | None) -> Axis | None:
        """Return the axis of a domain with so many values (None: any number); None where there is nothing to choose."""
        if isinstance(domain, Constant) or cells == 1:
            return None
        if isinstance(domain, Choice):
            return cls(domain, cells if not domain.is_ordered or len(domain.choices) <= MOST_CELLS else None)
        if domain.low == domain.high and not (isinstance(domain, Float) and domain.also):
            return None
        is_even = domain.is_even if isinstance(domain, Float) else domain.scale == "linear"
        evenly = is_even and cells is not None and cells <= MOST_CELLS
        return cls(domain, cells if evenly else None)

    @property
    def is_kinds(self) -> bool:
        """Say whether its values are kinds, any two of them as far apart as any others."""
        return self.cells is not None and isinstance(self.domain, Choice) and not self.domain.is_ordered

    def encode(self, value: Value) -> float | int:
        """Map a value to what the estimator sees."""
        if isinstance(self.domain, Choice) and self.cells is not None:
            return self.domain.cell_of(value)
        unit = min(max(self.domain.to_unit(value), 0.0), 1.0)
        return unit if self.cells is None else min(int(unit * self.cells), self.cells - 1)

    def encode_all(self, values: Sequence[Value]) -> list[float]:
        """Map many values as `encode` maps each, to the bit."""
        if isinstance(self.domain, Float | Int) and self.cells is None:
            return [0.0 if unit < 0.0 else 1.0 if unit > 1.0 else unit for unit in self.domain.to_units(values)]
        return [self.encode(value) for value in values]

    def decode(self, seen: Any) -> Value:
        """Map back."""
        if isinstance(self.domain, Choice) and self.cells is not None:
            return self.domain.cell(seen)
        return self.domain.from_unit(seen if self.cells is None else (seen + 0.5) / self.cells)


def axes_of(space: Space) -> dict[str, Axis]:
    """Return the axes of a space by hyperparameter; those without a choice have none."""
    axes = {name: Axis.of(domain, space.size((name,))) for name, domain in space.items()}
    return {name: axis for name, axis in axes.items() if axis is not None}
