"""First weights: the spread each scheme promises, which layers it touches, and that a seed repeats it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from orchestrator.training import TrainingConfigError, seed_everything
from orchestrator.training import initialise as start_weights

FAN_IN, FAN_OUT = 300, 500


def drawn(**config):
    layer = nn.Linear(FAN_IN, FAN_OUT)
    start_weights(layer, config, torch.Generator().manual_seed(1))
    return layer


@pytest.mark.parametrize(
    ("config", "deviation"),
    [
        ({"initialisation": "uniform", "initialisation_scale": 0.3}, 0.3 / math.sqrt(3)),
        ({"initialisation": "normal"}, 0.05),
        ({"initialisation": "normal", "initialisation_scale": 0.2}, 0.2),
        ({"initialisation": "xavier_uniform", "activation": "linear"}, math.sqrt(2 / (FAN_IN + FAN_OUT))),
        ({"initialisation": "xavier_normal", "activation": "tanh"}, 5 / 3 * math.sqrt(2 / (FAN_IN + FAN_OUT))),
        ({"initialisation": "kaiming_uniform"}, math.sqrt(2 / FAN_IN)),
        ({"initialisation": "kaiming_normal", "activation": "relu"}, math.sqrt(2 / FAN_IN)),
        ({"initialisation": "kaiming_normal", "activation": "sigmoid"}, math.sqrt(1 / FAN_IN)),
        ({"initialisation": "kaiming_normal", "activation": "gelu"}, math.sqrt(2 / FAN_IN)),
    ],
)
def test_the_spread_is_the_schemes(config, deviation):
    layer = drawn(**config)
    assert layer.weight.std().item() == pytest.approx(deviation, rel=0.02)
    assert layer.weight.mean().item() == pytest.approx(0, abs=deviation / 50)
    assert layer.bias.abs().max() == 0
    is_uniform = "uniform" in config["initialisation"]
    assert (layer.weight.abs().max() < deviation * math.sqrt(3) * 1.05) == is_uniform


def test_convolutions_and_recurrent_layers_are_drawn_and_norms_and_embeddings_left():
    model = nn.ModuleDict({
        "conv": nn.Conv2d(16, 64, 3), "rnn": nn.LSTM(64, 128), "norm": nn.BatchNorm2d(8), "words": nn.Embedding(50, 8),
    })  # fmt: skip
    before = model["words"].weight.clone()
    start_weights(model, {"initialisation": "kaiming_normal"}, torch.Generator().manual_seed(1))
    assert model["conv"].weight.std().item() == pytest.approx(math.sqrt(2 / (16 * 9)), rel=0.03)
    assert model["rnn"].weight_ih_l0.std().item() == pytest.approx(math.sqrt(1 / 64), rel=0.03)
    assert model["rnn"].bias_hh_l0.abs().max() == 0
    assert model["norm"].weight.tolist() == [1] * 8
    assert model["words"].weight.equal(before)


def test_torch_leaves_every_layer_as_it_was():
    layer = nn.Linear(4, 4)
    before = layer.weight.clone()
    for config in ({}, {"initialisation": "torch", "activation": "tanh"}):
        start_weights(layer, config)
        assert layer.weight.equal(before)


def test_a_seed_repeats_the_draw():
    layers = [nn.Linear(4, 4) for _ in range(3)]
    for layer, seed in zip(layers, (1, 1, 2), strict=True):
        seed_everything(seed)
        start_weights(layer, {"initialisation": "xavier_normal"})
    assert layers[0].weight.equal(layers[1].weight)
    assert not layers[0].weight.equal(layers[2].weight)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (
            {"initialisation": "he"},
            "initialisation: 'he' is unknown; choose one of torch, uniform, normal, xavier_unif",
        ),
        ({"activation": "swish"}, "activation: 'swish' is unknown; choose one of linear, relu"),
        (
            {"initialisation": "xavier_normal", "initialisation_scale": 0.1},
            "initialisation_scale: has no effect where initialisation is xavier_normal",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(config, text):
    with pytest.raises(TrainingConfigError) as caught:
        start_weights(nn.Linear(2, 2), config)
    assert str(caught.value).startswith(text)
