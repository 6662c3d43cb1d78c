"""What schedulers share: which rung a report falls on, the percentile of the earlier values, the judgement by it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from math import floor

from orchestrator.sweep.judgement import Judgement

TOLERANCE = 1e-9
"""Relative distance up to which a reported fidelity is a rung's: sums of floats miss it by less."""


def rung_at(rungs: Sequence[float], fidelity: float) -> float | None:
    """Return the rung (of ascending `rungs`) that a report at `fidelity` falls on; None between rungs."""
    nearest = bisect_left(rungs, fidelity * (1 - TOLERANCE))
    if nearest < len(rungs) and rungs[nearest] <= fidelity * (1 + TOLERANCE):
        return rungs[nearest]
    return None


def require_finite(trial: int, fidelity: float, value: float) -> None:
    """Raise ValueError where `value` cannot be ranked: the controller stops such a trial and shows nobody its value."""
    if not math.isfinite(value):
        raise ValueError(f"trial {trial} at fidelity {fidelity:g}: {value} cannot be compared; stop the trial instead")


def judgement(rung: float, score: float, cutoff: float | None, sign: float, among: int) -> Judgement:
    """Judge `score` by `cutoff` (None: too few to say), both times `sign` so that greater is better."""
    if cutoff is None:
        return Judgement(weak=False, rung=rung, among=among)
    threshold = sign * cutoff + 0.0  # no threshold is -0.0
    return Judgement(weak=score < cutoff, rung=rung, threshold=threshold, among=among)


def percentile(ranked: Sequence[float], fraction: float) -> float:
    """Return the percentile at `fraction` (0 to 1) of ascending values, interpolated linearly, bit for bit NumPy's."""
    place = fraction * (len(ranked) - 1)
    below = floor(place)
    between = place - below
    if between == 0:
        return ranked[below]
    gap = ranked[below + 1] - ranked[below]
    return ranked[below] + gap * between if between < 0.5 else ranked[below + 1] - gap * (1 - between)
