"""The domain of one hyperparameter: which values it may take, how they are scaled, which one is the default.

Every domain maps to and from the unit interval, so that a draw, a prior or a Sobol point is written once for all of
them. Values are plain Python scalars; nothing here draws random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator
from typing_extensions import override

from orchestrator.sweep.ranges import Beside, Grid, check_also, check_range, exp, is_same, log_edges, on_grid, ratio

Scalar: TypeAlias = bool | int | float | str
Config: TypeAlias = dict[str, Scalar]

StrictInt = Annotated[int, Strict()]
StrictFloat = Annotated[float, Strict()]
StrictScalar = (
    Annotated[bool, Strict()] | Annotated[int, Strict()] | Annotated[float, Strict()] | Annotated[str, Strict()]
)


class Record(BaseModel):
    """A frozen record of the sweep file: unknown keys are refused, field docstrings become the JSON Schema's text."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class _Described(Record):
    tier: StrictInt = Field(1, ge=1, le=9)
    """Importance, 1 first: `stages: auto` opens one tier a stage."""
    when: Mapping[str, tuple[StrictScalar, ...]] = Field(default_factory=dict)
    """Active only where each named hyperparameter has one of these values, e.g. `{optimizer: [sgd]}`."""
    unit: str | None = None
    """What the number counts, e.g. `examples`; None for a pure number."""
    source: str | None = None
    """Where range and default come from."""
    advised: tuple[StrictScalar, ...] | None = None
    """What the sources advise within it: [low, high] of a number, some of the choices. None: nothing in particular."""
    cautions: tuple[str, ...] = ()
    """What goes wrong with it, one sentence each."""
    provenance: Literal["catalogue", "user"] = "user"
    """Whether the default is a catalogue's recommendation or the user's own guess; set by the parser."""

    def canonical(self, value: Scalar) -> Scalar:
        """Return a value of this domain as a draw would give it; here there is one way to write each."""
        return value

    def same(self, value: Scalar, other: Scalar) -> bool:
        """Say whether two values are one for this domain (True is not 1). Conditions, grids and lists ask this."""
        return is_same(value, other)


class Float(_Described):
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
    also: tuple[StrictFloat, ...] = Field(default=(), max_length=4)
    """Values outside the range that may be drawn too, each one time in ten: `[0.0]` beside a log scale."""
    default: StrictFloat
    """The baseline's value, inside the range or one of `also`."""

    @model_validator(mode="after")
    def _check(self) -> Float:
        check_also(self.low, self.high, self.step, self.also)
        default = self.low if self.default in self.also else self.default
        check_range(self.low, self.high, self.scale, self.step, default)
        return self

    def from_unit(self, unit: float) -> float:
        """Map `unit` in [0, 1] to a value."""
        if (beside := self._beside.value_at(unit)) is not None:
            return beside
        unit = self._beside.inner(unit)
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

    @override
    def canonical(self, value: Scalar) -> float:
        """Return a value of this domain as a draw would give it: a real number, the one of the grid that is meant."""
        number = float(value)
        if self._grid is None or self._grid.binary or not self.contains(number):
            return number
        return self._grid.value(self._grid.cell_of(number))

    @override
    def same(self, value: Scalar, other: Scalar) -> bool:
        """Say whether two values are one for this domain: on a decimal grid, whether they name one cell."""
        if self._grid is None or isinstance(value, bool | str) or isinstance(other, bool | str):
            return is_same(value, other)
        return self.canonical(value) == self.canonical(other)

    def to_unit(self, value: Scalar) -> float:
        """Map a value to [0, 1]; the inverse of `from_unit` up to the grid, for one of `also` to its middle."""
        number = float(value)
        beside = self._beside.unit_of(number)
        return self._beside.outer(self._inside(number)) if beside is None else beside

    def contains(self, value: Any) -> bool:
        """Say whether `value` lies in the range and on the grid, or beside it under `also`."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if not self.low <= value <= self.high:
            return value in self.also
        return self.step is None or on_grid(value, self.low, self.step)

    @cached_property
    def _grid(self) -> Grid | None:
        return None if self.step is None else Grid(self.low, self.high, self.step, self.scale, self.grid == "binary")

    def _inside(self, number: float) -> float:
        """Map a value of the range to its part of the range."""
        if self._grid is not None:
            return self._grid.unit_of(number)
        if self.scale == "log":
            return ratio(math.log(number) - math.log(self.low), math.log(self.high) - math.log(self.low))
        if not math.isfinite(self.high - self.low):
            return (number / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return ratio(number - self.low, self.high - self.low)

    @cached_property
    def _beside(self) -> Beside:
        return Beside(self.low, self.high, self.also)


class Int(_Described):
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

    def to_unit(self, value: Scalar) -> float:
        """Map a value to the middle of its cell in [0, 1]."""
        number = int(value)
        if self.scale == "log":
            lowest, highest = log_edges(self.low, self.high, self.step)
            return ratio(math.log(number) - lowest, highest - lowest)
        return ((number - self.low) // self.step + 0.5) / self.cells

    def contains(self, value: Any) -> bool:
        """Say whether `value` lies in the range and on the grid."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            return False
        return (value - self.low) % self.step == 0


