"""Every range is drawn from without an error, and what is drawn lies in it and maps back to itself."""

from __future__ import annotations

import math
import sys
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError
from sweeps import make_spec

from orchestrator.sweep.domains import Float, Int
from orchestrator.sweep.ranges import log_edges, near
from orchestrator.sweep.space import Space
from orchestrator.sweepfile.magnitudes import space_problems

UNITS = st.floats(min_value=0, max_value=1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=True)
POSITIVE = st.floats(min_value=5e-324, allow_nan=False, allow_infinity=False, allow_subnormal=True)
GREATEST = sys.float_info.max


def refused(domain: Float | Int) -> bool:
    return bool(list(space_problems(make_spec(search_space={"a": domain.model_dump(mode="json")}))))


@given(ends=st.tuples(FLOATS, FLOATS).map(sorted), unit=UNITS)
def test_a_linear_range_is_drawn_from(ends, unit):
    domain = Float(low=ends[0], high=ends[1], default=ends[0])
    value = domain.from_unit(unit)
    assert domain.contains(value)
    assert 0 <= domain.to_unit(value) <= 1
    again = domain.from_unit(domain.to_unit(value))
    assert abs(again / 2 - value / 2) <= 1e-12 * (ends[1] / 2 - ends[0] / 2) + 8 * math.ulp(max(map(abs, ends)))


@given(ends=st.tuples(POSITIVE, POSITIVE).map(sorted), unit=UNITS)
def test_a_logarithmic_range_is_drawn_from(ends, unit):
    domain = Float(low=ends[0], high=ends[1], scale="log", default=ends[1])
    value = domain.from_unit(unit)
    assert domain.contains(value)
    assert 0 <= domain.to_unit(value) <= 1
    assert domain.from_unit(domain.to_unit(value)) == pytest.approx(value, rel=1e-11, abs=1e-323)


@given(ends=st.tuples(st.integers(-(10**17), 10**17), st.integers(-(10**17), 10**17)).map(sorted), unit=UNITS)
def test_whole_numbers_are_drawn(ends, unit):
    domain = Int(low=ends[0], high=ends[1], default=ends[0])
    value = domain.from_unit(unit)
    assert domain.contains(value)
    again = domain.from_unit(domain.to_unit(value))
    assert again == value if ends[1] - ends[0] < 2**50 else abs(again - value) <= (ends[1] - ends[0]) * 2**-50


@given(ends=st.tuples(st.integers(1, 10**17), st.integers(1, 10**17)).map(sorted), unit=UNITS)
def test_whole_numbers_are_drawn_on_a_logarithmic_scale(ends, unit):
    domain = Int(low=ends[0], high=ends[1], scale="log", default=ends[0])
    value = domain.from_unit(unit)
    assert domain.contains(value)
    again = domain.from_unit(domain.to_unit(value))
    assert again == value if ends[1] < 10**12 else again == pytest.approx(value, rel=1e-12)


@given(
    low=st.decimals(-100, 100, places=3),
    step=st.sampled_from(["0.001", "0.1", "0.3", "1", "2.5", "1e-9", "7e4", "1e-300", "1e300", "0.7"]),
    cells=st.integers(0, 5000),
    scale=st.sampled_from(["linear", "log"]),
    unit=UNITS,
)
def test_a_grid_is_drawn_from_as_its_digits_say_or_refused(low, step, cells, scale, unit):
    numbers = float(low), float(low + cells * type(low)(step))
    try:
        domain = Float(low=numbers[0], high=numbers[1], step=float(step), scale=scale, default=numbers[0])
    except ValidationError:
        assume(scale == "linear" or numbers[0] > 0)
        assert abs(low) * 10**12 > cells * type(low)(step), "a grid that floats can hold is refused"
        return
    assume(not refused(domain))
    value = domain.from_unit(unit)
    assert value in {float(low + cell * type(low)(step)) for cell in range(cells + 1)}
    assert domain.contains(value)
    assert domain.from_unit(domain.to_unit(value)) == value == domain.canonical(value)
    assert domain.same(value, math.nextafter(value, domain.high))


@pytest.mark.parametrize(
    "domain",
    [
        Float(low=-GREATEST, high=GREATEST, default=0.0),
        Float(low=5e-324, high=GREATEST, scale="log", default=1.0),
        Float(low=GREATEST, high=GREATEST, scale="log", default=GREATEST),
        Float(low=5e-324, high=5e-324, scale="log", default=5e-324),
        Float(low=5e-324, high=1e-323, default=1e-323),
        Float(low=-7e7, high=7e7, step=1e-3, default=0.0),
        Float(low=0.5, high=GREATEST / 4, step=GREATEST / 8, scale="linear", default=0.5),
        Int(low=2**53, high=2**53, scale="log", default=2**53),
        Int(low=0, high=10**17, default=3),
        Int(low=1, high=9, step=4, scale="log", default=5),
        Int(low=16, high=1024, step=16, scale="log", default=32),
        Float(low=0.25, high=100.0, step=0.25, scale="log", default=1.0),
    ],
    ids=str,
)  # fmt: skip
def test_extreme_ranges_hold_what_they_draw(domain):
    random = Random(7)
    for unit in (0.0, 1.0, *(random.random() for _ in range(2000))):
        value = domain.from_unit(unit)
        assert math.isfinite(value)
        assert domain.contains(value)
        again = domain.from_unit(domain.to_unit(value))
        assert again == value if domain.cells is not None and domain.cells < 2**50 else math.isfinite(again)


def test_a_step_on_a_logarithmic_scale_reaches_both_ends_and_draws_small_values_more_often():
    domain = Int(low=16, high=1024, step=16, scale="log", default=32)
    drawn = [domain.from_unit(unit / 4000) for unit in range(4001)]
    assert (drawn[0], drawn[-1]) == (16, 1024)
    assert all(value % 16 == 0 for value in drawn)
    assert drawn.count(16) > 3 * drawn.count(64) > 9 * drawn.count(512) > 0


def test_the_third_step_of_a_tenth_is_three_tenths_for_conditions_too():
    dropout = Float(low=0.0, high=0.5, step=0.1, default=0.0)
    anneal = Float(low=0.0, high=1.0, default=0.5, when={"dropout": (0.3,)})
    space = Space({"dropout": dropout, "anneal": anneal})
    random = Random(1)
    configs = [space.draw(("dropout", "anneal"), {}, random) for _ in range(300)]
    assert {config["dropout"] for config in configs} == {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}
    assert all(("anneal" in config) == (config["dropout"] == 0.3) for config in configs)
    assert "anneal" in space.complete({"dropout": 0.1 + 0.2})
    assert dropout.canonical(0.1 + 0.2) == 0.3


def test_a_condition_of_a_sweep_begun_with_sums_of_floats_stays_what_it_was():
    dropout = Float(low=0.0, high=0.5, step=0.1, default=0.0, grid="binary")
    assert [dropout.from_unit(cell / 6 + 0.01) for cell in range(6)] == [cell * 0.1 for cell in range(6)]
    assert dropout.contains(0.1 * 3)
    assert not dropout.same(0.1 * 3, 0.3)


def test_the_edges_of_a_logarithmic_grid_stay_above_zero():
    assert log_edges(1, 9, 4) == (math.log(0.5), math.log(11))
    assert log_edges(16, 32, 1) == (math.log(15.5), math.log(32.5))


def test_near_allows_for_rounding_alone():
    assert near(0.1 + 0.2, 0.3, 0.3)
    assert not near(0.3000001, 0.3, 0.3)
