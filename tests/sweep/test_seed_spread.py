"""How far the seeds of one configuration lie apart, by its own trainings and those of the others."""

import math
import statistics
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from orchestrator.sweep.seed_spread import (
    PRIOR_DF,
    Sample,
    Spread,
    mean_of,
    moderated,
    of_difference,
    pooled,
    sample_of,
    t_quantile,
)


def likelihood(samples: list[Sample], centre: float) -> float:
    """The logarithm of what the samples' variances are worth, each in proportion to F(df, PRIOR_DF)."""
    return sum(
        PRIOR_DF / 2 * math.log(centre)
        - (PRIOR_DF + sample.df) / 2 * math.log(PRIOR_DF * centre + sample.df * sample.variance)
        for sample in samples
    )


def test_the_centre_makes_what_was_seen_likeliest():
    samples = [Sample(1.0, 3), Sample(9.0, 1), Sample(0.5, 2), Sample(4.0, 6)]
    unseen = moderated(Sample(0.0, 0), samples)  # who was seen once is at the centre
    centre = unseen.deviation**2
    assert all(
        likelihood(samples, centre) > likelihood(samples, centre * factor) for factor in (0.9, 0.999, 1.001, 1.1)
    )
    own = moderated(samples[3], samples)
    assert own.deviation**2 == pytest.approx((PRIOR_DF * centre + 6 * 4.0) / (PRIOR_DF + 6))


def test_nobody_is_surer_than_all_together():
    few = [Sample(1.0, 2), Sample(2.0, 1)]
    assert moderated(few[0], few).df == 3
    many = [Sample(1.0, 9), Sample(2.0, 8)]
    assert moderated(many[0], many).df == PRIOR_DF + 9
    assert of_difference(Spread(1.0, 3), Spread(1.0, 3), few).df == 3
    assert of_difference(Spread(1.0, 5), Spread(0.0, 5), many).df == pytest.approx(5)


def test_many_seeds_of_its_own_outweigh_the_others():
    own = Sample(1.0, 400)
    assert moderated(own, [own, Sample(100.0, 400)]).deviation == pytest.approx(1.0, abs=0.02)


def test_who_repeats_itself_by_chance_is_not_taken_for_exact():
    same = Sample(0.0, 5)
    assert moderated(same, [same, Sample(1.0, 3)]).deviation == pytest.approx(math.sqrt(PRIOR_DF / (PRIOR_DF + 5)))
    assert moderated(same, [same, same]) == (0.0, PRIOR_DF + 5)
    assert moderated(same, [Sample(0.0, 0)]) is None


@pytest.mark.parametrize("counts", [(4, 2), (7, 3)])
def test_the_interval_holds_the_truth_whether_spreads_differ_or_not(counts: tuple[int, int]):
    dice, held = Random(f"{counts}"), {True: [], False: []}
    for differ in held:
        for _ in range(800):
            deviations = [math.sqrt(PRIOR_DF / dice.gammavariate(PRIOR_DF / 2, 2)) if differ else 1.0 for _ in range(4)]
            seeds = [
                [dice.gauss(0, deviation) for _ in range(count)]
                for deviation, count in zip(deviations, (*counts, 2, 2), strict=True)
            ]
            samples = [sample_of(values) for values in seeds]
            own = moderated(samples[0], samples)
            held[differ].append(abs(mean_of(seeds[0])) <= own.of_mean(len(seeds[0])).half_width())
    for seen in held.values():
        assert 0.93 <= statistics.fmean(seen) <= 0.97


@pytest.mark.parametrize("df", [1, 1.02, 1.5, 2.7, 4, 9.9, 29.5, 30, 30.5, 80])
def test_the_quantile_is_students(df: float):
    assert t_quantile(df) == pytest.approx(student.ppf(0.975, df), rel=0.03 if 1 < df < 2 else 0.004)


sizes = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.lists(sizes, min_size=1, max_size=4), min_size=1, max_size=4))
def test_no_values_are_too_large_or_too_close(seeds: list[list[float]]):
    samples = [sample_of(values) for values in seeds]
    for values, sample in zip(seeds, samples, strict=True):
        assert math.isfinite(mean_of(values))
        found = moderated(sample, samples)
        assert found is None or (math.isfinite(found.deviation) and found.deviation >= 0 and found.df >= 1)
        if found is not None:
            assert math.isfinite(of_difference(found, found, samples).half_width())
    assert (pooled(samples) is None) or math.isfinite(pooled(samples).deviation)
