"""A Gaussian process with a Matern-5/2 kernel and a length for each hyperparameter (Rasmussen and Williams 2006).

Lengths, signal and noise are the most probable ones under broad log-normal priors. That of the lengths is the same for
any number of hyperparameters: one that grows with the root of it (Hvarfner et al. 2024, arXiv:2402.02229) takes what
few trials say for too smooth, and found less with 4 to 16 of them (docs/decisions/57). The search for the scales
starts from fixed points: it depends on the evidence alone.

Values are standardised, and lower is better; lengths are in units of the columns (`_gp_columns`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, lapack, solve_triangular
from scipy.optimize import minimize

from orchestrator.searchers._arrays import FloatArray, Positions

JITTER = 1e-5
"""Variance that is always added to the noise, so that the kernel's matrix stays well conditioned."""
ITERATIONS = 15
"""Steps of L-BFGS-B from each start: the posterior is flat around its top, and proposals don't change with more."""
STARTS = ((math.log(0.6), 0.0, math.log(0.05)), (math.log(2.0), 0.0, math.log(0.01)))
"""Where the search for the scales starts: log length of every hyperparameter, log signal, log noise."""
LENGTH_MIDDLE = 0.0
"""Middle of the lengths' prior, a logarithm: a hyperparameter's whole interval."""
LENGTH_SPREAD, SIGNAL_SPREAD, NOISE_SPREAD = 1.2, 1.0, 1.0
"""Standard deviations of the priors, all on logarithms."""
NOISE_MIDDLE = math.log(0.02)
"""Middle of the noise's prior; the signal's is 0."""
LENGTH_BOUNDS, SIGNAL_BOUNDS, NOISE_BOUNDS = (-3.0, 4.0), (-3.0, 3.0), (-9.0, 0.5)
"""Between which logarithms the scales are sought."""
ROOT = math.sqrt(5.0)


@dataclass(frozen=True, slots=True)
class Scales:
    """The kernel's parameters."""

    lengths: FloatArray
    """By column: the distance over which values change."""
    signal: float
    """Variance of the function."""
    noise: float
    """Variance of a value around it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known: rows, their values, and how much more each is in doubt than a complete training's."""

    rows: FloatArray
    """One for each trial."""
    values: FloatArray
    """Standardised; lower is better."""
    doubts: FloatArray
    """Variance to add to the noise."""


def fit_scales(evidence: Evidence, owner: Positions) -> Scales:
    """Return the most probable scales; `owner` names the hyperparameter of each column by its position.

    Raises FloatingPointError where arithmetic fails from every start.
    """
    count = int(owner.max()) + 1
    surface = _Surface(evidence, owner, count)
    bounds = [LENGTH_BOUNDS] * count + [SIGNAL_BOUNDS, NOISE_BOUNDS]
    found = []
    for length, signal, noise in STARTS:
        start = np.array([length] * count + [signal, noise])
        found.append(minimize(surface, start, jac=True, method="L-BFGS-B", bounds=bounds,
                              options={"maxiter": ITERATIONS}))  # fmt: skip
    best = min(found, key=lambda result: float(result.fun))
    if not best.fun < _Surface.IMPOSSIBLE:
        raise FloatingPointError("no scales of the kernel fit the evidence")
    return Scales(np.exp(best.x[:count])[owner], math.exp(best.x[-2]), math.exp(best.x[-1]))


