"""Parzen estimators over the axes of a block: Optuna's densities, from arrays.

A kernel stands on each trial, one on the whole (the prior), and each is a product over the axes:

    a real axis      a normal distribution cut at 0 and 1, as wide as the farther of its two neighbours
    a short grid     the mass of one over the value's cell
    kinds            the trial's own with 1 more than the others'

as `optuna.samplers._tpe.parzen_estimator` of Optuna 5 has it, to 1e-12 of its log-densities; what is drawn takes the
same numbers from the same generator. Optuna spends nine tenths of a proposal on bringing trials into arrays, in which
they are here from the start (`_columns`), and most of the rest on one Python call for each mass.

Where a sample stands for the rest of many trials, each of its kernels weighs as many of them as it stands for
(`Observed.weights`), and what depends on how many there are goes by their whole number (`Observed.number`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri_exp

from orchestrator.searchers._arrays import FloatArray, Positions
from orchestrator.searchers._axis import Axis

PRIOR = 1.0
"""Weight of the prior, in trials."""
_NOTHING = -50.0
"""The log of what adds nothing to 1, however many there are: a thousand million kernels make 2e-13 of it."""
_WHOLE = 9.0
"""Standard deviations within which lies all of a normal distribution but 2e-19."""
_LOG_ROOT_TAU = 0.5 * float(np.log(2 * np.pi))


class Observed(NamedTuple):
    """What an estimator is made of."""

    places: Sequence[FloatArray]
    """By axis: the trials' places on it."""
    weights: FloatArray
    """Of each trial."""
    number: int
    """How many trials these stand for."""


class Numbers(NamedTuple):
    """The kernels on one axis of numbers: normal distributions, cut at the ends of the axis."""

    middles: FloatArray
    widths: FloatArray
    low: float
    high: float
    is_grid: bool

    @classmethod
    def of(cls, axis: Axis, places: FloatArray, number: int) -> Numbers:
        """Put a kernel on each place and the prior on the whole."""
        low, high = (0.0, 1.0) if axis.cells is None else (-0.5, axis.cells - 0.5)
        order = np.argsort(places)
        gaps = np.diff(np.concatenate(((low,), places[order], (high,))))
        wide = np.maximum(gaps[:-1], gaps[1:])
        if len(places) >= 2:  # the ends of the range are no neighbours where there are others
            wide[0], wide[-1] = gaps[1], gaps[-2]
        widths = np.empty(len(places) + 1)
        widths[order], widths[-1] = wide.clip((high - low) / min(100.0, 2.0 + number), high - low), high - low
        middles = np.concatenate((places, (0.5 * (low + high),)))
        return cls(middles, widths, low, high, axis.cells is not None)

    def draw(self, kernels: Positions, quantiles: FloatArray) -> FloatArray:
        """Draw one place from each of these kernels, at these quantiles."""
        middles, widths = self.middles[kernels], self.widths[kernels]
        drawn = _truncated(quantiles, (self.low - middles) / widths, (self.high - middles) / widths) * widths + middles
        if not self.is_grid:
            return drawn.clip(self.low, self.high)
        return np.round(drawn).clip(self.low + 0.5, self.high - 0.5)

    def fixed(self) -> FloatArray:
        """Return the part of each kernel's log-density that is the same everywhere."""
        if self.is_grid:
            return np.zeros(len(self.middles))
        mass = _log_mass((self.low - self.middles) / self.widths, (self.high - self.middles) / self.widths)
        return -(mass + np.log(self.widths) + _LOG_ROOT_TAU)

    def add(self, found: FloatArray, at: FloatArray) -> None:
        """Add the other part to `found`, each kernel's (columns) at each place (rows)."""
        if self.is_grid:
            found += self._of_cells(at)
            return
        apart = at[:, np.newaxis] - self.middles
        apart *= np.sqrt(0.5) / self.widths
        found -= np.square(apart, out=apart)

    def _of_cells(self, at: FloatArray) -> FloatArray:
        """Few kernels and few cells differ: each pair is looked at once."""
        cells, cell_of = np.unique(at, return_inverse=True)
        (middles, widths), kernel_of = _distinct(self.middles, self.widths)
        low, high = ((cells[:, np.newaxis] + end - middles) / widths for end in (-0.5, 0.5))
        masses = _log_mass(low, high)
        masses -= _log_mass((self.low - middles) / widths, (self.high - middles) / widths)
        return masses[np.ix_(cell_of.ravel(), kernel_of)]


class Kinds(NamedTuple):
    """The kernels on one axis of kinds."""

    places: Positions
    """The kind of each trial; that of the prior is none."""
    kinds: int
    number: int

    @classmethod
    def of(cls, axis: Axis, places: FloatArray, number: int) -> Kinds:
        """Put a kernel on each place and the prior on the whole."""
        return cls(places.astype(np.intp), axis.cells or 1, number)

    def draw(self, kernels: Positions, quantiles: FloatArray) -> FloatArray:
        """Draw one kind from each of these kernels, at these quantiles."""
        beside = PRIOR / (self.number + 1)
        chances = np.full((len(self.places) + 1, self.kinds), beside)
        chances[np.arange(len(self.places)), self.places] += 1
        chances /= chances.sum(axis=1, keepdims=True)
        until = np.cumsum(chances[kernels], axis=-1)
        until[:, -1] = 1
        return np.asarray(np.sum(until < quantiles[:, np.newaxis], axis=-1), dtype=float)

    def fixed(self) -> FloatArray:
        """Return what each kernel's log-probability is for kinds that are not its own."""
        beside = PRIOR / (self.number + 1)
        return np.append(np.full(len(self.places), self._log(beside)), -np.log(self.kinds))

    def add(self, found: FloatArray, at: FloatArray) -> None:
        """Add to `found` by how much each kernel's (columns) is more for its own kind, at each of these (rows)."""
        beside = PRIOR / (self.number + 1)
        more = self._log(1 + beside) - self._log(beside)
        found[:, :-1] += more * (at[:, np.newaxis] == self.places)

    def _log(self, chance: float) -> float:
        return float(np.log(chance / (1 + self.kinds * PRIOR / (self.number + 1))))


