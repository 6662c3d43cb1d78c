"""Optimizers: torch's class, the catalogue's words, torch's defaults for what is not named."""

from __future__ import annotations

import pytest
import torch
from torch import optim

from orchestrator.training import build_optimizer
from orchestrator.training.keys import OPTIMIZERS

CLASSES = {
    "sgd": optim.SGD, "sgd_momentum": optim.SGD, "adagrad": optim.Adagrad, "adadelta": optim.Adadelta,
    "rmsprop": optim.RMSprop, "adam": optim.Adam, "adamw": optim.AdamW, "adamax": optim.Adamax, "nadam": optim.NAdam,
}  # fmt: skip


def parameters():
    return [torch.nn.Parameter(torch.ones(3))]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_is_not_named_keeps_torchs_default(name):
    built = build_optimizer({"optimizer": name, "learning_rate": 0.02}, parameters())
    assert type(built) is CLASSES[name]
    expected = {**CLASSES[name](parameters()).defaults, "lr": 0.02}
    if name == "sgd_momentum":
        expected["momentum"] = 0.9
    assert built.defaults == expected


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("sgd", {"weight_decay": 1e-4}, {"weight_decay": 1e-4, "momentum": 0}),
        ("sgd_momentum", {"momentum": 0.5, "nesterov": True}, {"momentum": 0.5, "nesterov": True}),
        ("adagrad", {"epsilon": 1e-6}, {"eps": 1e-6}),
        ("adadelta", {"rho": 0.8, "epsilon": 1e-5}, {"rho": 0.8, "eps": 1e-5}),
        ("rmsprop", {"rho": 0.95, "momentum": 0.3}, {"alpha": 0.95, "momentum": 0.3}),
        ("adam", {"beta1": 0.8}, {"betas": (0.8, 0.999)}),
        ("adamw", {"beta2": 0.99, "weight_decay": 0.1}, {"betas": (0.9, 0.99), "weight_decay": 0.1}),
        ("adamax", {"epsilon": 1e-4}, {"eps": 1e-4}),
        ("nadam", {"beta1": 0.85, "beta2": 0.95}, {"betas": (0.85, 0.95)}),
    ],
)
def test_each_key_reaches_torch_under_its_name(name, ours, theirs):
    built = build_optimizer({"optimizer": name, "learning_rate": 0.02, **ours}, parameters())
    assert {key: built.defaults[key] for key in theirs} == theirs


def test_a_groups_own_rate_stands():
    groups = [{"params": parameters()}, {"params": parameters(), "lr": 0.001}]
    built = build_optimizer({"optimizer": "adam", "learning_rate": 0.02}, groups)
    assert [group["lr"] for group in built.param_groups] == [0.02, 0.001]


def test_sgd_steps_as_written_down():
    weight = torch.nn.Parameter(torch.ones(1))
    built = build_optimizer(
        {"optimizer": "sgd_momentum", "learning_rate": 0.1, "momentum": 0.5, "weight_decay": 0.2}, [weight]
    )
    for expected in (1 - 0.1 * 1.2, 0.88 - 0.1 * (0.5 * 1.2 + 1 + 0.2 * 0.88)):
        weight.grad = torch.ones(1)
        built.step()
        assert weight.item() == pytest.approx(expected)
