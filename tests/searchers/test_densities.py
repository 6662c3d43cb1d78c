"""Our densities against Optuna's own: the same to 1e-12, and the same draws from the same generator."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters
from optuna.samplers._tpe.sampler import default_weights
from sweeps import cliff, make_plan
from trials_of_every_fate import ended

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.searchers import ProposalRequest
from orchestrator.searchers._axis import Axis
from orchestrator.searchers._densities import Observed, ParzenEstimator, ramp, ramp_at
from orchestrator.searchers._study import distribution_of
from orchestrator.searchers.tpe import TpeSearcher
from orchestrator.sweep.domains import Choice, Float, Int
from orchestrator.sweep.space import Space
from orchestrator.testing.searcher_conformance import BLOCKS, SPACE

REAL = Axis(Float(low=0.0, high=1.0, default=0.5), None)
GRIDS = [Axis(Int(low=1, high=cells, default=1), cells) for cells in (2, 5, 64)]
KINDS = [Axis(Choice(choices=tuple("abcdefg"[:count]), default="a"), count) for count in (2, 7)]
AXES = [REAL, *GRIDS, *KINDS]


@st.composite
def observations(draw):
    axes = draw(st.lists(st.sampled_from(AXES), min_size=1, max_size=5))
    count, dice = (
        draw(st.sampled_from([0, 1, 2, 3, 24, 25, 26, 27, 60, 400])),
        np.random.RandomState(draw(st.integers(0, 999))),
    )
    spread = draw(st.sampled_from([1.0, 1e-3, 0.0]))  # far apart, close together, all at one place
    places = []
    for axis in axes:
        units = np.clip(dice.uniform() + spread * (dice.uniform(size=count) - 0.5), 0.0, 1.0)
        places.append(units if axis.cells is None else np.minimum((units * axis.cells).astype(int), axis.cells - 1.0))
    return axes, places, count


@settings(max_examples=150, deadline=None)
@given(observations(), st.integers(0, 2**32 - 1))
def test_densities_and_draws_are_optunas(observed, seed):
    axes, places, count = observed
    ours = ParzenEstimator(axes, Observed(places, ramp(count), count))
    space = {str(at): distribution_of(axis) for at, axis in enumerate(axes)}
    theirs = _ParzenEstimator(
        dict(zip(space, places, strict=True)),
        space,
        _ParzenEstimatorParameters(1.0, True, False, default_weights, True),
    )
    drawn = ours.draw(np.random.RandomState(seed), 24)
    reference = theirs.sample(np.random.RandomState(seed), 24)
    for name, column in zip(space, drawn, strict=True):
        np.testing.assert_allclose(column, reference[name], rtol=1e-12, atol=1e-12)
    inside = {name: np.clip(column, 0.0, None) for name, column in zip(space, drawn, strict=True)}
    np.testing.assert_allclose(ours.log_pdf(drawn), theirs.log_pdf(inside), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("count", [0, 1, 24, 25, 26, 27, 1000])
def test_the_weights_are_optunas(count):
    assert ramp(count).tolist() == default_weights(count).tolist()
    if count > 26:
        some = np.arange(0, count, 7)
        np.testing.assert_allclose(ramp_at(some, count), ramp(count)[some], rtol=1e-12)


@st.composite
def spaces(draw):
    """A space of every kind of hyperparameter, some of them under conditions."""
    domains = {"kind": Choice(choices=("a", "b", "c"), default="a"), "few": Int(low=1, high=4, default=2)}
    for number in range(draw(st.integers(1, 6))):
        when = draw(st.sampled_from([{}, {"kind": ("a",)}, {"kind": ("b", "c")}, {"few": (2, 3)}]))
        domains[f"x{number}"] = draw(
            st.sampled_from(
                [
                    Float(low=1e-5, high=10.0, scale="log", default=0.1, when=when),
                    Float(low=-3.0, high=5.0, default=0.0, when=when),
                    Float(low=0.0, high=1.0, step=0.1, default=0.5, when=when),
                    Float(low=1e-6, high=1e-2, scale="log", also=(0.0,), default=0.0, when=when),
                    Int(low=1, high=1000, scale="log", default=32, when=when),
                    Int(low=-4, high=40, default=0, when=when),
                    Choice(choices=(16, 64, 32, 128), default=16, when=when),
                    Choice(choices=(3, 1, 2), default=3, ordered=False, when=when),
                    Choice(choices=(True, False), default=True, when=when),
                ]
            )
        )
    return Space(domains)


def assert_alike(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert type(ours[name]) is type(value)
        assert ours[name] == (pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value)


@pytest.mark.thorough
@settings(max_examples=120, deadline=None)
@given(spaces(), st.integers(0, 999), st.sampled_from([1, 9, 40, 150]), st.booleans(), st.booleans(), st.data())
def test_proposals_are_optunas_on_any_space(space, seed, count, liar, correlated, data):
    trials, goal = ended(space, count, Random(seed)), data.draw(st.sampled_from(["maximize", "minimize"]))
    block = tuple(data.draw(st.lists(st.sampled_from(space.tunable), min_size=1, unique=True)))
    held = space.draw(space.tunable, {}, Random(seed + 1))
    request = ProposalRequest(count, block, held, f"{seed}/1/0", correlated=correlated)
    found = {
        densities: TpeSearcher(
            space, goal, TpeSearcher.Options(startup_trials=1, densities=densities, constant_liar=liar)
        ).propose(request, trials)
        for densities in ("bounded", "whole", "optuna")
    }
    assert found["bounded"] == found["whole"], "below the bound there is none"
    assert_alike(found["whole"], found["optuna"])


@pytest.mark.parametrize("correlated", [True, False])
def test_proposals_are_optunas_on_every_kind_of_hyperparameter(correlated):
    trials = ended(SPACE, 200, Random(3))
    ours, theirs = (
        TpeSearcher(SPACE, "minimize", TpeSearcher.Options(densities=densities)) for densities in ("bounded", "optuna")
    )
    for block in BLOCKS:
        request = ProposalRequest(200, block, {}, "7/200/0", correlated=correlated)
        assert_alike(ours.propose(request, trials), theirs.propose(request, trials))


@pytest.mark.thorough
@pytest.mark.parametrize("search", ["soft-stages", "hard-stages", "screen-stages-joint", "joint", "random"])
@pytest.mark.parametrize("searcher", ["tpe", "coarse-to-fine"])
def test_a_whole_sweep_is_the_one_that_optuna_leads(search, searcher):
    found = []
    for densities in ("bounded", "optuna"):
        plan = make_plan(search=search, searcher={"name": searcher, "densities": densities}, budget={"trials": 60})
        state, _ = simulate_plan(plan, cliff, SimulatedCluster(workers=4))
        found.append(state.trials)
    for ours, theirs in zip(*found, strict=True):
        assert (ours.move, ours.block, ours.parent, ours.state) == (
            theirs.move,
            theirs.block,
            theirs.parent,
            theirs.state,
        )
        assert_alike(ours.config, theirs.config)
