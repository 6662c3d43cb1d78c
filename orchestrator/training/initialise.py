"""The first weights of a model, by the scheme that a configuration names, matched to its activation.

| key | read by | useful range | where absent |
|---|---|---|---|
| initialisation | | torch (each layer's own), uniform, normal, xavier_uniform, xavier_normal, kaiming_uniform, kaiming_normal | torch |
| activation | xavier_*, kaiming_*: what follows the layers, for the gain | relu, leaky_relu, sigmoid, tanh, selu, elu, gelu, silu, linear | relu |
| initialisation_scale | uniform: the bound; normal: the standard deviation | 1e-3..0.5 log | 0.05 |

torch knows no gain for elu, gelu and silu: they take relu's, whose shape they share.
"""  # noqa: E501 - a table's row is one line

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from orchestrator.training import keys

_LAYERS = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d
)  # fmt: skip
_Nonlinearity = Literal["linear", "relu", "leaky_relu", "sigmoid", "tanh", "selu"]
_SMOOTH_RELUS = ("elu", "gelu", "silu")


def initialise(model: nn.Module, config: Mapping[str, Any], generator: torch.Generator | None = None) -> None:
    """Draw the weights of each linear, convolutional and recurrent layer anew, and set their biases to 0.

    Recurrent layers have activations of their own, sigmoid and tanh, and take the gain 1. Embeddings and
    normalisation stay as they are. Draws come from `generator`, None: torch's own, which `seed_everything` seeds.
    Raises TrainingConfigError.
    """
    known = keys.check_keys(config)
    scheme = keys.word(known, "initialisation", "torch")
    reads = ("initialisation_scale",) if scheme in ("uniform", "normal") else ()
    # The activation is the model's too: it has an effect whatever the scheme.
    keys.refuse_unused(known, "initialisation", ("initialisation", "activation", *reads), "initialisation", scheme)
    activation = keys.word(known, "activation", "relu")
    if scheme == "torch":
        return
    nonlinearity = cast("_Nonlinearity", "relu" if activation in _SMOOTH_RELUS else activation)
    scale = keys.number(known, "initialisation_scale", 0.05)
    with torch.no_grad():
        for layer in model.modules():
            of_layer: _Nonlinearity = "linear" if isinstance(layer, nn.RNNBase) else nonlinearity
            if isinstance(layer, (*_LAYERS, nn.RNNBase)):
                for name, tensor in layer.named_parameters(recurse=False):
                    if "bias" in name:
                        tensor.zero_()
                    else:
                        _draw(tensor, scheme, of_layer, scale, generator)


def _draw(
    weight: Tensor, scheme: str, nonlinearity: _Nonlinearity, scale: float, generator: torch.Generator | None
) -> None:
    if scheme == "uniform":
        nn.init.uniform_(weight, -scale, scale, generator=generator)
    elif scheme == "normal":
        nn.init.normal_(weight, 0.0, scale, generator=generator)
    elif scheme.startswith("xavier"):
        xavier = nn.init.xavier_uniform_ if scheme == "xavier_uniform" else nn.init.xavier_normal_
        xavier(weight, gain=nn.init.calculate_gain(nonlinearity), generator=generator)
    else:
        kaiming = nn.init.kaiming_uniform_ if scheme == "kaiming_uniform" else nn.init.kaiming_normal_
        kaiming(weight, nonlinearity=nonlinearity, generator=generator)