class ParzenEstimator:
    """A density over a block, and draws from it."""

    def __init__(self, axes: Sequence[Axis], observed: Observed) -> None:
        weights = np.append(observed.weights, PRIOR)
        self._weights: FloatArray = weights / weights.sum()
        self._axes: list[Numbers | Kinds] = [
            (Kinds if axis.is_kinds else Numbers).of(axis, places, observed.number)
            for axis, places in zip(axes, observed.places, strict=True)
        ]

    def draw(self, random: np.random.RandomState, count: int) -> list[FloatArray]:
        """Draw so many points; returns their places by axis.

        First the kernels are drawn, then the kinds axis by axis, then the numbers together: Optuna's order.
        """
        kernels = random.choice(len(self._weights), p=self._weights, size=count)
        found = {at: axis.draw(kernels, random.rand(count)) for at, axis in self._those_of(Kinds)}
        numbers = self._those_of(Numbers)
        quantiles = random.uniform(size=(len(numbers), count))
        found |= {at: axis.draw(kernels, own) for (at, axis), own in zip(numbers, quantiles, strict=True)}
        return [found[at] for at in range(len(self._axes))]

    def log_pdf(self, points: Sequence[FloatArray]) -> FloatArray:
        """Return the log-density at each of the points, which are given by axis."""
        fixed = sum((axis.fixed() for axis in self._axes), start=np.log(self._weights))
        found = np.tile(fixed, (len(points[0]), 1))
        for axis, places in zip(self._axes, points, strict=True):
            axis.add(found, places)
        highest = found.max(axis=1)
        found -= highest[:, np.newaxis]
        return np.asarray(np.log(_exp_of(found).sum(axis=1)) + highest)

    def _those_of(self, kind: type[Numbers | Kinds]) -> list[tuple[int, Numbers | Kinds]]:
        return [(at, axis) for at, axis in enumerate(self._axes) if isinstance(axis, kind)]


def ramp(count: int) -> FloatArray:
    """Return the weights of so many trials by age: the newest 25 count in full, the oldest least (Optuna's)."""
    return np.ones(count) if count < 25 else np.concatenate([np.linspace(1 / count, 1.0, count - 25), np.ones(25)])


def ramp_at(ages: Positions, count: int) -> FloatArray:
    """Return the weights of some of so many trials, which are more than 26, by their positions from the oldest on."""
    return np.asarray(np.minimum(1 / count + ages * ((1 - 1 / count) / (count - 26)), 1.0))


def _exp_of(found: FloatArray) -> FloatArray:
    """Return the exponentials of numbers of which the greatest in each row is 0, in their place.

    Most kernels are far from most points, and what underflows takes a processor longest: such are not asked for.
    """
    flat = found.reshape(-1)
    places = np.flatnonzero(flat > _NOTHING)
    near = np.exp(flat[places])
    flat.fill(0.0)
    flat[places] = near
    return flat.reshape(found.shape)


def _log_mass(low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the log of a standard normal's mass between two places, exact in either tail; 0 where both are far out."""
    found = np.zeros(np.broadcast(low, high).shape)
    is_cut = (low > -_WHOLE) | (high < _WHOLE)
    found[is_cut] = _log_mass_cut(low[is_cut], high[is_cut])
    return found


def _log_mass_cut(low: FloatArray, high: FloatArray) -> FloatArray:
    is_right = low > 0
    near, far = np.where(is_right, -low, high), np.where(is_right, -high, low)  # the right tail is the left one turned
    is_tail = near <= 0
    central: FloatArray = np.log1p(-ndtr(np.where(is_tail, -1.0, low)) - ndtr(-np.where(is_tail, 1.0, high)))
    if not is_tail.any():
        return central
    tail, edge = log_ndtr(near[is_tail]), log_ndtr(far[is_tail])
    central[is_tail] = tail + np.log1p(-np.exp(edge - tail))
    return central


def _truncated(quantiles: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the quantiles of standard normals cut at `low` and `high`."""
    mass, is_left = _log_mass(low, high), low < 0
    with np.errstate(divide="ignore"):  # the quantile 0 is the lower end
        part = np.where(is_left, np.log(quantiles), np.log1p(-quantiles)) + mass
    found = ndtri_exp(np.logaddexp(log_ndtr(np.where(is_left, low, -high)), part))
    return np.asarray(np.where(is_left, found, -found))


def _distinct(first: FloatArray, second: FloatArray) -> tuple[tuple[FloatArray, FloatArray], Positions]:
    """Return the pairs that differ, and which of them each one is."""
    order = np.lexsort((second, first))
    one, other = first[order], second[order]
    is_new = np.concatenate([[True], (np.diff(one) != 0) | (np.diff(other) != 0)])
    which = np.empty(len(order), dtype=np.intp)
    which[order] = np.cumsum(is_new) - 1
    return (one[is_new], other[is_new]), which
