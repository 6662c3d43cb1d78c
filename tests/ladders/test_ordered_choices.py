"""Choices of numbers are numbers wherever something is near to something; with `ordered: false` they are kinds."""

from __future__ import annotations

from random import Random

import pytest
from sweeps import make_plan

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.ladders._moves import JointOptions, _around
from orchestrator.ladders._nearest import Neighbours
from orchestrator.ladders._outward import outward
from orchestrator.ladders._walk import walk
from orchestrator.searchers._axis import axes_of
from orchestrator.searchers._study import distribution_of
from orchestrator.sweep.domains import Choice
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Trial

SIZES = (256, 16, 64, 32, 128)
NUMBERS = Space({"size": Choice(choices=SIZES, default=64)})
KINDS = Space({"size": Choice(choices=SIZES, default=64, ordered=False)})


def trial(number: int, size: int) -> Trial:
    return Trial(number, str(number), {"size": size}, "s", "uniform", (), None, 0)


def test_what_is_nearest_counts_steps_among_numbers_and_none_among_kinds():
    trials = [trial(0, 256), trial(1, 32)]
    assert Neighbours(NUMBERS).nearest({"size": 16}, trials) == 1
    assert Neighbours(KINDS).nearest({"size": 16}, trials) == 0


def test_the_fallback_goes_outward_by_size_and_among_kinds_as_they_are_listed():
    reached = [config["size"] for config in outward(NUMBERS, ["size"], {}, {"size": 64})]
    assert reached[0] == 64
    assert set(reached[1:3]) == {32, 128}
    assert set(reached[3:]) == {16, 256}
    assert [config["size"] for config in outward(KINDS, ["size"], {}, {"size": 64})] == [64, 256, 16, 32, 128]


def test_a_walk_meets_each_once():
    for space in (NUMBERS, KINDS):
        assert sorted(config["size"] for config in walk(space, ["size"], {}, Random(1))) == sorted(SIZES)


def test_draws_around_a_default_stay_near_it_among_numbers():
    near = JointOptions(prior_spread=0.15)
    drawn = [_around(NUMBERS["size"], near, Random(seed)) for seed in range(300)]
    assert sum(value in (32, 64, 128) for value in drawn) > 280
    kept = [_around(KINDS["size"], near, Random(seed)) for seed in range(300)]
    assert sum(value in (16, 256) for value in kept) > 40


def test_tpe_sees_whole_numbers_in_their_order_or_kinds():
    numbers, kinds = (axes_of(space)["size"] for space in (NUMBERS, KINDS))
    assert (type(distribution_of(numbers)).__name__, type(distribution_of(kinds)).__name__) == (
        "IntDistribution",
        "CategoricalDistribution",
    )
    assert [numbers.encode(size) for size in sorted(SIZES)] == [0, 1, 2, 3, 4]
    assert [kinds.encode(size) for size in SIZES] == [0, 1, 2, 3, 4]
    for axis in (numbers, kinds):
        assert [axis.decode(axis.encode(size)) for size in SIZES] == list(SIZES)


@pytest.mark.parametrize("weights", [None, (1.0, 5.0, 1.0, 1.0, 1.0)])
def test_weights_move_draws_and_no_models_axis(weights: tuple[float, ...] | None):
    axis = axes_of(Space({"size": Choice(choices=SIZES, default=64, weights=weights)}))["size"]
    assert [axis.encode(size) for size in sorted(SIZES)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("ladder", ["soft-stages", "hard-stages", "screen-stages-joint", "joint", "random"])
def test_every_ladder_takes_them(ladder: str):
    size = {"type": "choice", "choices": list(SIZES), "default": 64, "tier": 2}
    rate = {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5}
    plan = make_plan(search_space={"size": size, "rate": rate}, search=ladder, budget={"trials": 30})
    state, _ = simulate_plan(plan, lambda c, _: -abs(c["size"] - 128) / 256 - c["rate"], SimulatedCluster(workers=2))
    assert len(state.trials) == 30
    assert all(not plan.space.problems(trial.config) for trial in state.trials)
