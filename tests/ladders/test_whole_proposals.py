"""Soft stages let a searcher that models everything together propose everything, and move blocks by the other one."""

from random import Random

import pytest
from sweeps import make_plan, smooth

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.planning.making import make_ladder


def moved_blocks(**searcher: object) -> list[str]:
    """The seeds of the proposals that moved a block, of the first repetition."""
    plan = make_plan(searcher=searcher, budget={"trials": 60}, scheduler={"name": "none"}, confirm="none")
    state, _ = simulate_plan(plan, smooth, SimulatedCluster(4))
    tuned = set(plan.space.tunable)
    return [f"{plan.spec.seed}/{t.number}/0" for t in state.trials[1:] if t.block and set(t.block) != tuned]


@pytest.mark.thorough
def test_no_block_is_moved_by_the_process():
    seeds = moved_blocks(name="auto")
    assert len(seeds) >= 5
    of_process = [seed for seed in seeds if Random(f"{seed}/auto").random() < 0.5]
    assert len(of_process) <= 2  # a repetition, whose coin was another
    assert len(moved_blocks(name="tpe")) > 1.3 * len(seeds)


@pytest.mark.parametrize(("options", "chance"), [({}, 0.5), ({"gp_share": 0.0}, 0.0), ({"gp_dimensions": 1}, 0.0)])
def test_a_plan_counts_on_it(options: dict[str, object], chance: float):
    auto, tpe = (make_ladder(make_plan(searcher=s)) for s in ({"name": "auto", **options}, {"name": "tpe"}))
    blocks = [sum(a.chance for a in ladder.askings(40, 39, 39)[:-1]) for ladder in (auto, tpe)]
    assert blocks[0] == pytest.approx((1 - chance) * blocks[1])
    assert auto.searcher.whole_chance(201) == 0.0
