"""Which earlier trial a proposal comes nearest to: where the trail of a model's proposal goes on.

The distance of two configurations is the square root of the sum, over everything that is tuned, of the squares of

    numbers              the difference of their places on the unit interval (`to_unit`): its scale counts
    ordered choices      likewise: they lie by their size
    other choices        0 where they are the same, else 1
    active in one only   1; in neither 0

The earliest of several that are equally near counts. Nothing is decided by it; it is recorded with the proposal.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence

from orchestrator.sweep.domains import Choice, Hyperparameter, Value
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Trial


class Neighbours:
    """The configurations of a growing list of trials, a column of numbers for each hyperparameter.

    Each is encoded once; a question costs one pass over the columns (100,000 trials of ten hyperparameters: some
    milliseconds), whatever was asked before.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._columns = {name: array("d") for name in space.tunable}
        self._known = 0

    def nearest(self, config: Mapping[str, Value], trials: Sequence[Trial]) -> int | None:
        """Return the number of the trial nearest to `config`; None where there is none. `trials` only ever grows."""
        import numpy as np  # a plan of a sweep asks for no neighbours, and must be quick

        for trial in trials[self._known :]:
            for name, column in self._columns.items():
                column.append(self._place(name, trial.config))
        self._known = len(trials)
        if not trials:
            return None
        squares = np.zeros(len(trials))
        for name, column in self._columns.items():
            mine, theirs = self._place(name, config), np.frombuffer(column)
            if math.isnan(mine):
                squares += ~np.isnan(theirs)
                continue
            apart = (theirs - mine) ** 2 if has_places(self._space[name]) else theirs != mine
            squares += np.where(np.isnan(theirs), 1.0, apart)
        return trials[int(np.argmin(squares))].number

    def _place(self, name: str, config: Mapping[str, Value]) -> float:
        """Return where a value lies: a number on the unit interval, a choice by its position, NaN where inactive."""
        if name not in config:
            return math.nan
        domain, value = self._space[name], config[name]
        if isinstance(domain, Choice) and not (domain.is_ordered and domain.contains(value)):
            position = domain.index(value)
            return -1.0 if position is None else float(position)
        return domain.to_unit(value)


def has_places(domain: Hyperparameter) -> bool:
    """Say whether the values of a domain lie nearer to some than to others: numbers, and choices that are ordered."""
    return not isinstance(domain, Choice) or domain.is_ordered
