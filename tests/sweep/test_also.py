"""Values beside a range, zero beside a logarithmic one above all: drawn one time in ten, in order, by everything."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.searchers.grid import GridSearcher
from orchestrator.sweep.domains import Float
from orchestrator.sweep.space import Space

DECAY = Float(low=1e-6, high=1e-2, scale="log", also=(0.0,), default=5e-4)
BOTH = Float(low=1.0, high=2.0, also=(9.0, 0.0, -1.0), default=9.0)
POINT = Float(low=0.5, high=0.5, also=(0.0,), default=0.0)


@pytest.mark.parametrize("domain", [DECAY, BOTH, POINT], ids=["decay", "both", "point"])
@given(unit=st.floats(min_value=0, max_value=1))
def test_every_unit_maps_into_the_domain_and_back(domain, unit):
    value = domain.from_unit(unit)
    assert domain.contains(value)
    assert 0.0 <= domain.to_unit(value) <= 1.0
    assert domain.from_unit(domain.to_unit(value)) == pytest.approx(value, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("domain", [DECAY, BOTH], ids=["decay", "both"])
def test_the_order_of_the_values_is_that_of_the_units(domain):
    values = [domain.from_unit(step / 1000) for step in range(1001)]
    assert values == sorted(values)


def test_each_value_beside_the_range_is_drawn_one_time_in_ten():
    units = [(step + 0.5) / 1000 for step in range(1000)]
    assert [DECAY.from_unit(unit) for unit in units].count(0.0) == 100
    drawn = [BOTH.from_unit(unit) for unit in units]
    assert [drawn.count(value) for value in (-1.0, 0.0, 9.0)] == [100, 100, 100]


def test_the_ends_of_the_range_come_back_exactly():
    for domain in (DECAY, BOTH):
        assert domain.from_unit(domain.to_unit(domain.low)) == pytest.approx(domain.low, rel=1e-12)
        assert domain.from_unit(domain.to_unit(domain.high)) == pytest.approx(domain.high, rel=1e-12)


def test_only_the_values_named_lie_in_it():
    assert DECAY.contains(0.0)
    assert DECAY.contains(0)
    assert not DECAY.contains(1e-7)
    assert not DECAY.contains(False)


def test_a_draw_from_a_space_holds_zero_and_the_range():
    space = Space({"weight_decay": DECAY})
    drawn = [space.draw(["weight_decay"], {}, Random(number))["weight_decay"] for number in range(500)]
    assert 25 < drawn.count(0.0) < 80
    assert min(value for value in drawn if value) < 1e-5


def test_a_grid_begins_at_zero():
    space = Space({"weight_decay": DECAY})
    grid = GridSearcher(space, "maximize", GridSearcher.Options(points=3))
    assert grid.rows(("weight_decay",), {}) == 3
    assert grid._values["weight_decay"] == pytest.approx((0.0, DECAY.from_unit(0.5), 1e-2))


def test_tpe_sees_zero_as_a_place_of_its_own_beside_the_range():
    from orchestrator.searchers._axis import Axis

    axis = Axis.of(DECAY, None)
    assert axis is not None
    assert axis.decode(axis.encode(0.0)) == 0.0
    assert axis.decode(axis.encode(1e-6)) == pytest.approx(1e-6)
    assert Axis.of(POINT, None) is not None


@pytest.mark.parametrize(
    ("also", "step", "message"),
    [
        ((0.5,), None, r"also 0.5 lies in \[0.1, 1.0\] already; write also: \[\] or move the range"),
        ((0.0, 0.0), None, r"also repeats a value: \[0.0, 0.0\]; name each once"),
        ((0.0,), 0.1, "also needs a range without step; drop one of the two, or list all values under choices"),
        ((2.0, 3.0, 4.0, 5.0, 6.0), None, "at most 4 items"),
    ],
)
def test_what_cannot_stand_beside_a_range_is_refused(also, step, message):
    with pytest.raises(ValidationError, match=message):
        Float(low=0.1, high=1.0, also=also, step=step, default=0.1)
