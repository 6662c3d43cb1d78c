"""Every combination of some values of each hyperparameter of the block, in order.

Choices, and numbers with few values, appear in full; of the others `points` values are taken, evenly spread on their
scale from end to end. Conditions are honoured while a row is built, parents first, so an inactive hyperparameter does
not multiply the rows. The last hyperparameter changes fastest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import override

from orchestrator.searchers import ProposalRequest, Searcher
from orchestrator.sweep.domains import Choice, Config, Float, Hyperparameter, Record, StrictInt, Value
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Trial
from orchestrator.sweep.values import JsonValue, exact

MOST_ROWS = 100_000
"""A larger grid is taken for a mistake."""


class GridSearcher(Searcher):
    """Goes through a grid: request `position` gets row `position`."""

    enumerates = True

    class Options(Searcher.Options):
        """Which values make the grid."""

        points: StrictInt = Field(5, ge=1, le=1000)
        """Values of each number that has more than this many; 1 takes its default."""
        values: Mapping[str, Annotated[tuple[JsonValue, ...], Field(min_length=1)]] = Field(default_factory=dict)
        """Values by hyperparameter, where they are to be exactly these."""

    options: Options

    def __init__(self, space: Space, goal: Literal["maximize", "minimize"], options: Record) -> None:
        super().__init__(space, goal, options)
        self._values = {name: self._axis(name, domain) for name, domain in space.items()}

    @override
    def propose(self, request: ProposalRequest, trials: Sequence[Trial]) -> Config | None:
        """Return row `position`; None behind the last."""
        if request.position >= self.rows(request.block, request.held):
            return None
        return self._row(request.position, request.block, request.held)

    @override
    def count(self, block: tuple[str, ...]) -> int:
        """Return the number of rows, and one more where none of them is the defaults."""
        defaults = self.space.baseline
        is_there = all(
            any(exact(value) == exact(defaults[name]) for value in self._values[name])
            for name in block
            if name in defaults
        )
        return self.rows(block, {}) + (not is_there)

    @override
    def axes(self, block: tuple[str, ...]) -> Mapping[str, tuple[Value, ...]]:
        """Return the values of each hyperparameter of the block."""
        return {name: self._values[name] for name in block}

    def rows(self, block: Sequence[str], held: Mapping[str, Value]) -> int:
        """Count the rows of the grid over `block`, the other values as `held`."""
        return self._count(tuple(self.space), {}, block, held)

    @classmethod
    def problems(cls, space: Space, blocks: Sequence[tuple[str, ...]], options: Record) -> list[str]:
        """Name listed values that cannot be, and grids of more than MOST_ROWS rows."""
        assert isinstance(options, GridSearcher.Options)
        found = []
        for name, values in options.values.items():
            if name not in space:
                found.append(f"values.{name}: {name!r} is not in the search space; it holds {list(space)}")
            elif wrong := [value for value in values if not space[name].contains(value)]:
                found.append(f"values.{name}: {name!r} cannot be {wrong[0]!r}; list values inside its range")
        if found:
            return found
        searcher = cls(space, "maximize", options)
        for block in blocks:
            rows = searcher.rows(block, {})
            if rows > MOST_ROWS:
                found.append(
                    f"the grid over {', '.join(block)} has {rows:,} rows, more than {MOST_ROWS:,}; "
                    "lower points, list values, or open fewer hyperparameters"
                )
        return found

    def _axis(self, name: str, domain: Hyperparameter) -> tuple[Value, ...]:
        if name in self.options.values:
            return _distinct(domain.canonical(value) for value in self.options.values[name])
        cells, points = self.space.size((name,)), self.options.points
        if isinstance(domain, Choice):
            return domain.choices
        if isinstance(domain, Float) and cells is not None and cells <= points:
            return tuple(domain.cell(cell) for cell in range(cells))
        if cells is not None and cells <= points:
            units = [(cell + 0.5) / cells for cell in range(cells)]
        elif points == 1:
            return (domain.default,)
        else:
            units = [point / (points - 1) for point in range(points)]
        return _distinct(domain.from_unit(unit) for unit in units)

    def _count(self, names: tuple[str, ...], config: Config, block: Sequence[str], held: Mapping[str, Value]) -> int:
        if not names:
            return 1
        name, rest = names[0], names[1:]
        values = self._open_values(name, config, block, held)
        if name in self.space.controlling and values:
            return sum(self._count(rest, {**config, name: value}, block, held) for value in values)
        return max(1, len(values)) * self._count(rest, config, block, held)

    def _row(self, position: int, block: Sequence[str], held: Mapping[str, Value]) -> Config:
        config: Config = {}
        names = tuple(self.space)
        for index, name in enumerate(names):
            for value in self._open_values(name, config, block, held):
                config[name] = value
                below = self._count(names[index + 1 :], config, block, held)
                if position < below:
                    break
                position -= below
        return config

    def _open_values(
        self, name: str, config: Config, block: Sequence[str], held: Mapping[str, Value]
    ) -> tuple[Value, ...]:
        if not self.space.is_active(name, config):
            return ()
        return self._values[name] if name in block else (held.get(name, self.space[name].default),)


def _distinct(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple({exact(value): value for value in values}.values())


MEMBER = GridSearcher
