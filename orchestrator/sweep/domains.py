"""The domain of one hyperparameter: which values it may take, how they are scaled, which one is the default.

Every domain maps to and from the unit interval, so that a draw, a prior or a Sobol point is written once for all of
them. Values are plain Python scalars; nothing here draws random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

Scalar: TypeAlias = bool | int | float | str
Config: TypeAlias = dict[str, Scalar]

ALSO_SHARE = 0.1
"""Part of the unit interval, and so of uniform draws, that each value under `also` takes."""

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
    """Grid width from `low`; linear scale only. None: any real number."""
    also: tuple[StrictFloat, ...] = Field(default=(), max_length=4)
    """Values outside the range that may be drawn too, each one time in ten: `[0.0]` beside a log scale."""
    default: StrictFloat
    """The baseline's value, inside the range or one of `also`."""

    @model_validator(mode="after")
    def _check(self) -> Float:
        _check_also(self.low, self.high, self.step, self.also)
        default = self.low if self.default in self.also else self.default
        _check_range(self.low, self.high, self.scale, self.step, default)
        return self

    def from_unit(self, unit: float) -> float:
        """Map `unit` in [0, 1] to a value."""
        below, above = self._outside
        first, last = self._bounds
        if unit < first:
            return below[min(int(unit / ALSO_SHARE), len(below) - 1)]
        if unit > last:
            return above[min(int((unit - last) / ALSO_SHARE), len(above) - 1)]
        unit = _ratio(unit - first, last - first)
        if self.scale == "log":
            value = math.exp(math.log(self.low) + unit * (math.log(self.high) - math.log(self.low)))
        elif self.step is not None:
            cells = round((self.high - self.low) / self.step) + 1
            value = self.low + min(int(unit * cells), cells - 1) * self.step
        else:
            value = self.low + unit * (self.high - self.low)
        return min(max(value, self.low), self.high)

    def to_unit(self, value: Scalar) -> float:
        """Map a value to [0, 1]; the inverse of `from_unit` up to the grid, for one of `also` to its middle."""
        number = float(value)
        below, above = self._outside
        first, last = self._bounds
        if number in below:
            return (below.index(number) + 0.5) * ALSO_SHARE
        if number in above:
            return last + (above.index(number) + 0.5) * ALSO_SHARE
        return min(first + self._inside(number) * (last - first), last)

    def contains(self, value: Any) -> bool:
        """Say whether `value` lies in the range and on the grid, or beside it under `also`."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if not self.low <= value <= self.high:
            return value in self.also
        return self.step is None or _on_grid(value, self.low, self.step)

    def _inside(self, number: float) -> float:
        """Map a value of the range to its part of the range."""
        if self.scale == "log":
            return _ratio(math.log(number) - math.log(self.low), math.log(self.high) - math.log(self.low))
        if self.step is not None:
            cells = round((self.high - self.low) / self.step) + 1
            return (round((number - self.low) / self.step) + 0.5) / cells
        return _ratio(number - self.low, self.high - self.low)

    @property
    def _outside(self) -> tuple[list[float], list[float]]:
        """Return the values of `also` below the range and above it, in order."""
        ordered = sorted(self.also)
        return [value for value in ordered if value < self.low], [value for value in ordered if value > self.high]

    @property
    def _bounds(self) -> tuple[float, float]:
        """Return where the range begins and ends on the unit interval."""
        below, above = self._outside
        return ALSO_SHARE * len(below), 1 - ALSO_SHARE * len(above)


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
    """Grid width from `low`; linear scale only."""
    default: StrictInt
    """The baseline's value, inside the range."""

    @model_validator(mode="after")
    def _check(self) -> Int:
        step = None if self.step == 1 else self.step
        _check_range(self.low, self.high, self.scale, step, self.default)
        return self

    def from_unit(self, unit: float) -> int:
        """Map `unit` in [0, 1] to a value, each cell equally wide on the scale."""
        if self.scale == "log":
            lowest, highest = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return min(max(round(math.exp(lowest + unit * (highest - lowest))), self.low), self.high)
        cells = (self.high - self.low) // self.step + 1
        return self.low + min(int(unit * cells), cells - 1) * self.step

    def to_unit(self, value: Scalar) -> float:
        """Map a value to the middle of its cell in [0, 1]."""
        number = int(value)
        if self.scale == "log":
            lowest, highest = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return (math.log(number) - lowest) / (highest - lowest)
        cells = (self.high - self.low) // self.step + 1
        return ((number - self.low) // self.step + 0.5) / cells

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
        for position, choice in enumerate(self.choices):
            if choice == value and isinstance(choice, bool) == isinstance(value, bool):
                return position
        return None

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
        return bool(value == self.value) and isinstance(value, bool) == isinstance(self.value, bool)


Hyperparameter: TypeAlias = Annotated[Float | Int | Choice | Constant, Field(discriminator="type")]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.5


def _on_grid(value: float, low: float, step: float) -> bool:
    cells = (value - low) / step
    return abs(cells - round(cells)) < 1e-6


def _check_also(low: float, high: float, step: float | None, also: tuple[float, ...]) -> None:
    if also and step is not None:
        raise ValueError("also needs a range without step; drop one of the two, or list all values under choices")
    if inside := [value for value in also if low <= value <= high]:
        raise ValueError(f"also {inside[0]!r} lies in [{low!r}, {high!r}] already; write also: [] or move the range")
    if len(set(also)) < len(also):
        raise ValueError(f"also repeats a value: {list(also)}; name each once")


def _check_range(low: float, high: float, scale: str, step: float | None, default: float) -> None:
    if low > high:
        raise ValueError(f"low {low!r} is above high {high!r}; swap them")
    if scale == "log" and low <= 0:
        raise ValueError(f"scale log needs low above 0, not {low!r}; raise low, or choose scale: linear")
    if scale == "log" and step is not None:
        raise ValueError("step needs scale: linear; drop step, or choose scale: linear")
    if not low <= default <= high:
        raise ValueError(f"default {default!r} lies outside [{low!r}, {high!r}]; choose a default in the range")
    if step is not None and not _on_grid(high, low, step):
        raise ValueError(f"high {high!r} is not low {low!r} plus a multiple of step {step!r}")
    if step is not None and not _on_grid(default, low, step):
        raise ValueError(f"default {default!r} is not low {low!r} plus a multiple of step {step!r}")
