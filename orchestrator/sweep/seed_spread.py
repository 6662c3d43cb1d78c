"""How far the seeds of one configuration lie apart: what is seen of it, moderated by what is seen of the others.

Four seeds say little of a spread, and configurations differ in theirs: who came to the race by luck spreads more than
most. So each has a variance of its own, and what is known of the others counts as `PRIOR_DF` further degrees of freedom
(Smyth 2004, doi:10.2202/1544-6115.1027, as `limma` does it for genes):

    v = (d0 s0 + d s) / (d0 + d)     s, d    sample variance of the configuration, on so many degrees of freedom
                                     d0      `PRIOR_DF`
                                     s0      the centre of the variances, by which all that is seen is likeliest: it is
                                             the harmonic mean of their v
    df = d0 + d                      but never more than all of them have together

Who repeats itself exactly, which a metric of few values does by chance, says nothing of the centre.

`PRIOR_DF` is what the best hundredth to twentieth of configurations have in common on the development tables of
`scripts/bench-confirm`: 2.5 to 5 on the two that have the most seeds' luck between configurations, from 13 to no limit
on the six others. The careful end counts.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

PRIOR_DF = 4
"""For how many degrees of freedom of its own the others count in the spread of one configuration."""
_HALVINGS = 60
"""Of the interval in which the centre is looked for."""
_T_QUANTILES = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t at 97.5 % for 1 to 30 degrees of freedom, as in any table of it."""


class Sample(NamedTuple):
    """What was seen of one configuration's spread."""

    variance: float
    """Between its seeds."""
    df: int
    """On so many degrees of freedom; 0 says nothing."""


class Spread(NamedTuple):
    """A standard deviation, and on how much it rests."""

    deviation: float
    """Between seeds, or of a mean over seeds."""
    df: float
    """Degrees of freedom."""

    def half_width(self, variance: float = 1.0) -> float:
        """Return half of the interval at 95 % of what varies by so many times the variance."""
        return t_quantile(self.df) * self.deviation * math.sqrt(variance)

    def of_mean(self, count: int) -> Spread:
        """Return the standard error of a mean over so many seeds."""
        return Spread(self.deviation / math.sqrt(count), self.df)


def sample_of(values: Sequence[float]) -> Sample:
    """Return what trainings of one configuration say of its spread.

    Fewer than two say nothing, nor do values so far apart that floating point cannot hold the square.
    """
    if len(values) < 2:
        return Sample(0.0, 0)
    try:
        return Sample(statistics.variance(values), len(values) - 1)
    except OverflowError:
        return Sample(0.0, 0)


def pooled(samples: Iterable[Sample]) -> Spread | None:
    """Return the spread as if all configurations had the same; None where nothing was repeated."""
    seen = [sample for sample in samples if sample.df]
    df = sum(sample.df for sample in seen)
    deviation = math.sqrt(sum(sample.variance * (sample.df / df) for sample in seen)) if df else math.inf
    return Spread(deviation, df) if math.isfinite(deviation) else None


def moderated(own: Sample, samples: Iterable[Sample]) -> Spread | None:
    """Return the spread of one configuration among `samples`, its own included; None where nothing was repeated."""
    seen = [sample for sample in samples if sample.df]
    if not seen:
        return None
    varying = [sample for sample in seen if sample.variance > sys.float_info.min]
    variance = _moderated(own, _centre(varying)) if varying else 0.0
    return Spread(math.sqrt(variance), min(PRIOR_DF + own.df, sum(sample.df for sample in seen)))


def of_difference(one: Spread, other: Spread, samples: Iterable[Sample]) -> Spread:
    """Return the standard error of the difference of two means, of which these are the standard errors.

    By Welch and Satterthwaite, and never surer than all samples together.
    """
    error, most = math.hypot(one.deviation, other.deviation), sum(sample.df for sample in samples)
    if error == 0:
        return Spread(0.0, most)
    parts = sum((mean.deviation / error) ** 4 / mean.df for mean in (one, other))
    return Spread(error, min(1 / parts, most))


def mean_of(values: Sequence[float]) -> float:
    """Return the mean, also of values whose sum floating point cannot hold."""
    try:
        return statistics.fmean(values)
    except OverflowError:
        return math.fsum(value / len(values) for value in values)


def t_quantile(df: float) -> float:
    """Return Student's t at 97.5 %, between whole degrees of freedom its logarithm by their inverse.

    Beyond 30 by Cornish and Fisher's expansion.
    """
    if df > len(_T_QUANTILES):
        z = 1.959964
        return z + (z**3 + z) / (4 * df) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df**2)
    below = max(1, math.floor(df))
    low = _T_QUANTILES[below - 1]
    if df <= below or below == len(_T_QUANTILES):
        return low
    part = (1 / below - 1 / df) / (1 / below - 1 / (below + 1))
    return float(low * (_T_QUANTILES[below] / low) ** part)


def _moderated(sample: Sample, centre: float) -> float:
    return centre * (PRIOR_DF / (PRIOR_DF + sample.df)) + sample.variance * (sample.df / (PRIOR_DF + sample.df))


def _centre(samples: Collection[Sample]) -> float:
    """Return the harmonic mean of the moderated variances, by halving: it lies between the least and the greatest."""
    low, high = (math.log(end(sample.variance for sample in samples)) for end in (min, max))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        centre = math.exp(middle)
        if sum(centre / _moderated(sample, centre) for sample in samples) > len(samples):
            high = middle
        else:
            low = middle
    return math.exp((low + high) / 2)