class Posterior:
    """What the process says of any row once it has seen the evidence; raises FloatingPointError where it cannot."""

    def __init__(self, scales: Scales, evidence: Evidence) -> None:
        self._scales, self._evidence = scales, evidence
        kernel = self._kernel(evidence.rows)
        kernel[np.diag_indices_from(kernel)] += scales.noise + JITTER + evidence.doubts
        try:
            self._root = cholesky(kernel, lower=True, check_finite=False)
        except np.linalg.LinAlgError as error:
            raise FloatingPointError("the kernel's matrix is not positive definite") from error
        self._weights = cho_solve((self._root, True), evidence.values, check_finite=False)
        if not np.isfinite(self._weights).all():
            raise FloatingPointError("the process is not finite")

    def fitted(self) -> FloatArray:
        """Return the expected value at each row of the evidence: what noise and doubt leave of its value."""
        known = self._evidence
        expected: FloatArray = known.values - (self._scales.noise + JITTER + known.doubts) * self._weights
        return expected

    def mean(self, rows: FloatArray) -> FloatArray:
        """Return the expected value at each row."""
        expected: FloatArray = self._kernel(rows) @ self._weights
        return expected

    def predict(self, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the expected value at each row and its standard deviation, noise aside."""
        kernel = self._kernel(rows)
        explained = solve_triangular(self._root, kernel.T, lower=True, check_finite=False)
        variance = self._scales.signal - (explained**2).sum(axis=0)
        return kernel @ self._weights, np.sqrt(np.maximum(variance, 1e-10))

    def believing(self, rows: FloatArray) -> Posterior:
        """Return the process that believes its own mean at these rows: running trials, which it need not ask about."""
        if not len(rows):
            return self
        known = self._evidence
        return Posterior(
            self._scales,
            Evidence(
                np.vstack([known.rows, rows]),
                np.concatenate([known.values, self.mean(rows)]),
                np.concatenate([known.doubts, np.zeros(len(rows))]),
            ),
        )

    def _kernel(self, rows: FloatArray) -> FloatArray:
        here, there = rows / self._scales.lengths, self._evidence.rows / self._scales.lengths
        squares = (here**2).sum(axis=1)[:, None] + (there**2).sum(axis=1)[None] - 2 * here @ there.T
        distance = np.sqrt(np.maximum(squares, 0.0))
        shape: FloatArray = (1 + ROOT * distance + 5 / 3 * distance**2) * np.exp(-ROOT * distance)
        return self._scales.signal * shape


class _Surface:
    """The negative log posterior of the scales' logarithms, with its gradient. Each pair of rows is looked at once."""

    IMPOSSIBLE = 1e10

    def __init__(self, evidence: Evidence, owner: Positions, count: int) -> None:
        self._values, self._doubts, self._count = evidence.values, evidence.doubts, count
        size = len(evidence.values)
        self._later, self._earlier = np.tril_indices(size, -1)
        self._places = self._earlier * size + self._later  # below the diagonal, column by column as LAPACK has it
        squares = np.zeros((count, len(self._later)))
        for position, column in zip(owner, evidence.rows.T, strict=True):
            squares[position] += (column[self._later] - column[self._earlier]) ** 2
        self._squares = squares
        self._middle = np.array([LENGTH_MIDDLE] * count + [0.0, NOISE_MIDDLE])
        self._spread = np.array([LENGTH_SPREAD] * count + [SIGNAL_SPREAD, NOISE_SPREAD])

    def __call__(self, logarithms: FloatArray) -> tuple[float, FloatArray]:
        """Return height and slope; a high plateau where the matrix is not positive definite."""
        signal, noise = math.exp(logarithms[-2]), math.exp(logarithms[-1])
        closeness = np.exp(-2 * logarithms[:-2])
        distance = np.sqrt(closeness @ self._squares)
        decay = np.exp(-ROOT * distance)
        slope = (1 + ROOT * distance) * decay
        shape = slope + 5 / 3 * distance**2 * decay
        root, failed = lapack.dpotrf(self._kernel(signal, noise, shape), lower=1, overwrite_a=1)
        if failed:
            return self.IMPOSSIBLE, np.zeros_like(logarithms)
        weights = cho_solve((root, True), self._values, check_finite=False)
        inverse = lapack.dpotri(root, lower=1)[0]
        pull = weights[self._later] * weights[self._earlier] - inverse.T.ravel()[self._places]
        pull_at_itself = (weights**2 - np.diag(inverse)).sum()
        away = (logarithms - self._middle) / self._spread
        height = 0.5 * self._values @ weights + np.log(np.diag(root)).sum() + 0.5 * away @ away
        gradient = away / self._spread
        gradient[:-2] -= 5 / 3 * signal * closeness * (self._squares @ (pull * slope))
        gradient[-2] -= signal * (pull @ shape + 0.5 * pull_at_itself)
        gradient[-1] -= 0.5 * noise * pull_at_itself
        return float(height), gradient

    def _kernel(self, signal: float, noise: float, shape: FloatArray) -> FloatArray:
        """Return the matrix's lower half."""
        size = len(self._values)
        half = np.zeros(size * size)
        half[self._places] = signal * shape
        half[:: size + 1] = signal + noise + JITTER + self._doubts
        return half.reshape(size, size).T
