"""Arguments with hyperparameters in them: what is refused, and what a configuration makes of them."""

import pytest

from orchestrator.sweepfile.placeholders import filled, problems

NAMES = ["learning_rate", "momentum", "optimizer"]
TRIAL = {"trial_id": "t3", "number": 3, "seed": 11, "attempt": 0, "max_fidelity": 9.0, "checkpoint": None}
TRIAL_KEYS = (
    "trial.attempt, trial.checkpoint, trial.max_fidelity, trial.number, trial.seed, trial.sweep_folder, trial.trial_id"
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
    ],
)
def test_a_configuration_fills_the_arguments_and_leaves_out_what_it_lacks(command, arguments):
    config = {"learning_rate": 1e-5, "optimizer": "sgd; rm *", "nesterov": True}
    assert filled(command, config, TRIAL) == arguments
