from __future__ import annotations

from random import Random

import pytest

from orchestrator.sweep.domains import Choice, Constant, Float
from orchestrator.sweep.space import Space

OPTIMIZER = Choice(choices=("sgd", "adam"), default="sgd")
SPACE = Space(
    {
        "beta1": Float(low=0.8, high=0.99, default=0.9, when={"optimizer": ("adam",)}),
        "momentum": Float(low=0.5, high=0.99, default=0.9, when={"optimizer": ("sgd",)}),
        "nesterov": Choice(choices=(True, False), default=False, when={"optimizer": ("sgd",)}),
        "damping": Float(low=0, high=1, default=0.1, when={"nesterov": (False,), "optimizer": ("sgd",)}),
        "optimizer": OPTIMIZER,
        "layers": Constant(value=3),
    }
)


def test_parents_come_first_and_the_baseline_holds_the_active_defaults():
    names = list(SPACE)
    assert names.index("optimizer") < names.index("nesterov") < names.index("damping")
    assert SPACE.baseline == {"optimizer": "sgd", "momentum": 0.9, "nesterov": False, "damping": 0.1, "layers": 3}


def test_completing_drops_what_is_inactive_and_fills_what_becomes_active():
    assert SPACE.complete({"optimizer": "adam", "momentum": 0.7}) == {"optimizer": "adam", "beta1": 0.9, "layers": 3}


def test_draws_are_valid_and_hold_what_is_not_named():
    for number in range(300):
        config = SPACE.draw(SPACE.tunable, {}, Random(number))
        assert SPACE.problems(config) == []
    held = SPACE.draw(["momentum"], SPACE.baseline, Random(1))
    assert {name for name in held if held[name] != SPACE.baseline[name]} == {"momentum"}


def test_a_draw_does_not_depend_on_its_neighbours():
    one = SPACE.draw(["momentum"], {}, Random(5))
    both = SPACE.draw(["momentum", "nesterov"], {}, Random(5))
    assert one["momentum"] == both["momentum"]


def test_problems_are_named():
    found = SPACE.problems({"optimizer": "sgd", "beta1": 0.9, "momentum": 2.0, "nesterov": True, "depth": 1})
    assert sorted(found) == [
        "'beta1' is inactive here (its condition: {'optimizer': ('adam',)})",
        "'depth' is not in the search space",
        "'layers' is missing",
        "'momentum' cannot be 2.0",
    ]


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        (
            {"a": Float(low=0, high=1, default=0, when={"b": (1,)})},
            r"a.when: 'b' is not in the search space; it holds \['a'\]",
        ),
        ({"a": Float(low=0, high=1, default=0, when={"o": ("x",)}), "o": OPTIMIZER}, "a.when.o: 'o' can never be 'x'"),
        (
            {
                "a": Choice(choices=(1, 2), default=1, when={"b": (1,)}),
                "b": Choice(choices=(1, 2), default=1, when={"a": (1,)}),
            },
            r"the conditions of \['a', 'b'\] depend on each other; break the circle",
        ),
    ],
)
def test_impossible_conditions_are_refused(hyperparameters, message):
    with pytest.raises(ValueError, match=message):
        Space(hyperparameters)


def test_size_counts_combinations():
    assert SPACE.size(["optimizer", "nesterov", "layers"]) == 4
    assert SPACE.size(["momentum"]) is None
