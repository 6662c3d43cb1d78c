import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.searchers import ProposalRequest
from orchestrator.searchers.grid import GridSearcher
from orchestrator.sweep.domains import Choice, Constant, Float, Int
from orchestrator.sweep.space import Space

SPACE = Space(
    {
        "optimizer": Choice(choices=("sgd", "adam"), default="sgd"),
        "momentum": Float(low=0.5, high=0.9, step=0.2, default=0.9, when={"optimizer": ("sgd",)}),
        "nesterov": Choice(choices=(False, True), default=False, when={"optimizer": ("sgd",), "momentum": (0.9,)}),
        "learning_rate": Float(low=1e-4, high=1.0, scale="log", default=0.01),
        "layers": Int(low=1, high=100, default=3),
        "classes": Constant(value=10),
    }
)


def grid(space=SPACE, **options):
    return GridSearcher(space, "maximize", GridSearcher.Options(**options))


def rows(searcher, block, held=None):
    asked = (ProposalRequest(position, block, held or {}, "7/0/0", position) for position in itertools.count())
    return list(itertools.takewhile(lambda row: row is not None, (searcher.propose(request, []) for request in asked)))


def test_conditions_multiply_only_where_they_hold():
    assert rows(grid(), ("nesterov", "momentum", "optimizer")) == [
        {"optimizer": optimizer, **more, "learning_rate": 0.01, "layers": 3, "classes": 10}
        for optimizer, more in [
            ("sgd", {"momentum": 0.5}),
            ("sgd", {"momentum": 0.7}),
            ("sgd", {"momentum": 0.9, "nesterov": False}),
            ("sgd", {"momentum": 0.9, "nesterov": True}),
            ("adam", {}),
        ]
    ]


def test_points_are_spread_evenly_on_the_scale_from_end_to_end():
    found = rows(grid(points=3), ("learning_rate", "layers"))
    assert [row["layers"] for row in found[:3]] == [1, 51, 100]
    assert [row["learning_rate"] for row in found[::3]] == pytest.approx([1e-4, 1e-2, 1.0])
    assert len(found) == 9


def test_a_single_point_is_the_default():
    assert rows(grid(points=1), ("learning_rate",)) == [SPACE.baseline]


def test_listed_values_are_taken_as_they_are_in_the_domains_type():
    found = rows(grid(values={"learning_rate": [1, 0.5, 1.0], "optimizer": ["adam"]}), ("learning_rate", "optimizer"))
    assert [(row["optimizer"], row["learning_rate"]) for row in found] == [("adam", 1.0), ("adam", 0.5)]
    assert all(type(row["learning_rate"]) is float for row in found)


def test_held_values_decide_what_is_active():
    held = SPACE.complete({"optimizer": "adam", "layers": 7})
    assert rows(grid(), ("momentum", "nesterov"), held) == [held]


def test_true_and_one_are_two_rows():
    space = Space({"it": Choice(choices=(1, True, "1"), default="1")})
    assert [type(row["it"]) for row in rows(grid(space), ("it",))] == [int, bool, str]
    assert [type(row["it"]) for row in rows(grid(space, values={"it": [True, 1]}), ("it",))] == [bool, int]


@st.composite
def spaces(draw):
    """A few choices, each maybe under a condition on an earlier one."""
    found = {}
    for name in "abcd"[: draw(st.integers(1, 4))]:
        when = {}
        if found and draw(st.booleans()):
            parent = draw(st.sampled_from(sorted(found)))
            when = {parent: tuple(draw(st.sets(st.sampled_from(found[parent].choices), min_size=1)))}
        choices = tuple(range(draw(st.integers(1, 3))))
        found[name] = Choice(choices=choices, default=choices[-1], when=when)
    names = draw(st.permutations(sorted(found)))
    return Space({name: found[name] for name in names}), draw(st.sets(st.sampled_from(names), min_size=1))


@pytest.mark.thorough
@settings(deadline=None)
@given(spaces())
def test_rows_are_the_distinct_completions_of_the_product(case):
    space, block = case
    searcher = grid(space)
    found = rows(searcher, tuple(block))
    product = itertools.product(*(space[name].choices for name in block))
    expected = [space.complete(dict(zip(block, values, strict=True))) for values in product]
    assert len(found) == len({str(row) for row in found}) == searcher.rows(tuple(block), {})
    assert {str(row) for row in found} == {str(row) for row in expected}


def test_a_grid_that_never_ends_in_practice_is_refused_and_a_large_one_is_quick():
    wide = Space({f"x{n}": Float(low=0.0, high=1.0, default=0.5) for n in range(8)})
    block = tuple(wide)
    options = GridSearcher.Options(points=5)
    assert GridSearcher.problems(wide, [block, block[:7]], options) == [
        "the grid over x0, x1, x2, x3, x4, x5, x6, x7 has 390,625 rows, more than 100,000; "
        "lower points, list values, or open fewer hyperparameters"
    ]
    last = grid(wide).propose(ProposalRequest(0, block, {}, "7/0/0", 5**8 - 1), [])
    assert set(last.values()) == {1.0}


def test_listed_values_that_cannot_be_are_named():
    options = GridSearcher.Options(values={"momentum": [0.5, 0.6], "depth": [1], "classes": [10]})
    assert GridSearcher.problems(SPACE, [("optimizer",)], options) == [
        "values.momentum: 'momentum' cannot be 0.6; list values inside its range",
        "values.depth: 'depth' is not in the search space; it holds "
        "['optimizer', 'learning_rate', 'layers', 'classes', 'momentum', 'nesterov']",
    ]
    with pytest.raises(ValidationError, match="at least 1 item"):
        GridSearcher.Options(values={"momentum": []})
