"""Which hyperparameters set the best apart: found where one does, unsure where none does, silent on few trials."""

from __future__ import annotations

import math
from random import Random

import pytest
from sweeps import make_plan

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.results.importance import LEAST_TRIALS, importances

SPACE = {
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log", "also": [0.0], "default": 0.01},
    "width": {"type": "int", "low": 1, "high": 64, "default": 8},
    "kind": {"type": "choice", "choices": ["a", None, [1, 2]], "default": "a"},
    "only_a": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5, "when": {"kind": ["a"]}},
}


def played(trials, measure, **changes):
    plan = make_plan(
        search_space=SPACE, budget={"trials": trials}, searcher={"name": "random"}, search={"name": "random"}, **changes
    )
    return simulate_plan(plan, measure, SimulatedCluster(workers=4))[0]


def of_the_rate(config, fidelity):
    if config["learning_rate"] > 0.5:
        return math.nan
    return -abs(math.log10(config["learning_rate"] or 1e-5) + 2) * fidelity


@pytest.mark.thorough
@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_what_matters_is_found_and_the_rest_is_little(goal):
    sign = 1 if goal == "maximize" else -1
    objective = {"metric": "score", "goal": goal}
    state = played(150, lambda config, fidelity: sign * of_the_rate(config, fidelity), objective=objective)
    found = importances(state)
    assert next(iter(found)) == "learning_rate"
    assert set(found) == set(SPACE)
    assert found["learning_rate"].low > max(found[name].part for name in SPACE if name != "learning_rate")
    assert all(each.low <= each.part <= each.high for each in found.values())
    assert sum(each.part for each in found.values()) == pytest.approx(1, abs=0.1)


@pytest.mark.thorough
def test_it_is_the_same_each_time_and_unsure_where_nothing_matters():
    state = played(60, lambda config, fidelity: Random(repr(config)).random())
    found = importances(state)
    assert found == importances(state)
    first, *_, last = found.values()
    assert first.low < last.high


def test_of_few_trials_nothing_is_said():
    assert importances(played(LEAST_TRIALS - 1, of_the_rate)) == {}
