"""A sweep built and run in Python: the same keys, checks, messages and results as from a file."""

from __future__ import annotations

import pytest

from orchestrator import Sweep
from orchestrator.errors import SpecError, SweepExistsError
from orchestrator.sweep.domains import Choice, Float

KEYS = {
    "name": "notebook",
    "objective": {"metric": "score", "goal": "maximize"},
    "fidelity": {"min": 1, "max": 3},
    "search_space": {
        "rate": Float(low=1e-3, high=1.0, scale="log", default=0.1),
        "kind": Choice(choices=("a", "b"), default="a"),
        "fixed": 3,
    },
    "budget": {"trials": 4},
}


def train(config):
    from ray import tune

    for epoch in range(1, 4):
        tune.report({"score": config["rate"] * epoch + config["fixed"], "epoch": epoch})


@pytest.mark.ray
def test_a_function_is_swept_and_extended(tmp_path):
    sweep = Sweep(trainable=train, folder=tmp_path, **KEYS)
    assert not sweep.exists()
    ending = sweep.run(num_cpus=2)
    assert ending.reason == "finished"
    assert ending.exit_code == 0
    best = sweep.best()
    assert best["winner"]["config"]["fixed"] == 3
    assert best["winner"]["value"] == max(trial.value for trial in sweep.state().trials if trial.state == "completed")
    with pytest.raises(SweepExistsError, match="this sweep exists"):
        sweep.run()
    larger = Sweep(trainable=train, folder=tmp_path, **{**KEYS, "budget": {"trials": 5}})
    assert larger.resume(num_cpus=2).reason == "finished"
    assert len(larger.state().trials) == 5


def test_the_plan_is_that_of_the_same_file(tmp_path):
    plan = Sweep(trainable=train, folder=tmp_path, **KEYS).plan()
    assert [stage.name for stage in plan.stages] == ["tier-1", "refinement"]
    assert plan.space.baseline == {"rate": 0.1, "kind": "a", "fixed": 3}


def test_mistakes_are_told_as_for_a_file(tmp_path):
    with pytest.raises(SpecError, match=r"budget\.trials: 0 is too small; choose 1 or more"):
        Sweep(trainable=train, folder=tmp_path, **{**KEYS, "budget": {"trials": 0}})
    with pytest.raises(TypeError, match="cannot stand in a sweep; use plain numbers"):
        Sweep(trainable=train, folder=tmp_path, **{**KEYS, "budget": {"trials": object()}})
