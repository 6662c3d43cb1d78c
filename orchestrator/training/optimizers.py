"""The optimizer that a configuration names: torch's own classes, with the catalogue's words for their arguments.

What a configuration does not name keeps torch's default, save for the momentum of sgd_momentum, which is 0.9
(torch's is 0, and would make it plain SGD). Weight decay is L2 added to the gradient, as in torch; in adamw it is
decoupled (Loshchilov and Hutter 2019), absent it is torch's 0.01 there and 0 elsewhere.

| key | read by | useful range | where absent |
|---|---|---|---|
| optimizer | | sgd, sgd_momentum, adagrad, adadelta, rmsprop, adam, adamw, adamax, nadam | refused |
| learning_rate | all | 1e-2..1e-1 sgd; 1e-3..1e-2 sgd_momentum, adagrad; 1e-1..3 adadelta (torch's multiplies a step that is already scaled: its default is 1); 1e-4..1e-2 the others | refused |
| weight_decay | all | 0, and 1e-6..1e-2 log | torch's |
| momentum | sgd_momentum, rmsprop | 0.5..0.99 | 0.9; rmsprop 0 |
| nesterov | sgd_momentum | true, false | false |
| beta1 | adam, adamw, adamax, nadam | 0.8..0.99 | 0.9 |
| beta2 | adam, adamw, adamax, nadam | 0.9..0.9999 | 0.999 |
| rho | adadelta (0.9), rmsprop (0.99; torch calls it alpha) | 0.8..0.999 | torch's |
| epsilon | adagrad, adadelta, rmsprop and the Adam kinds | 1e-10..1e-3 log | torch's |

A key that the chosen optimizer does not read is refused: trials that differ in it alone would be twins.
"""  # noqa: E501 - a table's row is one line

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, optim

from orchestrator.training import keys

_BETAS = ("beta1", "beta2", "epsilon")
_CLASSES: Mapping[str, tuple[type[optim.Optimizer], tuple[str, ...]]] = {
    "sgd": (optim.SGD, ()),
    "sgd_momentum": (optim.SGD, ("momentum", "nesterov")),
    "adagrad": (optim.Adagrad, ("epsilon",)),
    "adadelta": (optim.Adadelta, ("rho", "epsilon")),
    "rmsprop": (optim.RMSprop, ("rho", "epsilon", "momentum")),
    "adam": (optim.Adam, _BETAS),
    "adamw": (optim.AdamW, _BETAS),
    "adamax": (optim.Adamax, _BETAS),
    "nadam": (optim.NAdam, _BETAS),
}
_EVERY = ("optimizer", "learning_rate", "weight_decay")


def build_optimizer(
    config: Mapping[str, Any], parameters: Iterable[Tensor] | Iterable[dict[str, Any]]
) -> optim.Optimizer:
    """Return the optimizer that `config["optimizer"]` names, over `parameters` (tensors, or torch's groups).

    A group's own `lr` stands, as in torch. Raises TrainingConfigError for a key that no part knows, that this
    optimizer does not read, or whose value is impossible.
    """
    known = keys.check_keys(config)
    name = keys.word(known, "optimizer")
    build, own = _CLASSES[name]
    keys.refuse_unused(known, "optimizer", (*_EVERY, *own), "optimizer", name)
    arguments: dict[str, Any] = {"lr": keys.number(known, "learning_rate")}
    for key, theirs in (("weight_decay", "weight_decay"), ("epsilon", "eps"), ("momentum", "momentum")):
        if key in known:
            arguments[theirs] = keys.number(known, key)
    if "rho" in known:
        arguments["alpha" if name == "rmsprop" else "rho"] = keys.number(known, "rho")
    if "beta1" in known or "beta2" in known:
        arguments["betas"] = (keys.number(known, "beta1", 0.9), keys.number(known, "beta2", 0.999))
    if name == "sgd_momentum":
        arguments["momentum"] = keys.number(known, "momentum", 0.9)
        arguments["nesterov"] = _nesterov(known, arguments["momentum"])
    return build(parameters, **arguments)


def _nesterov(config: Mapping[str, Any], momentum: float) -> bool:
    nesterov = keys.flag(config, "nesterov", default=False)
    if nesterov and momentum == 0:
        raise keys.TrainingConfigError("nesterov", "looks ahead along the momentum, which is 0", "raise momentum")
    return nesterov
