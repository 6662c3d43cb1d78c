"""The domain of one hyperparameter: which values it may take, how they are scaled, which one is the default.

Every domain maps to and from the unit interval, so that a draw, a prior or a Sobol point is written once for all of
them. Values are plain JSON; nothing here draws random numbers. Choices and constants have a module of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator
from typing_extensions import override

from orchestrator.sweep.bells import Bell, check_bell
from orchestrator.sweep.choices import Choice, Constant
from orchestrator.sweep.described import Described
from orchestrator.sweep.ranges import Beside, Grid, check_also, check_range, exp, log_edges, on_grid, ratio
from orchestrator.sweep.record import Record, StrictFloat, StrictInt
from orchestrator.sweep.values import Config, Value, is_number, is_same

__all__ = [
    "Choice", "Config", "Constant", "Float", "Hyperparameter", "Int", "Record", "StrictFloat", "StrictInt", "Value",
]  # fmt: skip


class Float(Described):
    """A real number in [low, high], on a linear or a logarithmic scale, optionally on a grid of `step` from `low`.

    Values outside the range may stand beside it (`also`): zero, which no logarithmic scale reaches. On the unit
    interval each of them has a cell of `ALSO_SHARE` at the end where its value lies, and the range has the rest, so
    that the order of the values is kept and whatever draws or models units needs to know nothing of it.
    """

    type: Literal["float"] = "float"
    low: StrictFloat
    """Smallest value, included."""
    high: StrictFloat
    """Largest value, included."""
    scale: Literal["linear", "log"] = "linear"
    """`log` draws each order of magnitude equally often and needs `low` above 0."""
    step: StrictFloat | None = Field(None, gt=0)
    """Grid width from `low`: only `low`, `low + step`, `low + 2 * step`, ... are drawn. None: any real number."""
    grid: Literal["decimal", "binary"] = "decimal"
    """How values with a `step` are worked out: `decimal` gives what the file's digits say (3 times 0.1 is 0.3),
    `binary` sums of floats (0.30000000000000004), as sweeps of format 1 did and go on doing."""
    mean: StrictFloat | None = None
    """Where draws are most frequent: normal around it, cut to the range; with `scale: log` lognormal, it is the median.
    None: no value of the range is more frequent on its scale than another."""
    sd: StrictFloat | None = Field(None, gt=0)
    """Standard deviation of the draws around `mean`, in the same unit; with `scale: log` of their natural logarithm."""
    also: tuple[StrictFloat, ...] = Field(default=(), max_length=4)
    """Values outside the range that may be drawn too, each one time in ten: `[0.0]` beside a log scale."""
    default: StrictFloat
    """The baseline's value, inside the range or one of `also`."""

    @model_validator(mode="after")
    def _check(self) -> Float:
        check_also(self.low, self.high, self.step, self.also)
        default = self.low if self.default in self.also else self.default
        check_range(self.low, self.high, self.scale, self.step, default)
        check_bell(self.low, self.high, self.scale, self.mean, self.sd)
        return self

    def from_unit(self, unit: float) -> float:
        """Map `unit` in [0, 1] to a value."""
        if (beside := self._beside.value_at(unit)) is not None:
            return beside
        unit = self._beside.inner(unit)
        if self._bell is not None:
            drawn = self._bell.value_at(unit)
            return drawn if self._grid is None else self._grid.value(self._grid.cell_of(drawn))
        if self._grid is not None:
            return self._grid.value(self._grid.cell_at(unit))
        if self.scale == "log":
            value = exp(math.log(self.low) + unit * (math.log(self.high) - math.log(self.low)))
        elif math.isfinite(self.high - self.low):
            value = self.low + unit * (self.high - self.low)
        else:  # the range is wider than the greatest float
            value = self.low * (1 - unit) + self.high * unit
        return min(max(value, self.low), self.high)

    @property
    def cells(self) -> int | None:
        """How many values the grid has; None without a step."""
        return None if self._grid is None else self._grid.cells

    def cell(self, number: int) -> float:
        """Return the value of one cell of the grid, 0 for `low`; only with a step."""
        assert self._grid is not None
        return self._grid.value(number)

    def cell_of(self, value: Value) -> int:
        """Return the cell of a value, the nearest of one beside the range; only with a step."""
        assert self._grid is not None
        return self._grid.cell_of(float(value))

    @property
    def is_even(self) -> bool:
        """Whether the cells of its grid are equally wide on the unit interval, or it has none."""
        return self._grid is None or (self.scale == "linear" and self._bell is None)

    @override
    def canonical(self, value: Value) -> float:
        """Return a value of this domain as a draw would give it: a real number, the one of the grid that is meant."""
        number = float(value)
        if self._grid is None or self._grid.binary or not self.contains(number):
            return number
        return self._grid.value(self._grid.cell_of(number))

    @override
    def same(self, value: Value, other: Value) -> bool:
        """Say whether two values are one for this domain: on a decimal grid, whether they name one cell."""
        if self._grid is None or not is_number(value) or not is_number(other):
            return is_same(value, other)
        return self.canonical(value) == self.canonical(other)

    def to_unit(self, value: Value) -> float:
        """Map a value to [0, 1]; the inverse of `from_unit` up to the grid, for one of `also` to its middle."""
        number = float(value)
        if not self.also:
            return min(0.0 + self._inside(number), 1.0)  # as below, where nothing lies beside
        beside = self._beside.unit_of(number)
        return self._beside.outer(self._inside(number)) if beside is None else beside

    def to_units(self, values: Sequence[Value]) -> list[float]:
        """Map many values as `to_unit` maps each, to the bit: a long sweep asks for all of its trials' at once."""
        is_plain = not self.also and self._bell is None and self._grid is None and math.isfinite(self.high - self.low)
        if not is_plain or self.low == self.high:
            return [self.to_unit(value) for value in values]
        if self.scale == "log":
            (first, whole), log = self._logs, math.log
            units = [0.0 + (log(float(value)) - first) / whole for value in values]
        else:
            low, width = self.low, self.high - self.low
            units = [0.0 + (float(value) - low) / width for value in values]
        return [1.0 if unit > 1.0 else unit for unit in units]

    @property
    @override
    def middle(self) -> float:
        """The middle of its range on its scale; the mean, where draws have one."""
        return self.mean if self.mean is not None and self.contains(self.mean) else self.from_unit(0.5)

    def contains(self, value: Any) -> bool:
        """Say whether `value` lies in the range and on the grid, or beside it under `also`."""
        if not is_number(value):
            return False
        if not self.low <= value <= self.high:
            return value in self.also
        return self.step is None or on_grid(value, self.low, self.step)

    @cached_property
    def _grid(self) -> Grid | None:
        return None if self.step is None else Grid(self.low, self.high, self.step, self.scale, self.grid == "binary")

    def _inside(self, number: float) -> float:
        """Map a value of the range to its part of the range."""
        if self._bell is not None:
            return self._bell.unit_of(number)
        if self._grid is not None:
            return self._grid.unit_of(number)
        if self.scale == "log":
            first, whole = self._logs
            return ratio(math.log(number) - first, whole)
        if not math.isfinite(self.high - self.low):
            return (number / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return ratio(number - self.low, self.high - self.low)

    @cached_property
    def _logs(self) -> tuple[float, float]:
        """The logarithm of `low`, and how far that of `high` lies above it."""
        return math.log(self.low), math.log(self.high) - math.log(self.low)

    @cached_property
    def _bell(self) -> Bell | None:
        if self.mean is None or self.sd is None or self.low == self.high:
            return None
        return Bell(self.low, self.high, self.scale, self.mean, self.sd)

    @cached_property
    def _beside(self) -> Beside:
        return Beside(self.low, self.high, self.also)


class Int(Described):
    """A whole number in [low, high], on a linear or a logarithmic scale, optionally on a grid of `step` from `low`."""

    type: Literal["int"] = "int"
    low: StrictInt
    """Smallest value, included."""
    high: StrictInt
    """Largest value, included."""
    scale: Literal["linear", "log"] = "linear"
    """`log` draws each order of magnitude equally often and needs `low` above 0."""
    step: StrictInt = Field(1, ge=1)
    """Grid width from `low`."""
    default: StrictInt
    """The baseline's value, inside the range."""

    @model_validator(mode="after")
    def _check(self) -> Int:
        step = None if self.step == 1 else self.step
        check_range(self.low, self.high, self.scale, step, self.default)
        return self

    def from_unit(self, unit: float) -> int:
        """Map `unit` in [0, 1] to a value, each cell equally wide on the scale."""
        if self.scale == "log":
            lowest, highest = log_edges(self.low, self.high, self.step)
            drawn = math.exp(lowest + unit * (highest - lowest))
            whole = round(drawn) if self.step == 1 else self.low + round((drawn - self.low) / self.step) * self.step
            return min(max(whole, self.low), self.high)
        return self.cell(min(int(unit * self.cells), self.cells - 1))

    @property
    def cells(self) -> int:
        """How many values it has."""
        return (self.high - self.low) // self.step + 1

    def cell(self, number: int) -> int:
        """Return one value, 0 for `low`."""
        return self.low + number * self.step

    def to_unit(self, value: Value) -> float:
        """Map a value to the middle of its cell in [0, 1]."""
        number = int(value)
        if self.scale == "log":
            lowest, highest = log_edges(self.low, self.high, self.step)
            return ratio(math.log(number) - lowest, highest - lowest)
        return ((number - self.low) // self.step + 0.5) / self.cells

    def to_units(self, values: Sequence[Value]) -> list[float]:
        """Map many values as `to_unit` maps each, to the bit: a long sweep asks for all of its trials' at once."""
        if self.scale == "log":
            (lowest, highest), log = log_edges(self.low, self.high, self.step), math.log
            return [ratio(log(int(value)) - lowest, highest - lowest) for value in values]
        low, step, cells = self.low, self.step, self.cells
        return [((int(value) - low) // step + 0.5) / cells for value in values]

    @property
    @override
    def middle(self) -> int:
        """The middle of its range on its scale."""
        return self.from_unit(0.5)

    def contains(self, value: Any) -> bool:
        """Say whether `value` lies in the range and on the grid."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            return False
        return (value - self.low) % self.step == 0


Hyperparameter: TypeAlias = Annotated[Float | Int | Choice | Constant, Field(discriminator="type")]
