"""Keys: what no part knows is named, what has no effect is refused, values are checked once for all parts."""

from __future__ import annotations

import pickle

import pytest
import torch

from orchestrator.errors import StepladderError
from orchestrator.training import TrainingConfigError, build_loss, build_lr_scheduler, build_optimizer, check_keys
from orchestrator.training import initialise as start_weights
from orchestrator.training.keys import KEYS

WEIGHTS = [torch.nn.Parameter(torch.zeros(2))]
SGD = {"optimizer": "sgd", "learning_rate": 0.1}


def test_keys_of_all_parts_and_ones_own_pass_and_only_the_parts_come_back():
    config = {**SGD, "schedule": "cosine", "heads": 4, "task_weight_boxes": 2.0, "_trial": {"seed": 1}}
    assert check_keys(config, own=["heads"]) == {**SGD, "schedule": "cosine", "task_weight_boxes": 2.0}


def test_an_unknown_key_is_named_with_the_nearest_and_with_the_way_to_own_it():
    with pytest.raises(TrainingConfigError) as caught:
        check_keys({**SGD, "momentun": 0.9})
    assert str(caught.value) == (
        "momentun: no training part reads it; did you mean 'momentum'? "
        "Else name it as your own: check_keys(config, own=['momentun'])"
    )
    assert caught.value.key == "momentun"


@pytest.mark.parametrize(
    "use",
    [
        lambda config: build_optimizer(config, WEIGHTS),
        lambda config: build_lr_scheduler(config, torch.optim.SGD(WEIGHTS), 10),
        lambda config: build_loss({**config, "loss": "focal"}),
        lambda config: start_weights(torch.nn.Linear(2, 2), config),
    ],
)
def test_every_part_refuses_what_no_part_knows(use):
    use(SGD)
    with pytest.raises(TrainingConfigError, match=r"^heads: no training part reads it; name it as your own"):
        use({**SGD, "heads": 4})


def test_it_is_an_error_for_a_person_and_a_value_error_and_survives_a_process_border():
    error = TrainingConfigError("gamma", "2 cannot be used", "write less")
    assert {StepladderError, ValueError} <= set(type(error).__mro__)
    assert str(pickle.loads(pickle.dumps(error))) == "gamma: 2 cannot be used; write less"


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"learning_rate": 0.1}, "optimizer: is missing; choose one of sgd, sgd_momentum, adagrad"),
        ({"optimizer": "sgd"}, "learning_rate: is missing; write a number above 0"),
        ({**SGD, "optimizer": "Adam"}, "optimizer: 'Adam' is unknown; choose one of"),
        ({**SGD, "learning_rate": -0.1}, "learning_rate: -0.1 cannot be used; write a number above 0"),
        ({**SGD, "learning_rate": float("nan")}, "learning_rate: nan cannot be used"),
        ({**SGD, "learning_rate": "0.1"}, "learning_rate: '0.1' cannot be used"),
        ({**SGD, "weight_decay": True}, "weight_decay: True cannot be used; write a number from 0"),
        (
            {"optimizer": "sgd_momentum", "learning_rate": 0.1, "momentum": 1.0},
            "momentum: 1.0 cannot be used; write a number from 0 and below 1",
        ),
        (
            {"optimizer": "sgd_momentum", "learning_rate": 0.1, "nesterov": "yes"},
            "nesterov: 'yes' is neither true nor false; write true or false",
        ),
        (
            {"optimizer": "sgd_momentum", "learning_rate": 0.1, "momentum": 0.0, "nesterov": True},
            "nesterov: looks ahead along the momentum, which is 0; raise momentum",
        ),
        (
            {"optimizer": "adam", "learning_rate": 0.1, "rho": 0.9},
            "rho: has no effect where optimizer is adam; give it a condition, `when: {optimizer: [...]}`, or remove it",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(config, text):
    with pytest.raises(TrainingConfigError) as caught:
        build_optimizer(config, WEIGHTS)
    assert str(caught.value).startswith(text)


def test_every_key_says_what_may_be_written():
    assert all(key.allowed() for key in KEYS.values())
    assert KEYS["focal_alpha"].allowed() == "write a number above 0 and below 1"
    assert KEYS["gamma"].allowed() == "write a number above 0 to 1"
