from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.sweep.domains import Choice, Constant, Float, Int

DOMAINS = [
    Float(low=0.0, high=1.0, default=0.5),
    Float(low=1e-6, high=1e-1, scale="log", default=1e-3),
    Float(low=0.0, high=0.5, step=0.1, default=0.2),
    Float(low=2.0, high=2.0, default=2.0),
    Int(low=1, high=7, default=3),
    Int(low=16, high=1024, scale="log", default=32),
    Int(low=0, high=100, step=25, default=50),
    Choice(choices=("sgd", "adam", True, 1, 2.5), default="adam"),
    Constant(value="relu"),
]


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
@given(unit=st.floats(min_value=0, max_value=1))
def test_every_unit_maps_into_the_domain_and_back_to_the_same_value(domain, unit):
    value = domain.from_unit(unit)
    assert domain.contains(value)
    again = domain.from_unit(domain.to_unit(value))
    assert again == (pytest.approx(value, rel=1e-9) if isinstance(domain, Float) else value)


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_the_ends_of_the_unit_interval_reach_the_ends_of_the_domain(domain):
    ends = {domain.from_unit(0.0), domain.from_unit(1.0)}
    if isinstance(domain, Float | Int):
        assert min(ends) == pytest.approx(domain.low)
        assert max(ends) == pytest.approx(domain.high)


def test_integers_are_drawn_equally_often_on_their_scale():
    draws = [Int(low=1, high=4, default=1).from_unit(i / 4000) for i in range(4000)]
    assert [draws.count(value) for value in (1, 2, 3, 4)] == [1000] * 4


def test_true_is_not_one():
    choice = Choice(choices=(True, 1), default=1)
    assert (choice.index(True), choice.index(1)) == (0, 1)
    assert not Constant(value=1).contains(True)
    assert not Int(low=0, high=2, default=1).contains(True)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Float(low=1, high=0, default=0), "low 1.0 is above high 0.0; swap them"),
        (lambda: Float(low=0, high=1, scale="log", default=0.5), "scale log needs low above 0, not 0.0; raise low"),
        (lambda: Float(low=0, high=1, default=2), r"default 2.0 lies outside \[0.0, 1.0\]"),
        (lambda: Float(low=0, high=1, step=0.3, default=0.3), "high 1.0 is not low 0.0 plus a multiple of step 0.3"),
        (lambda: Int(low=0, high=10, step=5, default=3), "default 3 is not low 0 plus a multiple of step 5"),
        (lambda: Choice(choices=("a", "a"), default="a"), "choices repeat a value"),
        (lambda: Choice(choices=("a",), default="b"), "default 'b' is not a choice; choose one of"),
        (lambda: Float(low="0", high=1, default=0), "Input should be a valid number"),
        (lambda: Float(low=True, high=1, default=1), "Input should be a valid number"),
    ],
)
def test_a_domain_that_makes_no_sense_is_refused(build, message):
    with pytest.raises(ValidationError, match=message):
        build()


@pytest.mark.parametrize(
    ("domain", "middle"),
    [
        (Float(low=0.0, high=1.0), 0.5),
        (Float(low=0.0, high=1.0, mean=0.25, sd=0.1), 0.25),
        (Int(low=1, high=9), 5),
        (Choice(choices=("sgd", "adam")), "sgd"),
        (Choice(choices=(16, 4, 8)), 8),
        (Choice(choices=[[64, 64], None]), [64, 64]),
    ],
)
def test_a_default_that_python_leaves_out_is_the_middle_and_counts_as_unwritten(domain, middle):
    assert domain.default == middle
    assert "default" not in domain.model_fields_set
    assert "default" in type(domain).model_validate(domain.model_dump()).model_fields_set


def test_a_default_that_is_left_out_hides_no_other_mistake():
    with pytest.raises(ValueError, match=r"low 2\.0 is above high 1\.0; swap them"):
        Float(low=2.0, high=1.0)
    with pytest.raises(ValueError, match="low"):
        Float(high=1.0)
