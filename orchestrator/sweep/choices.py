"""Hyperparameters that take one of several values, or one alone.

The values may be anything that JSON can say. Choices that are all numbers are **ordered** unless the file says
otherwise: on the unit interval they lie by their size, so that whatever draws around a value, models it, or looks for
what is near it treats them as numbers. Other choices have no order: any two of them are equally far apart.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property
from itertools import accumulate
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, model_validator
from typing_extensions import override

from orchestrator.sweep.described import Described
from orchestrator.sweep.record import StrictFloat
from orchestrator.sweep.values import JsonValue, Value, identity, is_number, is_same


class Choice(Described):
    """One of several values."""

    type: Literal["choice"] = "choice"
    choices: tuple[JsonValue, ...] = Field(min_length=1)
    """The values, all different: numbers, text, true, false, null, lists, mappings."""
    ordered: Annotated[bool, Strict()] | None = None
    """Whether the values are numbers of which near ones are alike. None: yes where all are numbers. `false` makes each
    a kind of its own; `true` needs numbers."""
    weights: tuple[Annotated[StrictFloat, Field(gt=0)], ...] | None = None
    """How often each is drawn, in proportion, in the order of `choices`; what a model proposes goes by results. None:
    equally often."""
    default: JsonValue
    """The baseline's value, one of the choices."""

    @model_validator(mode="after")
    def _check(self) -> Choice:
        if len(self._positions) < len(self.choices):
            raise ValueError(f"choices repeat a value: {list(self.choices)}; name each once")
        if self.index(self.default) is None:
            raise ValueError(f"default {self.default!r} is not a choice; choose one of {list(self.choices)}")
        if self.ordered and not all(map(is_number, self.choices)):
            raise ValueError(f"ordered needs numbers, not {list(self.choices)}; remove it")
        if self.weights is not None and len(self.weights) != len(self.choices):
            raise ValueError(f"weights are {len(self.weights)} for {len(self.choices)} choices; write one for each")
        return self

    @property
    def is_ordered(self) -> bool:
        """Whether the choices are numbers whose order counts."""
        return all(map(is_number, self.choices)) if self.ordered is None else self.ordered

    @property
    def cells(self) -> int:
        """How many values it has."""
        return len(self.choices)

    def cell(self, number: int) -> Value:
        """Return one value: by size where they are ordered, 0 the smallest, else as the file lists them."""
        return self._in_order[number]

    def cell_of(self, value: Value) -> int:
        """Return the cell of a value; raises ValueError for one that is no choice."""
        position = self.index(value)
        if position is None:
            raise ValueError(f"{value!r} is not one of {list(self.choices)}")
        return self._ranks[position]

    def index(self, value: Any) -> int | None:
        """Return the position of `value` in the file's list, None where it is not a choice (True is not 1)."""
        try:
            return self._positions.get(identity(value))
        except TypeError:  # something with parts that no JSON has
            return None

    @override
    def canonical(self, value: Value) -> Value:
        """Return the choice that equals `value`, as the file writes it."""
        position = self.index(value)
        return value if position is None else self.choices[position]

    def from_unit(self, unit: float) -> Value:
        """Map `unit` in [0, 1] to a choice, each as wide as its weight."""
        if self.weights is None:
            return self.cell(min(int(unit * self.cells), self.cells - 1))
        return self.cell(next((cell for cell, edge in enumerate(self._edges) if unit < edge), self.cells - 1))

    def to_unit(self, value: Value) -> float:
        """Map a choice to the middle of its cell in [0, 1]."""
        cell = self.cell_of(value)
        if self.weights is None:
            return (cell + 0.5) / self.cells
        return (self._edges[cell] + (self._edges[cell - 1] if cell else 0.0)) / 2

    @property
    @override
    def middle(self) -> Value:
        """The middle one by size, of choices without an order the first."""
        return self.from_unit(0.5) if self.is_ordered else self.choices[0]

    def contains(self, value: Any) -> bool:
        """Say whether `value` is one of the choices."""
        return self.index(value) is not None

    @cached_property
    def _positions(self) -> dict[Hashable, int]:
        return {identity(choice): position for position, choice in enumerate(self.choices)}

    @cached_property
    def _order(self) -> list[int]:
        """By cell: the position in the file's list."""
        positions = range(len(self.choices))
        return sorted(positions, key=lambda position: self.choices[position]) if self.is_ordered else list(positions)

    @cached_property
    def _in_order(self) -> tuple[Value, ...]:
        return tuple(self.choices[position] for position in self._order)

    @cached_property
    def _ranks(self) -> dict[int, int]:
        return {position: cell for cell, position in enumerate(self._order)}

    @cached_property
    def _edges(self) -> list[float]:
        """Where each cell ends on the unit interval."""
        weights = [1.0] * self.cells if self.weights is None else [self.weights[position] for position in self._order]
        return [passed / sum(weights) for passed in accumulate(weights)]


class Constant(Described):
    """A value that every trial gets and nothing tunes."""

    type: Literal["constant"] = "constant"
    value: JsonValue
    """The value."""

    @property
    def default(self) -> Value:
        """The value: a constant is its own default."""
        return self.value

    def from_unit(self, _unit: float) -> Value:
        """Return the value, wherever the unit lies."""
        return self.value

    def to_unit(self, _value: Value) -> float:
        """Return the middle of the unit interval."""
        return 0.5

    def contains(self, value: Any) -> bool:
        """Say whether `value` is the constant (True is not 1)."""
        return is_same(value, self.value)
