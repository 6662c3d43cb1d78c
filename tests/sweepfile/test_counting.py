"""`budget: {trials: all}` and `seeds`: how many trials there are follows from the file."""

from __future__ import annotations

import pytest
from sweeps import GROUND

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.errors import SpecError
from orchestrator.planning.compile import compile_plan, differences
from orchestrator.planning.estimate import estimate
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweep.trial import TrialState, training_seed
from orchestrator.sweepfile.parse import parse

HEAD = """\
name: digits
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {metric: epoch, min: 3, max: 27}
"""
GRID = """\
budget: {trials: all}
search_space:
  lr: {choices: [0.1, 0.01, 0.001], default: 0.01}
  optimizer: {choices: [sgd, adam], default: sgd}
  momentum: {choices: [0.5, 0.9], default: 0.9, when: {optimizer: [sgd]}}
"""
CONSTANTS = "search_space: {lr: 0.1, widths: {value: [64, 64]}}\n"


def spec(text: str, *overrides: str) -> SweepSpec:
    return parse((HEAD + text).encode(), "sweep.yaml", overrides)


def said(text: str, *overrides: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        spec(text, *overrides)
    return str(caught.value).splitlines()


def played(found: SweepSpec):
    plan = compile_plan(found, GROUND)
    return plan, simulate_plan(plan, lambda config, fidelity: fidelity, SimulatedCluster(workers=3))[0]


def test_all_is_the_grid_over_the_space():
    found = spec(GRID)
    assert (found.searcher.name, found.search.name, found.budget.trials) == ("grid", "joint", 9)
    plan, state = played(found)
    assert len(state.trials) == 9
    assert len({str(trial.config) for trial in state.trials}) == 9
    assert estimate(plan, 3).configurations == 12


def test_the_defaults_are_a_trial_more_where_the_grid_lacks_them():
    off = GRID.replace("lr: {choices: [0.1, 0.01, 0.001], default: 0.01}", "lr: {low: 0.0, high: 1.0, default: 0.3}")
    found = spec(off)
    assert found.budget.trials == 5 * 3 + 1
    assert len(played(found)[1].trials) == 16
    on = spec(off, "search_space.lr.default=0.25")
    assert on.budget.trials == 5 * 3
    assert len(played(on)[1].trials) == 15


def test_all_takes_another_list_and_its_options():
    ranged = GRID.replace("{choices: [0.1, 0.01, 0.001], default: 0.01}", "{low: 0.0, high: 1.0, default: 0.5}")
    assert spec(ranged, "searcher={name: grid, points: 3}").budget.trials == 9
    listed = GRID + "searcher: {name: manual, configs: [{lr: 0.1}, {lr: 0.01}, {lr: 0.1}]}\n"
    assert spec(listed).budget.trials == 2
    assert len(played(spec(listed))[1].trials) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("searcher=tpe",), "all names one stage with a list: write searcher: grid and search: joint, or a number of"),
        (
            ("search=hard-stages", "search_space.optimizer.tier=2"),
            "all names one stage with a list: write searcher: grid and search: joint, or a",
        ),
        (("budget.trials=every",), "'every' is not a whole number; write one such as 3"),
    ],
)
def test_all_needs_one_list(changes: tuple[str, ...], message: str):
    assert any(message in line for line in said(GRID, *changes))


def test_constants_are_trained_over_seeds():
    found = spec(CONSTANTS + "seeds: 5\n")
    assert (found.budget.trials, found.scheduler.name, found.seeds) == (5, "none", 5)
    plan, state = played(found)
    assert [trial.move for trial in state.trials] == ["baseline"] + ["repeat"] * 4
    assert [trial.replicates for trial in state.trials] == [None, 0, 0, 0, 0]
    assert {str(trial.config) for trial in state.trials} == {"{'lr': 0.1, 'widths': [64, 64]}"}
    assert all(trial.state is TrialState.COMPLETED for trial in state.trials)
    assert len({training_seed(plan.spec.seed, trial.number) for trial in state.trials}) == 5
    told = estimate(plan, 3)
    assert [(stage.trials, stage.model_based) for stage in told.stages] == [(5, 0.0)]


@pytest.mark.parametrize("budget", ["", "budget: {trials: all, gpu_hours: 3}\n", "budget: {trials: 5}\n"])
def test_a_budget_may_stand_beside_seeds(budget: str):
    assert spec(CONSTANTS + budget + "seeds: 5\n").budget.trials == 5


def test_more_seeds_are_the_same_sweep():
    assert differences(spec(CONSTANTS + "seeds: 5\n"), spec(CONSTANTS + "seeds: 8\n")) == (
        ["seeds: 5 -> 8", "budget.trials: 5 -> 8"],
        [],
    )


def test_what_does_not_go_with_seeds_is_said():
    assert said(CONSTANTS + "budget: {trials: 7}\nseeds: 5\n") == [
        "sweep.yaml:6: budget.trials: 7 trials and seeds: 5 say two numbers; remove one of them"
    ]
    assert said(CONSTANTS + "searcher: tpe\nseeds: 5\n") == [
        "sweep.yaml:6: searcher: seeds trains one configuration again and again, nothing is searched; remove it"
    ]
    assert said(GRID.replace("all", "5") + "seeds: 5\n") == [
        "sweep.yaml:10: seeds: seeds repeats one configuration, and lr, optimizer, momentum can be tuned; "
        "make constants of them, or remove seeds"
    ]
    assert said(CONSTANTS + "seeds: 0\n") == ["sweep.yaml:6: seeds: 0 is too small; choose 1 or more"]
    assert said(CONSTANTS + "budget: {trials: 5}\n") == [
        "sweep.yaml:5: search_space: nothing can be tuned, every value is a constant; give one a range or choices, "
        "or write seeds: 5 to train it five times"
    ]
