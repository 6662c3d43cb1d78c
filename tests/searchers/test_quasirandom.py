import numpy as np
import pytest
from scipy.stats import qmc

from orchestrator.searchers import ProposalRequest
from orchestrator.searchers.quasirandom import QuasirandomSearcher
from orchestrator.searchers.random import RandomSearcher
from orchestrator.sweep.domains import Choice, Float
from orchestrator.sweep.space import Space

SPACE = Space({name: Float(low=0.0, high=1.0, default=0.5) for name in ("x", "y", "z")})


def points(member, count, block=("x", "y", "z"), seed=7):
    searcher = member(SPACE, "maximize", member.Options())
    configs = [searcher.propose(ProposalRequest(n, block, {}, f"{seed}/{n}/0", n), []) for n in range(count)]
    return np.array([[config[name] for name in block] for config in configs])


@pytest.mark.parametrize("seed", [0, 7, 123])
def test_fills_the_space_more_evenly_than_random_draws(seed):
    assert qmc.discrepancy(points(QuasirandomSearcher, 64, seed=seed)) < 0.3 * qmc.discrepancy(
        points(RandomSearcher, 64, seed=seed)
    )


def test_each_aligned_run_of_a_power_of_two_has_one_point_in_every_cell():
    drawn = points(QuasirandomSearcher, 64)
    for start in range(0, 64, 16):
        for axis in range(3):
            assert sorted((drawn[start : start + 16, axis] * 16).astype(int)) == list(range(16))


def test_a_point_depends_on_sweep_block_and_position_alone():
    searcher = QuasirandomSearcher(SPACE, "maximize", QuasirandomSearcher.Options())
    point = searcher.propose(ProposalRequest(3, ("x", "y"), {"z": 0.1}, "7/3/0", 3), [])
    assert searcher.propose(ProposalRequest(9, ("y", "x"), {"z": 0.1}, "7/9/4", 3), []) == point
    assert searcher.propose(ProposalRequest(3, ("x", "y"), {"z": 0.1}, "8/3/0", 3), []) != point
    assert searcher.propose(ProposalRequest(3, ("x", "z"), {"y": 0.1}, "7/3/0", 3), [])["x"] != point["x"]


def test_conditions_do_not_shift_the_sequence():
    space = Space(
        {
            "optimizer": Choice(choices=("sgd", "adam"), default="sgd"),
            "momentum": Float(low=0.0, high=1.0, default=0.5, when={"optimizer": ("sgd",)}),
            "learning_rate": Float(low=0.0, high=1.0, default=0.5),
        }
    )
    searcher = QuasirandomSearcher(space, "maximize", QuasirandomSearcher.Options())
    configs = [searcher.propose(ProposalRequest(n, space.tunable, {}, f"7/{n}/0", n), []) for n in range(16)]
    assert sorted(int(config["learning_rate"] * 16) for config in configs) == list(range(16))
    assert sum("momentum" in config for config in configs) == 8
