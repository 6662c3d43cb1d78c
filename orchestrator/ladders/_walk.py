"""The configurations of a block one after the other: where a ladder looks once its draws found only what was tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from orchestrator.sweep.domains import Config, Constant, Value
from orchestrator.sweep.space import Space


def walk(space: Space, names: Sequence[str], held: Mapping[str, Value], random: Random) -> Iterator[Config]:
    """Walk through the configurations of `names`, each once; a continuous one takes one drawn value at each visit."""
    order, opened = list(space), frozenset(names)

    def visit(depth: int, config: Config) -> Iterator[Config]:
        if depth == len(order):
            yield dict(config)
            return
        name = order[depth]
        if not space.is_active(name, config):
            yield from visit(depth + 1, config)
            return
        values = _values(space, name, random) if name in opened else iter([held.get(name, space[name].default)])
        for value in values:
            yield from visit(depth + 1, {**config, name: value})

    return visit(0, {})


def _values(space: Space, name: str, random: Random) -> Iterator[Value]:
    domain, cells = space[name], space.size([name])
    if cells is None:
        yield domain.from_unit(random.random())
        return
    start = random.randrange(cells)
    for cell in ((start + step) % cells for step in range(cells)):
        yield domain.from_unit(0.5) if isinstance(domain, Constant) else domain.cell(cell)
