"""Early stopping: how many updates without improvement are borne."""

from __future__ import annotations

import math

import pytest

from orchestrator.training import EarlyStopping


def stops_at(values, **options):
    stopping = EarlyStopping(**options)
    return next((number for number, value in enumerate(values) if stopping.update(value)), None)


@pytest.mark.parametrize(
    ("values", "options", "stop"),
    [
        ([3, 2, 1, 0], {"patience": 1}, None),
        ([3, 2, 2.5, 1, 1, 1], {"patience": 2}, 5),
        ([1, 1, 1], {"patience": 1}, 1),
        ([0.1, 0.2, 0.15, 0.1], {"patience": 2, "goal": "maximize"}, 3),
        ([1, 0.95, 0.9, 0.85], {"patience": 2, "min_delta": 0.2}, 2),
        ([1, 0.95, 0.7, 0.65, 0.6], {"patience": 2, "min_delta": 0.2}, 4),
        ([math.nan, math.nan, 1], {"patience": 2}, 1),
        ([1, math.inf, 0.5, math.nan, math.nan], {"patience": 2}, 4),
        ([-math.inf, 1, 2, 3], {"patience": 2}, 3),
    ],
)
def test_it_stops_after_so_many_updates_without_improvement(values, options, stop):
    assert stops_at(values, **options) == stop


def test_it_remembers_the_best_and_where():
    stopping = EarlyStopping(5, goal="maximize")
    for value in (0.1, 0.7, 0.3):
        stopping.update(value)
    assert (stopping.best, stopping.best_at, stopping.stale) == (0.7, 1, 1)


def test_it_goes_on_from_a_checkpoint():
    values = [3, 2, 2.5, 2.4, 2.3, 2.2]
    first, second = EarlyStopping(4), EarlyStopping(4)
    for value in values[:3]:
        first.update(value)
    second.load_state_dict(first.state_dict())
    assert [second.update(value) for value in values[3:]] == [False, False, True]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"patience": 0}, "patience is 0; choose 1 or more"),
        ({"patience": 1, "goal": "max"}, "goal is 'max'; choose minimize or maximize"),
        ({"patience": 1, "min_delta": -1}, "min_delta is -1; choose 0 or more"),
    ],
)
def test_what_cannot_be_is_refused(options, text):
    with pytest.raises(ValueError, match=text):
        EarlyStopping(**options)
