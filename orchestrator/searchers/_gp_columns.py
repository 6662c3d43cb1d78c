"""The hyperparameters as columns of numbers between which squared distances add up: what the Gaussian process sees.

    a number                 its place on the unit interval (`to_unit`): its scale counts
    ordered choices          the place of the value among them, smallest first, at the middle of its cell
    other choices            a column for each, 1/sqrt(2) where it is chosen, else 0: any two of them are 1 apart
    inactive                 a number in the middle of its interval, a choice with zeros, half as far from each

A hyperparameter is active or not through its parents, and these have columns of their own that keep the two kinds
apart; so it is enough that configurations in which it is inactive agree in it, and lie on no particular side of the
others. Every distance is one between points, so the kernel over them is a valid one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias, TypeVar

import numpy as np

from orchestrator.searchers._arrays import Positions
from orchestrator.sweep.domains import Choice, Float, Hyperparameter, Value
from orchestrator.sweep.space import Space
from orchestrator.sweep.values import is_plain

Point: TypeAlias = tuple[float, ...]
"""One configuration; equal where nothing that is tuned differs."""
_Found = TypeVar("_Found")
_Encoder: TypeAlias = Callable[[Value], Sequence[float]]
_INACTIVE = object()
"""Stands for the value of what is not active: null is a value."""
VALUES_KEPT = 4096
"""Values of one hyperparameter whose places are remembered."""


class Columns:
    """Turns configurations into rows."""

    def __init__(self, space: Space) -> None:
        self.names = tuple(name for name in space.tunable if _has_room(space, name))
        """The hyperparameters that have columns: those with more than one value."""
        widths, encoders = zip(*(_encoder(space[name]) for name in self.names), strict=True) if self.names else ((), ())
        # Most configurations that are asked about share most values with one before. Typed: True is not 1.
        remembering = [_remembering(space[name], encode) for name, encode in zip(self.names, encoders, strict=True)]
        self._by_name = list(zip(self.names, remembering, strict=True))
        self.owner: Positions = np.repeat(np.arange(len(widths)), widths)
        """By column: the position in `names` of the hyperparameter that it is of."""

    def row(self, config: Mapping[str, Value]) -> Point:
        """Return the row of a configuration."""
        places: list[float] = []
        for name, encode in self._by_name:
            places += encode(config.get(name, _INACTIVE))
        return tuple(places)


def _has_room(space: Space, name: str) -> bool:
    domain = space[name]
    if isinstance(domain, Float) and domain.low == domain.high:
        return bool(domain.also)
    return space.size((name,)) != 1


def _encoder(domain: Hyperparameter) -> tuple[int, _Encoder]:
    """Return how many columns a hyperparameter has, and what fills them from its value, or from `_INACTIVE`."""
    if not isinstance(domain, Choice):
        return 1, lambda value: (0.5 if value is _INACTIVE else min(max(domain.to_unit(value), 0.0), 1.0),)
    count = domain.cells
    if domain.is_ordered:
        middles = [(cell + 0.5) / count for cell in range(count)]
        return 1, lambda value: (_at(middles, _cell(domain, value), 0.5),)
    nowhere = (0.0,) * count
    corners = [tuple(math.sqrt(0.5) * (other == cell) for other in range(count)) for cell in range(count)]
    return count, lambda value: _at(corners, _cell(domain, value), nowhere)


def _remembering(domain: Hyperparameter, encode: _Encoder) -> _Encoder:
    """Return an encoder that remembers what it said, where the values can be looked up."""
    if isinstance(domain, Choice) and not all(map(is_plain, domain.choices)):
        return encode
    return lru_cache(VALUES_KEPT, typed=True)(encode)


def _cell(domain: Choice, value: Value) -> int | None:
    """Return the cell of a value; None for what is no choice, as where the hyperparameter is inactive."""
    return None if value is _INACTIVE or not domain.contains(value) else domain.cell_of(value)


def _at(found: Sequence[_Found], position: int | None, otherwise: _Found) -> _Found:
    return otherwise if position is None else found[position]
