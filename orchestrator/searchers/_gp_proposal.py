"""The configuration from which most improvement is expected, by the logarithm of that expectation.

The logarithm tells apart what is hopeless from what is more so (Ament et al. 2023, arXiv:2310.20708), where the
expectation itself is zero in floating point. Candidates are drawn over the whole block, around the best trials, and
beside them; from the best few of these a walk to better neighbours begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

import numpy as np
from scipy.special import erfcx, ndtr

from orchestrator.searchers._arrays import FloatArray
from orchestrator.searchers._gp_columns import Columns, Point
from orchestrator.searchers._gp_model import Posterior
from orchestrator.sweep.domains import Choice, Config, Float, Value
from orchestrator.sweep.space import Space
from orchestrator.sweep.values import exact

UNIFORM = 100
"""Candidates drawn over the whole block."""
REDRAWN = 70
"""Candidates that are a leader with some of the block drawn anew."""
MOVED = 50
"""Candidates that are a leader with some of the block moved a little."""
CHANGED = 0.35
"""Chance of each hyperparameter of the block to be drawn anew, or moved."""
NEARBY = 0.1
"""Standard deviation of a move of a number, on the unit interval."""
CLIMBS = 2
"""Candidates from which a walk begins."""
STRIDES = (0.08, 0.04, 0.02, 0.01)
"""Steps of a walk on the unit interval, one round each; on a coarse grid a step is one cell."""


class Proposer:
    """Looks through the configurations that differ from what is held in a block alone."""

    def __init__(self, space: Space, columns: Columns, block: Iterable[str], held: Mapping[str, Value]) -> None:
        self._space, self._columns = space, columns
        self._block = [name for name in space if name in set(block)]
        self._held = held
        self._cells = {name: space.size((name,)) for name in self._block}

    def propose(
        self,
        posterior: Posterior,
        best: float,
        leaders: Sequence[Mapping[str, Value]],
        tried: set[Point],
        random: Random,
    ) -> Config | None:
        """Return the configuration, none that was tried; None where every candidate was.

        `best`: the value to improve on. Raises FloatingPointError where no expectation is finite.
        """
        if not self._block:
            return None
        starts = [self._complete(leader) for leader in leaders]
        candidates = self._rows(self._candidates(starts, random), tried)
        if not candidates:
            return None
        scores = self._scores(posterior, best, candidates)
        climbs = sorted(candidates, key=lambda row: -scores[row])[:CLIMBS]
        for stride in STRIDES:
            around = {row: self._rows(self._neighbours(candidates[row], stride), tried) for row in climbs}
            found = {row: config for near in around.values() for row, config in near.items() if row not in scores}
            scores |= self._scores(posterior, best, found)
            candidates |= found
            climbs = [max((row, *around[row]), key=scores.__getitem__) for row in climbs]
        return candidates[max(climbs, key=scores.__getitem__)]

    def _scores(self, posterior: Posterior, best: float, found: Mapping[Point, Config]) -> dict[Point, float]:
        if not found:
            return {}
        expected, deviations = posterior.predict(np.array(list(found)))
        scores = log_improvement((best - expected) / deviations) + np.log(deviations)
        if not np.isfinite(scores).all():
            raise FloatingPointError("the expected improvement is not finite")
        return dict(zip(found, scores.tolist(), strict=True))

    def _rows(self, configs: Iterable[Config], tried: set[Point]) -> dict[Point, Config]:
        found = {self._columns.row(config): config for config in configs}
        return {row: config for row, config in found.items() if row not in tried}

    def _complete(self, source: Mapping[str, Value], values: Mapping[str, Value] | None = None) -> Config:
        """Return `held` with the block's values of `source`, and `values` before them."""
        block = {name: source[name] for name in self._block if name in source}
        return self._space.complete({**self._held, **block, **(values or {})})

    def _changed(self, config: Config, values: Mapping[str, Value]) -> Config:
        """Return what `_complete` made, with other values."""
        return self._complete(config, values) if self._space.controlling else {**config, **values}

    def _candidates(self, starts: Sequence[Config], random: Random) -> Iterator[Config]:
        for _ in range(UNIFORM):
            yield self._complete({}, {name: self._drawn(name, random) for name in self._block})
        for start in starts:
            yield start
            yield from self._neighbours(start, STRIDES[0])
        for number in range((REDRAWN + MOVED) * bool(starts)):
            start = random.choice(starts)
            chosen = [name for name in self._block if random.random() < CHANGED] or [random.choice(self._block)]
            move = self._drawn if number < REDRAWN else self._moved
            yield self._changed(start, {name: move(name, random, start) for name in chosen})

    def _drawn(self, name: str, random: Random, _start: Config | None = None) -> Value:
        return self._space[name].from_unit(random.random())

    def _moved(self, name: str, random: Random, start: Config) -> Value:
        domain = self._space[name]
        if name not in start or (isinstance(domain, Choice) and not domain.is_ordered):
            return self._drawn(name, random)
        if isinstance(domain, Choice):
            return _stepped(domain, start[name], random.choice((-1, 1)))
        return domain.from_unit(min(max(random.gauss(domain.to_unit(start[name]), NEARBY), 0.0), 1.0))

    def _neighbours(self, config: Config, stride: float) -> Iterator[Config]:
        """Return what differs in one hyperparameter: a number one and two steps away, any other choice."""
        for name in self._block:
            if name in config:
                for value in self._beside(name, config[name], stride):
                    if exact(value) != exact(config[name]):
                        yield self._changed(config, {name: value})

    def _beside(self, name: str, value: Value, stride: float) -> Sequence[Value]:
        domain, cells = self._space[name], self._cells[name]
        if isinstance(domain, Choice):
            return domain.choices
        step = stride if cells is None or _is_uneven(domain) else max(stride, 1 / cells)
        unit = domain.to_unit(value)
        return [domain.from_unit(min(max(unit + times * step, 0.0), 1.0)) for times in (-2, -1, 1, 2)]


def log_improvement(above: FloatArray) -> FloatArray:
    """Return log(phi(z) + z Phi(z)): the log of what a standard normal, shifted up by z, is expected to exceed 0 by."""
    density = -0.5 * above**2 - 0.5 * math.log(2 * math.pi)
    plain = np.log(np.maximum(np.exp(density) + above * ndtr(above), np.finfo(float).tiny))
    below = np.minimum(above, -1.0)  # with Phi(z) = phi(z) sqrt(pi/2) erfcx(-z/sqrt(2)) the density can be taken out
    ratio = math.sqrt(math.pi / 2) * erfcx(-below / math.sqrt(2)) * below
    tail = np.where(below > -1e4, np.log1p(np.maximum(ratio, -1 + 1e-12)), -2 * np.log(-below))
    shape: FloatArray = np.where(above > -1.0, plain, density + tail)
    return shape


def _is_uneven(domain: object) -> bool:
    """Say whether the cells of a domain differ in width on the unit interval, as on a log scale."""
    return not domain.is_even if isinstance(domain, Float) else getattr(domain, "scale", "linear") == "log"


def _stepped(domain: Choice, value: Value, step: int) -> Value:
    """Return the number beside `value` among choices of numbers; itself at the end."""
    return domain.cell(min(max(domain.cell_of(value) + step, 0), domain.cells - 1))
