"""Names with dots and values of every kind, through a real trial and a real program."""

from __future__ import annotations

import sys

import pytest

from orchestrator.ray.worker.trainable import Command
from orchestrator.sweep.trial import TrialState

SPACE = {
    "model.lr": {"type": "float", "low": 0.1, "high": 0.9, "default": 0.5},
    "model.widths": {"type": "choice", "choices": [[64, 64], [128], None], "default": None},
    "data/batch-size": {"type": "choice", "choices": [16, 32], "default": 16},
    "seeds": {"type": "constant", "value": [1, {"two": 2}]},
}
TRAIN = """
from ray import tune

def train(config):
    assert set(config) == {"model", "data/batch-size", "seeds"}, sorted(config)
    assert config["model"]["lr"] == config["model.lr"]
    assert config["model"]["widths"] in ([64, 64], [128], None)
    assert config["seeds"] == [1, {"two": 2}]
    for epoch in (1, 2, 3):
        tune.report({"epoch": epoch, "score": config.get("model.lr") * epoch})
"""
FLAT = """
from ray import tune

def train(config):
    assert set(config) == {"model.lr", "model.widths", "data/batch-size", "seeds"}, sorted(config)
    for epoch in (1, 2, 3):
        tune.report({"epoch": epoch, "score": config["model.lr"] * epoch})
"""
PROGRAM = """
import json, os, sys

config = json.loads(os.environ["STEPLADDER_CONFIG"])
arguments = dict(argument.split("=", 1) for argument in sys.argv[1:])
assert config["model"]["lr"] == float(arguments["--model.lr"])
assert config["model"]["widths"] == json.loads(arguments["--widths"])
with open(os.environ["STEPLADDER_REPORTS"], "a") as file:
    for epoch in (1, 2, 3):
        file.write(json.dumps({"epoch": epoch, "score": config["model"]["lr"] * epoch}) + "\\n")
"""


@pytest.mark.ray
@pytest.mark.parametrize(("code", "nested"), [(TRAIN, True), (FLAT, False)])
def test_a_training_finds_names_with_dots_and_values_of_every_kind(host, code: str, nested: bool):
    found = host.run(code, search_space=SPACE, nested=nested, budget={"trials": 3})
    assert found.error is None
    assert [trial.state for trial in found.state.trials] == [TrialState.COMPLETED] * 3, [
        attempt.error for trial in found.state.trials for attempt in trial.attempts
    ]
    assert found.state.trials[0].config["model.widths"] is None


@pytest.mark.ray
def test_a_program_finds_them_in_its_arguments_and_in_its_configuration(host):
    (host.folder / "train.py").write_text(PROGRAM)
    arguments = (sys.executable, "train.py", "--model.lr={model.lr}", "--widths={model.widths}")
    changes = {"trainable": None, "command": list(arguments), "search_space": SPACE, "budget": {"trials": 2}}
    found = host.run(Command(host.folder, arguments, ("train.py",)), **changes)
    assert [trial.state for trial in found.state.trials] == [TrialState.COMPLETED] * 2, [
        attempt.error for trial in found.state.trials for attempt in trial.attempts
    ]
