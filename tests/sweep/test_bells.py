"""Normal and lognormal draws: their shape, their ends, and that every range is drawn from or refused."""

from __future__ import annotations

import math
import statistics

import pytest
from pydantic import ValidationError
from sweeps import make_plan

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.errors import SpecError
from orchestrator.sweep.domains import Float
from orchestrator.sweepfile.parse import parse

UNITS = [(place + 0.5) / 2000 for place in range(2000)]


def test_draws_are_normal_around_the_mean():
    drawn = [Float(low=-4.0, high=4.0, mean=1.0, sd=0.5, default=0.0).from_unit(unit) for unit in UNITS]
    assert statistics.fmean(drawn) == pytest.approx(1.0, abs=0.01)
    assert statistics.pstdev(drawn) == pytest.approx(0.5, abs=0.01)
    assert sum(abs(value - 1.0) < 0.5 for value in drawn) / 2000 == pytest.approx(0.683, abs=0.01)


def test_on_a_logarithmic_scale_their_logarithm_is():
    drawn = [Float(low=1e-6, high=1e3, scale="log", mean=1e-3, sd=1.0, default=1e-3).from_unit(u) for u in UNITS]
    logs = [math.log(value) for value in drawn]
    assert statistics.fmean(logs) == pytest.approx(math.log(1e-3), abs=0.01)
    assert statistics.pstdev(logs) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    "fields",
    [
        {"low": -4.0, "high": 4.0, "mean": 1.0, "sd": 0.5},
        {"low": 0.0, "high": 1.0, "mean": -2.0, "sd": 0.5},
        {"low": 1e-6, "high": 1.0, "scale": "log", "mean": 1e-3, "sd": 2.0},
        {"low": 0.0, "high": 1.0, "step": 0.1, "mean": 0.3, "sd": 0.1},
        {"low": 1.0, "high": 64.0, "step": 1.0, "scale": "log", "mean": 8.0, "sd": 1.0},
        {"low": 1e-4, "high": 0.1, "scale": "log", "mean": 1e-3, "sd": 1.0, "also": (0.0,)},
        {"low": 0.0, "high": 1e-9, "mean": 0.0, "sd": 1e-5},
        {"low": 3.0, "high": 3.0, "mean": 3.0, "sd": 1.0},
    ],
)
def test_every_draw_lies_in_the_range_and_maps_back(fields: dict):
    domain = Float(default=fields["low"], **fields)
    for unit in [0.0, 1e-300, *UNITS[::50], math.nextafter(1, 0), 1.0]:
        value = domain.from_unit(unit)
        assert domain.contains(value)
        assert 0 <= domain.to_unit(value) <= 1
        again = domain.from_unit(domain.to_unit(value))
        assert again == pytest.approx(value, rel=1e-4, abs=1e-4 * (domain.high - domain.low))
        if domain.step is not None:
            assert again == value


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"mean": 0.5}, "mean goes with sd; write both"),
        ({"sd": 0.5}, "sd goes with mean; write both"),
        ({"mean": 50.0, "sd": 0.5}, "mean: next to none of the draws around mean 50.0 with sd 0.5 lies in [0.1, 1.0]"),
        ({"mean": 0.5, "sd": 1e300}, "mean: next to none of the draws around mean 0.5 with sd 1e+300 lies in"),
        ({"mean": -1.0, "sd": 0.5, "scale": "log"}, "mean -1.0 is not above 0, which scale log needs"),
    ],
)
def test_what_cannot_be_drawn_is_refused(fields: dict, said: str):
    with pytest.raises(ValidationError) as caught:
        Float(low=0.1, high=1.0, default=0.5, **fields)
    assert said in str(caught.value)


def spec(space: str):
    head = "name: x\ntrainable: train.py:train\nobjective: {metric: m, goal: maximize}\nfidelity: {max: 3}\n"
    return parse(f"{head}budget: {{trials: 3}}\nsearch_space: {space}\n".encode(), "sweep.yaml").search_space["x"]


def test_a_file_may_leave_out_the_ends_and_the_default():
    found = spec("{x: {mean: 1, sd: 0.5}}")
    assert (found.low, found.high, found.default, found.scale) == (-0.5, 2.5, 1.0, "linear")
    ends = "3 standard deviations from the mean"
    assert found.supplied == {
        "low": ends, "high": ends, "tier": "the catalogue does not know the name", "default": "the mean of the draws",
    }  # fmt: skip
    found = spec("{x: {mean: 0.01, sd: 1.0, scale: log, low: 0.001}}")
    assert (found.low, found.high, found.default) == (0.001, 0.200855, 0.01)
    assert isinstance(spec("{x: {low: 1, high: 10, mean: 5, sd: 2, step: 1}}"), Float)
    with pytest.raises(SpecError, match=r"search_space\.x\.sd: sd goes with mean; write both"):
        spec("{x: {low: 0.0, high: 1.0, sd: 2.0}}")


@pytest.mark.parametrize("searcher", ["tpe", "gp", "random", "quasirandom", "coarse-to-fine", "grid"])
def test_every_searcher_takes_them(searcher: str):
    space = {
        "a": {"type": "float", "low": -3.0, "high": 3.0, "mean": 0.0, "sd": 1.0, "default": 0.0},
        "b": {"type": "float", "low": 0.0, "high": 1.0, "step": 0.1, "mean": 0.3, "sd": 0.2, "default": 0.3, "tier": 2},
    }
    plan = make_plan(search_space=space, searcher=searcher, search="joint", budget={"trials": 25})
    state, _ = simulate_plan(plan, lambda c, _: -((c["a"] - 0.5) ** 2) - c["b"], SimulatedCluster(workers=2))
    assert len(state.trials) == 25
    assert all(not plan.space.problems(trial.config) for trial in state.trials)
