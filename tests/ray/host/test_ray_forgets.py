"""A long sweep's driver holds what runs, and not what Tune knows of every trial that ever ran."""

from __future__ import annotations

import gc

import pytest
from ray.tune.experiment import Trial as TuneTrial

from orchestrator.ray.host import loop

pytestmark = pytest.mark.ray

TRAIN = """
    from ray import tune

    def train(config, trial):
        if trial.number % 5 == 3:
            raise ValueError("no")
        tune.report({"score": config["x"], "epoch": 3})
"""


def known_trials():
    gc.collect()
    # `isinstance` would ask each object for its class, and torch's deprecated names warn when they are asked.
    return [known for known in gc.get_objects() if issubclass(type(known), TuneTrial)]


def test_what_is_over_is_forgotten_and_the_sweep_goes_on(host, monkeypatch):
    monkeypatch.setattr(loop, "FORGET_S", 0.0)
    held, of_other_tests = [], known_trials()

    def look(session):
        if len(session.state.trials) > len(held):
            held.extend([0] * (len(session.state.trials) - len(held)))
            held[-1] = len(known_trials()) - len(of_other_tests)

    run = host.run(TRAIN, on_step=look, budget={"trials": 25}, resources={"cpus": 1})
    assert run.reason == "finished"
    states = [trial.state.value for trial in run.state.trials]
    assert states == ["failed" if number % 5 == 3 else "completed" for number in range(25)]
    assert all(len(trial.attempts) == 1 for trial in run.state.trials)
    assert max(held) <= 12, held
