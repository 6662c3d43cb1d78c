"""Spaces of every kind of value, name and grid, through searching, log, tables and exports of a whole sweep."""

from __future__ import annotations

import json

import msgspec
import pytest
from sweeps import make_plan

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.results.columns import DriverPeriod, Paid, TrialColumns
from orchestrator.results.export import export
from orchestrator.state.fold import replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.values import exact

ODD = {
    "net": {"type": "choice", "choices": [None, [64, 64], [128], {"a": 1}, "null"], "default": None},
    "width": {"type": "choice", "choices": ["1", 1, True, "true"], "default": 1},
    "size": {"type": "choice", "choices": [64, 16, 32.5], "default": 16, "tier": 2},
    "model.lr": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log", "default": 0.01},
    "only": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5, "when": {"net": [None, [64, 64]]}},
    "seeds": {"type": "constant", "value": [1, 2, 3]},
}


def score(config, fidelity):
    return float(config["size"]) / 64 + (config["net"] is None) + config.get("only", 0.0) - 1 / (1 + fidelity)


@pytest.mark.parametrize("searcher", ["tpe", "random", "gp", "auto", "quasirandom", "coarse-to-fine"])
@pytest.mark.parametrize("ladder", ["soft-stages", "hard-stages", "joint"])
def test_values_of_every_kind_are_searched_logged_and_read_back(searcher: str, ladder: str):
    plan = make_plan(search_space=ODD, searcher=searcher, search=ladder, budget={"trials": 24})
    state, journal = simulate_plan(plan, score, SimulatedCluster(workers=3))
    assert all(not plan.space.problems(trial.config) for trial in state.trials)
    assert len({json.dumps(trial.config) for trial in state.trials}) == 24
    again = replay(msgspec.json.decode(msgspec.json.encode(journal.events), type=list[ev.Event]))
    assert [exact(trial.config) for trial in again.trials] == [exact(trial.config) for trial in state.trials]
    columns = TrialColumns(plan)
    rows = [columns.row(trial, Paid(0, 0), DriverPeriod()) for trial in state.trials]
    for name in ODD:
        at = columns.schema.get_field_index(name)
        values = {exact(t.config.get(name, "inactive")): row[at] for t, row in zip(state.trials, rows, strict=True)}
        assert len(set(values.values())) == len(values), name
    assert json.loads(export(state, "json"))["seeds"] == [1, 2, 3]


def test_a_condition_on_a_stepped_value_holds_at_the_value_that_it_names():
    space = {
        "dropout": {"type": "float", "low": 0.0, "high": 0.5, "step": 0.1, "default": 0.0},
        "anneal": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5, "when": {"dropout": [0.3]}},
    }
    plan = make_plan(search_space=space, searcher="random", budget={"trials": 60})
    state, _ = simulate_plan(plan, lambda c, _: c["dropout"] + c.get("anneal", 0.0), SimulatedCluster(workers=2))
    assert {trial.config["dropout"] for trial in state.trials} == {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}
    assert all(("anneal" in trial.config) == (trial.config["dropout"] == 0.3) for trial in state.trials)


def test_choices_that_read_alike_stay_apart_in_tables_and_in_a_grid():
    space = {"width": {"type": "choice", "choices": ["1", 1, True, "true"], "default": 1}}
    plan = make_plan(search_space=space, searcher="grid", search="joint", budget={"trials": 4})
    state, _ = simulate_plan(plan, lambda c, _: float(isinstance(c["width"], str)), SimulatedCluster(workers=1))
    columns = TrialColumns(plan)
    at = columns.schema.get_field_index("width")
    cells = {columns.row(trial, Paid(0, 0), DriverPeriod())[at] for trial in state.trials}
    assert cells == {'"1"', "1", "true", '"true"'}
