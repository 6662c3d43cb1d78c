"""Arguments with hyperparameters in them: what is refused, and what a configuration makes of them."""

import pytest

from orchestrator.sweep.program import Arguments
from orchestrator.sweepfile.placeholders import carried, carrying, filled, names_config_file, problems

NAMES = ["learning_rate", "momentum", "optimizer"]
TRIAL = {"trial_id": "t3", "number": 3, "seed": 11, "attempt": 0, "max_fidelity": 9.0, "checkpoint": None}
TRIAL_KEYS = (
    "trial.attempt, trial.checkpoint, trial.checkpoints, trial.folder, trial.max_fidelity, trial.number, trial.seed, "
    "trial.sweep_folder, trial.trial_id"
)


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (["python", "train.py", "--lr={learning_rate}", "{trial.seed}", "{{}}"], []),
        (
            ["python", "--lr", "{learning_rat}"],
            [(2, "'{learning_rat}' is not in the search space; choose one of learning_rate, momentum, optimizer "
                 "(did you mean 'learning_rate'?)")],
        ),
        (
            ["python", "{trial.sed}"],
            [(1, f"'{{trial.sed}}' is nothing that a trial has; choose one of {TRIAL_KEYS} "
                 "(did you mean 'trial.seed'?)")],
        ),
        (["python", "{lr"], [(1, "a single '{'; write {name} for a hyperparameter, {{ for a brace")]),
        (["python", "lr}"], [(1, "a single '}'; write {name} for a hyperparameter, }} for a brace")]),
        (["{optimizer}"], [(0, "is no program; write its name or path first, as in [python, train.py]")]),
        (["python", "{args}", "--config={config}"], []),
        (["python", "--all={args}"], [(1, "'{args}' becomes several arguments; write it as one by itself")]),
        (["python", "{args}", "{args}"], [(2, "'{args}' stands in the command already; write it once")]),
        ([""], [(0, "is no program; write its name or path first, as in [python, train.py]")]),
    ],
)  # fmt: skip
def test_problems(command, found):
    assert list(problems(command, NAMES)) == found


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (["t", "--lr", "{learning_rate}"], ["t", "--lr", "1e-05"]),
        (["t", "--lr={learning_rate}x{trial.number}"], ["t", "--lr=1e-05x3"]),
        (["t", "--momentum", "{momentum}", "-v"], ["t", "-v"]),
        (["t", "--momentum={momentum}", "-v"], ["t", "-v"]),
        (["t", "--tag=x", "{momentum}"], ["t", "--tag=x"]),
        (["t", "-v", "{optimizer}", "{momentum}"], ["t", "-v", "sgd; rm *"]),
        (["t", "--resume", "{trial.checkpoint}"], ["t"]),
        (["t", "{nesterov}", "{{learning_rate}}"], ["t", "true", "{learning_rate}"]),
        (["t", "--a", "{momentum}", "{momentum}"], ["t"]),
        (["t", "-v", "--momentum={momentum}"], ["t", "-v"]),
        (["t", "-v", "{args}"], ["t", "-v", "--learning_rate=1e-05", "--optimizer=sgd; rm *", "--nesterov"]),
        (["t", "{args}", "--opt", "{optimizer}"], ["t", "--learning_rate=1e-05", "--nesterov", "--opt", "sgd; rm *"]),
        (["t", "--config", "{config}"], ["t", "--config", "/a/config.yaml"]),
    ],
)
def test_a_configuration_fills_the_arguments_and_leaves_out_what_it_lacks(command, arguments):
    config = {"learning_rate": 1e-5, "optimizer": "sgd; rm *", "nesterov": True}
    assert filled(command, config, TRIAL, config_file="/a/config.yaml") == arguments


@pytest.mark.parametrize(
    ("lists", "arguments"),
    [
        ("json", ["t", "-w", "[64, -1e-05]"]),
        ("commas", ["t", "-w", "64,-1e-05"]),
        ("spaces", ["t", "-w", "64", "-0.00001"]),
        ("repeat", ["t", "-w", "64", "-w", "-0.00001"]),
    ],
)
def test_a_list_in_place_of_an_argument_is_written_as_the_file_asks(lists, arguments):
    assert filled(["t", "-w", "{widths}"], {"widths": [64, -1e-05]}, TRIAL, Arguments(lists=lists)) == arguments


def test_hyperparameters_of_these_names_go_before_what_the_braces_mean_else():
    command = ["t", "{args}", "{config}"]
    assert filled(command, {"args": 1, "config": 2}, TRIAL, config_file="c.yaml") == ["t", "1", "2"]
    assert not names_config_file(command, ["args", "config"])
    assert names_config_file(command, ["learning_rate"])
    assert list(problems(["t", "x{args}"], ["args"])) == []


@pytest.mark.parametrize(
    ("command", "arguments", "names"),
    [
        (["torchrun", "--nproc-per-node", "2", "t.py", "--epochs", "3", "--batch-size", "{batch}", "--seed",
          "{trial.seed}"], ["--batch-size", "64"], {"batch"}),
        (["t", "model.lr={lr}", "-v", "run.seed={trial.seed}"], ["model.lr=0.1"], {"lr"}),
        (["t", "--tag={lr}-{trial.number}", "{args}"], ["--tag=0.1-3", "--batch=64"], {"lr", "batch"}),
        (["t", "--config", "{config}"], [], set()),
    ],
)  # fmt: skip
def test_the_arguments_that_carry_hyperparameters_come_with_their_options(command, arguments, names):
    config = {"lr": 0.1, "batch": 64}
    assert carrying(command, config, TRIAL) == arguments
    assert carried(command, config) == names
