import itertools
from collections import Counter

import pytest
from sweeps import make_plan

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.ladders._outward import outward
from orchestrator.ladders.joint import Joint
from orchestrator.sweep.domains import Choice, Float, Int
from orchestrator.sweep.space import Space
from orchestrator.testing.played_ladders import LearningSearcher, make_ladder, play

GRID = Space(
    {
        "depth": Int(low=2, high=8, step=2, default=2),
        "rate": Float(low=0.0, high=1.0, step=0.25, default=0.5),
        "kind": Choice(choices=("a", "b", 1, True), default="a"),
        "shape": Float(low=0.0, high=1.0, step=0.5, default=0.5, when={"kind": ("b",)}),
        "other": Int(low=0, high=9, default=3),
    }
)
BLOCK = ("depth", "rate", "kind", "shape")
START = {"depth": 4, "rate": 0.75, "kind": "b", "shape": 0.0, "other": 5}


def keys(configs):
    return [tuple((name, type(value), value) for name, value in config.items()) for config in configs]


def squared(config):
    """The square of the distance from START, written out."""
    total = ((config["depth"] - 4) / 2 / 4) ** 2 + ((config["rate"] - 0.75) / 0.25 / 5) ** 2 + (config["kind"] != "b")
    return total + (((config["shape"] - 0.0) / 0.5 / 3) ** 2 if "shape" in config else 1.0)


def test_every_configuration_of_the_block_comes_once_the_nearest_first():
    found = list(outward(GRID, BLOCK, {"other": 7}, START))
    assert len(found) == 4 * 5 * (3 + 3)
    assert len(set(keys(found))) == len(found)
    assert found[0] == START | {"other": 7}
    assert {config["other"] for config in found} == {7}
    assert all(GRID.problems(config) == [] for config in found)
    distances = [squared(config) for config in found]
    assert distances == sorted(distances)


def test_a_number_without_a_grid_goes_on_in_small_steps():
    wide = Int(low=1, high=1024, scale="log", default=8)
    space = Space({"rate": Float(low=1e-4, high=1.0, scale="log", default=0.01), "width": wide})
    found = list(itertools.islice(outward(space, ("rate", "width"), {}, {"rate": 1.0, "width": 8}), 200))
    assert len(set(keys(found))) == 200
    assert all(space.problems(config) == [] for config in found)
    assert max(abs(space["rate"].to_unit(config["rate"]) - 1) for config in found) < 0.3


TABLE = {
    "a": {"type": "int", "low": 0, "high": 5, "default": 0, "tier": 1},
    "b": {"type": "int", "low": 0, "high": 5, "default": 0, "tier": 2},
}


def slope(config, fidelity):
    return -abs(config["a"] - 3) - abs(config["b"] - 3)


@pytest.mark.thorough
@pytest.mark.parametrize("ladder", ["soft-stages", "hard-stages", "screen-stages-joint", "joint", "random"])
@pytest.mark.parametrize("repeated", ["nearest", "anywhere"])
def test_a_small_space_is_gone_through_without_a_repeat(ladder, repeated):
    plan = make_plan(
        search_space=TABLE, search={"name": ladder, "repeated": repeated}, budget={"trials": 36},
        scheduler="none", objective={"metric": "score", "goal": "maximize"},
    )  # fmt: skip
    state, _ = simulate_plan(plan, slope, SimulatedCluster(workers=4))
    configs = [tuple(trial.config.values()) for trial in state.trials]
    assert Counter(configs).most_common(1)[0][1] == 1
    assert len(configs) == 36


class StubbornSearcher(LearningSearcher):
    """Proposes one place for ever."""

    def propose(self, request, trials):
        return self.space.complete({**request.held, **dict.fromkeys(request.block, 3)})


@pytest.mark.parametrize(
    ("repeated", "near"), [("nearest", [(3, 3), (2, 3), (4, 3), (3, 2), (3, 4)]), ("anywhere", None)]
)
def test_what_was_tried_gives_way_to_what_lies_beside_the_searcher_s_own_proposal(repeated, near):
    plan = make_plan(search_space=TABLE, search={"name": "joint"}, scheduler="none", budget={"trials": 9})
    always = {"prior_trials": 0, "prior_probability": 0.0, "repeated": repeated}
    trials = play(make_ladder(Joint, plan, StubbornSearcher, **always))[1:]
    found = [(trial.config["a"], trial.config["b"]) for trial in trials]
    assert found[0] == (3, 3)
    assert (sorted(found[:5]) == sorted(near or [])) == (repeated == "nearest")
    assert trials[-1].move == ("model" if repeated == "nearest" else "uniform")
