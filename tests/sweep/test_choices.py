"""Choices: any JSON value, numbers in their order, weights."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from pydantic import ValidationError

from orchestrator.searchers import ProposalRequest
from orchestrator.searchers._gp_columns import Columns
from orchestrator.searchers.grid import GridSearcher
from orchestrator.searchers.random import RandomSearcher
from orchestrator.sweep.domains import Choice, Constant
from orchestrator.sweep.space import Space
from orchestrator.sweep.values import exact, identity, is_same

ODD = (None, "null", [64, 64], [128], {"a": 1, "b": [True]}, True, 1, "1", "")
"""Values of every kind, some of which read alike."""


def test_numbers_are_ordered_unless_the_file_says_otherwise():
    sizes = Choice(choices=(64, 16, 32.0), default=16)
    assert sizes.is_ordered
    assert [sizes.cell(cell) for cell in range(3)] == [16, 32.0, 64]
    assert [sizes.from_unit(unit) for unit in (0.0, 0.5, 1.0)] == [16, 32.0, 64]
    assert [sizes.to_unit(value) for value in (16, 32, 64)] == [1 / 6, 1 / 2, 5 / 6]
    kinds = Choice(choices=(64, 16, 32.0), default=16, ordered=False)
    assert not kinds.is_ordered
    assert [kinds.from_unit(unit) for unit in (0.0, 0.5, 1.0)] == [64, 16, 32.0]
    assert not any(
        Choice(choices=values, default=values[0]).is_ordered for values in ((True, False), (1, "a"), (1, None))
    )


@pytest.mark.parametrize("choices", [(64, 16, 32.0), ("b", "a"), ODD], ids=["numbers", "texts", "odd"])
@pytest.mark.parametrize("ordered", [None, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_choice_has_a_cell_that_maps_back_to_it(choices: tuple, ordered: bool | None, weighted: bool):
    weights = tuple(float(1 + position) for position in range(len(choices))) if weighted else None
    made = Choice(choices=choices, default=choices[0], ordered=ordered, weights=weights)
    for value in choices:
        assert exact(made.from_unit(made.to_unit(value))) == exact(value)
        assert exact(made.cell(made.cell_of(value))) == exact(value)
        assert exact(made.canonical(json.loads(json.dumps(value)))) == exact(value)
    with pytest.raises(ValueError, match="'absent' is not one of"):
        made.to_unit("absent")


def test_weights_say_how_often_each_is_drawn():
    made = Choice(choices=("rare", "common"), default="rare", weights=(1.0, 9.0))
    drawn = Counter(made.from_unit((place + 0.5) / 1000) for place in range(1000))
    assert drawn == {"rare": 100, "common": 900}
    sizes = Choice(choices=(64, 16), default=16, weights=(1.0, 3.0))
    assert Counter(sizes.from_unit((place + 0.5) / 100) for place in range(100)) == {16: 75, 64: 25}
    assert Choice.model_validate(sizes.model_dump(mode="json")) == sizes


def test_values_are_one_where_they_are_equal_and_of_one_kind_at_every_depth():
    same = [(1, 1.0), ([1, 2], [1.0, 2]), ((1,), [1]), ({"a": 1, "b": 2}, {"b": 2, "a": 1.0}), (None, None)]
    other = [(True, 1), ([True], [1]), ({"a": False}, {"a": 0}), (None, "null"), (1, "1"), ([], {}), ([], "")]
    for left, right in same:
        assert is_same(left, right)
        assert hash(identity(left)) == hash(identity(right))
    assert not any(is_same(left, right) for left, right in other)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "nan is no value that JSON can say; write null, true, false, a finite number, text, a list"),
        ({1, 2}, "{1, 2} is no value that JSON can say"),
        ({1: 2}, "{1: 2} is no value that JSON can say"),
        ([[object]], "<class 'object'> is no value that JSON can say"),
    ],
)
def test_what_json_cannot_say_is_no_value(value: object, said: str):
    for make in (lambda: Choice(choices=("a", value), default="a"), lambda: Constant(value=value)):
        with pytest.raises(ValidationError) as caught:
            make()
        assert said in str(caught.value)


def test_deep_values_have_an_end():
    value: list = []
    for _ in range(30):
        value = [value]
    with pytest.raises(ValidationError, match="a value has more than 20 levels"):
        Constant(value=value)


def test_tuples_become_lists_as_the_log_gives_them_back():
    made = Choice(choices=((64, 64), (128,)), default=(128,))
    assert made.choices == ([64, 64], [128])
    assert made.default == [128]
    assert Constant(value={"a": (1, 2)}).value == {"a": [1, 2]}


def test_odd_values_go_through_space_grid_draws_and_columns():
    space = Space(
        {
            "net": Choice(choices=ODD, default=None),
            "depends": Choice(choices=(1, 2), default=1, when={"net": (None, [64.0, 64])}),
            "fixed": Constant(value={"seeds": [1, 2, 3]}),
        }
    )
    grid = GridSearcher(space, "maximize", GridSearcher.Options())
    assert grid.rows(space.tunable, {}) == len(ODD) + 2
    rows = [grid.propose(ProposalRequest(n, space.tunable, {}, "7", n), []) for n in range(len(ODD) + 2)]
    assert len({json.dumps(row) for row in rows}) == len(ODD) + 2
    assert all(not space.problems(row) for row in rows if row)
    assert all(("depends" in row) == (row["net"] is None or row["net"] == [64, 64]) for row in rows if row)
    columns = Columns(space)
    assert len({columns.row(row) for row in rows if row}) == len(rows)
    drawn = [RandomSearcher(space, "maximize", RandomSearcher.Options()).propose(
        ProposalRequest(n, space.tunable, {}, f"7/{n}"), []) for n in range(50)]  # fmt: skip
    assert not any(space.problems(config) for config in drawn if config)


def test_the_process_sees_one_axis_for_ordered_numbers_and_corners_for_kinds():
    numbers = Space({"size": Choice(choices=(64, 16, 32), default=16)})
    kinds = Space({"size": Choice(choices=(64, 16, 32), default=16, ordered=False)})
    assert Columns(numbers).row({"size": 16}) == (1 / 6,)
    assert len(Columns(kinds).row({"size": 16})) == 3