class Choice(_Described):
    """One of several values without an order."""

    type: Literal["choice"] = "choice"
    choices: tuple[StrictScalar, ...] = Field(min_length=1)
    """The values, all different."""
    default: StrictScalar
    """The baseline's value, one of the choices."""

    @model_validator(mode="after")
    def _check(self) -> Choice:
        if len({(isinstance(value, bool), value) for value in self.choices}) < len(self.choices):
            raise ValueError(f"choices repeat a value: {list(self.choices)}; name each once")
        if self.index(self.default) is None:
            raise ValueError(f"default {self.default!r} is not a choice; choose one of {list(self.choices)}")
        return self

    def index(self, value: Any) -> int | None:
        """Return the position of `value`, None where it is not a choice (True is not 1)."""
        try:
            return self._positions.get((isinstance(value, bool), value))
        except TypeError:  # a list or a mapping, which no choice is
            return None

    @cached_property
    def _positions(self) -> dict[tuple[bool, Scalar], int]:
        return {(isinstance(choice, bool), choice): position for position, choice in enumerate(self.choices)}

    @override
    def canonical(self, value: Scalar) -> Scalar:
        """Return the choice that equals `value`, as the file writes it."""
        position = self.index(value)
        return value if position is None else self.choices[position]

    def from_unit(self, unit: float) -> Scalar:
        """Map `unit` in [0, 1] to a choice, all equally wide."""
        return self.choices[min(int(unit * len(self.choices)), len(self.choices) - 1)]

    def to_unit(self, value: Scalar) -> float:
        """Map a choice to the middle of its cell in [0, 1]."""
        position = self.index(value)
        if position is None:
            raise ValueError(f"{value!r} is not one of {list(self.choices)}")
        return (position + 0.5) / len(self.choices)

    def contains(self, value: Any) -> bool:
        """Say whether `value` is one of the choices."""
        return self.index(value) is not None


class Constant(_Described):
    """A value that every trial gets and nothing tunes."""

    type: Literal["constant"] = "constant"
    value: StrictScalar
    """The value."""

    @property
    def default(self) -> Scalar:
        """The value: a constant is its own default."""
        return self.value

    def from_unit(self, _unit: float) -> Scalar:
        """Return the value, wherever the unit lies."""
        return self.value

    def to_unit(self, _value: Scalar) -> float:
        """Return the middle of the unit interval."""
        return 0.5

    def contains(self, value: Any) -> bool:
        """Say whether `value` is the constant (True is not 1)."""
        return is_same(value, self.value)


Hyperparameter: TypeAlias = Annotated[Float | Int | Choice | Constant, Field(discriminator="type")]
