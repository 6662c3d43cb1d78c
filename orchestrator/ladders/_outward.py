"""The configurations of a block, the nearest to a given one first: where a ladder goes on from what was tried already.

The distance is that of `_nearest`: numbers, and choices that are ordered, by their places on the unit interval, any two
other choices 1 apart. A number
without a grid takes values `FINEST` apart. Configurations are reached in steps of one cell, and a step away from the
start only makes the distance greater, so that taking the nearest that was reached (Dijkstra 1959) meets all in order.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import count

from orchestrator.ladders._nearest import has_places
from orchestrator.sweep.domains import Choice, Config, Float, Int, Value
from orchestrator.sweep.space import Space
from orchestrator.sweep.values import exact, is_same

FINEST = 1 / 64
"""Step of a number that has no grid, on the unit interval."""


def outward(
    space: Space, names: Sequence[str], held: Mapping[str, Value], start: Mapping[str, Value]
) -> Iterator[Config]:
    """Yield every configuration that differs from `held` in `names` alone, each once, the nearest to `start` first."""
    order = count()  # decides between equal distances: what was reached first
    first = space.complete({**held, **{name: start[name] for name in names if name in start}})
    reached = {_key(first)}
    waiting = [(0.0, next(order), first)]
    while waiting:
        _, _, config = heapq.heappop(waiting)
        yield dict(config)
        for name in names:
            for value in _steps(space, name, config) if name in config else ():
                found = space.complete({**config, name: value})
                if _key(found) not in reached:
                    reached.add(_key(found))
                    heapq.heappush(waiting, (_distance(space, names, first, found), next(order), found))


def _steps(space: Space, name: str, config: Config) -> list[Value]:
    """Return the values one step away: the cells beside it, or any other choice."""
    domain, value, cells = space[name], config[name], space.size((name,))
    if isinstance(domain, Choice) and domain.is_ordered:
        cell = domain.cell_of(value)
        return [domain.cell(beside) for beside in (cell - 1, cell + 1) if 0 <= beside < domain.cells]
    if isinstance(domain, Choice):
        return [choice for choice in domain.choices if not is_same(choice, value)]
    if isinstance(domain, Int):
        steps: list[Value] = [int(value) - domain.step, int(value) + domain.step]
        return [step for step in steps if domain.contains(step)]
    if isinstance(domain, Float) and cells is not None:
        cell = domain.cell_of(value)
        return [domain.cell(beside) for beside in (cell - 1, cell + 1) if 0 <= beside < cells]
    units = (domain.to_unit(value) + sign * FINEST for sign in (-1, 1))
    return [domain.from_unit(min(max(unit, 0.0), 1.0)) for unit in units]


def _distance(space: Space, names: Sequence[str], first: Config, other: Config) -> float:
    """Return the square of the distance; what is active in one only counts 1."""
    total = 0.0
    for name in names:
        if name in first and name in other and has_places(space[name]):
            total += (space[name].to_unit(first[name]) - space[name].to_unit(other[name])) ** 2
        elif (name in first) != (name in other) or (name in first and not is_same(first[name], other[name])):
            total += 1.0
    return total


def _key(config: Config) -> Hashable:
    return tuple((name, exact(value)) for name, value in config.items())
