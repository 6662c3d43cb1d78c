"""Which earlier trial a proposal comes nearest to: where the trail of a model's proposal goes on.

The distance of two configurations is the square root of the sum, over everything that is tuned, of the squares of

    numbers              the difference of their places on the unit interval (`to_unit`): its scale counts
    ordered choices      likewise: they lie by their size
    other choices        0 where they are the same, else 1
    active in one only   1; in neither 0

The earliest of several that are equally near counts. Nothing is decided by it; it is recorded with the proposal.
"""

from __future__ import annotations

import contextlib
import math
from array import array
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

from orchestrator.sweep.domains import Choice, Float, Hyperparameter, Int, Value
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Trial

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LOOKED_AT = 2
"""Columns after which those that are too far already are left out."""
FEW = 1_000
"""Trials that are not worth leaving some of them out."""
PARTS = 128
"""So many trials are measured along all columns to say what is too far."""


class Neighbours:
    """The configurations of a growing list of trials, a column of numbers for each hyperparameter.

    Each is encoded once. A question looks at all of them along the first columns alone, and then only at those that
    are not farther already than one of them is in all (100,000 trials of ten hyperparameters: a millisecond), whatever
    was asked before.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._columns = {name: array("d") for name in space.tunable}
        self._always = dict.fromkeys(self._columns, True)  # whether it is active in every trial so far
        self._known = 0

    def nearest(self, config: Mapping[str, Value], trials: Sequence[Trial]) -> int | None:
        """Return the number of the trial nearest to `config`; None where there is none. `trials` only ever grows."""
        import numpy as np  # a plan of a sweep asks for no neighbours, and must be quick

        self._enter([trial.config for trial in trials[self._known :]])
        if not trials:
            return None
        names = list(self._columns)
        places = {name: np.frombuffer(column) for name, column in self._columns.items()}
        mine = {name: self._place(name, config) for name in names}
        rows, squares = None, np.zeros(len(trials))
        for at in range(0, len(names), LOOKED_AT):
            for name in names[at : at + LOOKED_AT]:
                theirs = places[name] if rows is None else places[name][rows]
                squares += self._squares(name, mine[name], theirs)
            if len(squares) < FEW:
                continue
            some = _least_of_parts(squares)
            some = some if rows is None else rows[some]
            whole = np.zeros(len(some))
            for name in names:  # added up as the others are, bit for bit
                whole += self._squares(name, mine[name], places[name][some])
            bound = whole.min()
            near = np.flatnonzero(squares <= bound)  # what is added is never negative, in floating point too
            rows, squares = near if rows is None else rows[near], squares[near]
        found = int(np.argmin(squares))
        return trials[found if rows is None else int(rows[found])].number

    def _enter(self, configs: Sequence[Mapping[str, Value]]) -> None:
        """Write the configurations of new trials into the columns."""
        for name, column in self._columns.items():
            domain = self._space[name]
            if isinstance(domain, Float | Int):
                with contextlib.suppress(KeyError):  # it is inactive in one of them
                    column.extend(domain.to_units(list(map(itemgetter(name), configs))))
                    continue
            places = [self._place(name, config) for config in configs]
            self._always[name] &= not any(map(math.isnan, places))
            column.extend(places)
        self._known += len(configs)

    def _squares(self, name: str, mine: float, theirs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what a hyperparameter adds to the squares of the distances."""
        import numpy as np

        if math.isnan(mine):
            return np.asarray(~np.isnan(theirs), dtype=float)
        apart = theirs - mine
        squares = np.square(apart, out=apart) if has_places(self._space[name]) else (theirs != mine).astype(float)
        return squares if self._always[name] else np.where(np.isnan(theirs), 1.0, squares)

    def _place(self, name: str, config: Mapping[str, Value]) -> float:
        """Return where a value lies: a number on the unit interval, a choice by its position, NaN where inactive."""
        if name not in config:
            return math.nan
        domain, value = self._space[name], config[name]
        if isinstance(domain, Choice) and not (domain.is_ordered and domain.contains(value)):
            position = domain.index(value)
            return -1.0 if position is None else float(position)
        return domain.to_unit(value)


def _least_of_parts(squares: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the place of the least in each of `PARTS` parts: one of them as a rule lies near along all columns."""
    import numpy as np

    wide = len(squares) // PARTS
    return np.asarray(squares[: PARTS * wide].reshape(PARTS, wide).argmin(axis=1) + np.arange(0, PARTS * wide, wide))


def has_places(domain: Hyperparameter) -> bool:
    """Say whether the values of a domain lie nearer to some than to others: numbers, and choices that are ordered."""
    return not isinstance(domain, Choice) or domain.is_ordered
