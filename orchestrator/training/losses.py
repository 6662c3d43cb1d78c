"""The loss that a configuration names, its parameters among the most important hyperparameters there are.

| key | read by | useful range | where absent |
|---|---|---|---|
| loss | | cross_entropy, focal, huber | refused |
| label_smoothing | cross_entropy | 0..0.2 | 0 |
| focal_gamma | focal | 0.5..5, the paper's 2 | 2 |
| focal_alpha | focal: the weight of a positive, 1 - alpha is a negative's | 0.1..0.9, the paper's 0.25 | 0.25 |
| huber_delta | huber: where it turns from squared to absolute, in the target's unit | 0.1..10 log | 1 |
| center_loss_weight | cross_entropy, focal: center loss beside it; 0 is none | 1e-3..1 log | 0 |
| center_rate | center loss: how far a center moves to its class's mean at each batch | 0.1..1 | 0.5 |
| task_weight_<task> | `build_task_loss`: the weight of each task | 0.01..100 log | 1 |

Losses whose values lie more than two orders of magnitude apart are advised against: `parts` holds the last ones.
Never make a loss whose weight is tuned the sweep's objective: the winner is the smallest weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from orchestrator.training import keys
from orchestrator.training.keys import TASK_WEIGHT, TrainingConfigError

_READS: Mapping[str, tuple[str, ...]] = {
    "cross_entropy": ("label_smoothing", "center_loss_weight", "center_rate"),
    "focal": ("focal_gamma", "focal_alpha", "center_loss_weight", "center_rate"),
    "huber": ("huber_delta",),
}


class FocalLoss(nn.Module):
    """Focal loss (Lin et al. 2017, equation 5): -alpha_t (1 - p_t)^gamma log p_t, p the logit's sigmoid.

    Inputs are logits. With targets of the same shape, 0 or 1, it is the mean over all of them. With class numbers as
    targets, shape (N,) beside logits (N, C), each class is a binary question of its own, as in the paper, and it is
    the sum over the classes, a mean over the examples.
    """

    def __init__(self, gamma: float = 2.0, alpha: float = 0.25) -> None:
        super().__init__()
        self.gamma = gamma
        self.alpha = alpha

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        has_classes = targets.dim() == logits.dim() - 1
        wanted = functional.one_hot(targets, logits.shape[-1]) if has_classes else targets
        wanted = wanted.to(logits.dtype)
        surprise = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        missed = 1 - torch.exp(-surprise)  # 1 - p_t
        alpha = self.alpha * wanted + (1 - self.alpha) * (1 - wanted)
        each = alpha * missed.clamp_min(torch.finfo(missed.dtype).tiny) ** self.gamma * surprise
        return each.sum(-1).mean() if has_classes else each.mean()


class CenterLoss(nn.Module):
    """Center loss (Wen et al. 2016): half the squared distance of each feature to its class's center, a batch's mean.

    The centers are the module's own state, no parameters of the optimizer: in training each call moves the centers of
    the classes it saw by `rate` times equation 4's step, after the loss is computed. They travel with
    `state_dict()` and `.to(device)`.
    """

    centers: Tensor

    def __init__(self, classes: int, features: int, rate: float = 0.5) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("centers", torch.zeros(classes, features))

    def forward(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of `features` (N, features) with class numbers `targets` (N,), a scalar."""
        away = features - self.centers[targets]
        if self.training:
            self._follow(away.detach(), targets)
        return away.square().sum(1).mean() / 2

    @torch.no_grad()
    def _follow(self, away: Tensor, targets: Tensor) -> None:
        seen = torch.bincount(targets, minlength=len(self.centers)).to(away.dtype)
        toward = torch.zeros_like(self.centers).index_add_(0, targets, away.to(self.centers.dtype))
        # A new tensor, not one written over: the loss's backward may still need the old.
        self.centers = self.centers + self.rate * toward / (1 + seen).unsqueeze(1)


class WithCenterLoss(nn.Module):
    """A classifier's loss plus `weight` times the center loss of the features under its last layer."""

    def __init__(self, main: nn.Module, center: CenterLoss, weight: float) -> None:
        super().__init__()
        self.main = main
        self.center = center
        self.weight = weight
        self.parts: dict[str, Tensor] = {}

    def forward(self, logits: Tensor, targets: Tensor, features: Tensor) -> Tensor:
        """Return the sum, a scalar; `parts` then holds both values, unweighted and detached."""
        main, center = self.main(logits, targets), self.center(features, targets)
        self.parts = {"main": main.detach(), "center": center.detach()}
        return torch.as_tensor(main + self.weight * center)


class TaskLoss(nn.Module):
    """The weighted sum of several tasks' losses."""

    def __init__(self, tasks: Mapping[str, nn.Module], weights: Mapping[str, float]) -> None:
        super().__init__()
        self.tasks = nn.ModuleDict(tasks)
        self.weights = dict(weights)
        self.parts: dict[str, Tensor] = {}

    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """Return the sum, a scalar; `parts` then holds each task's value, unweighted and detached."""
        losses = {task: loss(outputs[task], targets[task]) for task, loss in self.tasks.items()}
        self.parts = {task: loss.detach() for task, loss in losses.items()}
        return torch.stack([self.weights[task] * loss for task, loss in losses.items()]).sum()


def build_loss(
    config: Mapping[str, Any],
    *,
    classes: int | None = None,
    features: int | None = None,
    class_weight: Tensor | None = None,
) -> nn.Module:
    """Return the loss that `config["loss"]` names; it is called with (logits or predictions, targets).

    With a center_loss_weight above 0 it is called with (logits, targets, features) and needs to be told the number of
    `classes` and of `features`. `class_weight` (C,) weighs the classes of cross_entropy. Move the loss to the model's
    device, and save its state beside the model's. Raises TrainingConfigError.
    """
    known = keys.check_keys(config)
    name = keys.word(known, "loss")
    keys.refuse_unused(known, "loss", ("loss", *_READS[name]), "loss", name)
    if class_weight is not None and name != "cross_entropy":
        raise TrainingConfigError("loss", f"{name} takes no class_weight", "choose cross_entropy, or leave it out")
    if name == "huber":
        return nn.HuberLoss(delta=keys.number(known, "huber_delta", 1.0))
    main: nn.Module
    if name == "focal":
        main = FocalLoss(keys.number(known, "focal_gamma", 2.0), keys.number(known, "focal_alpha", 0.25))
    else:
        main = nn.CrossEntropyLoss(class_weight, label_smoothing=keys.number(known, "label_smoothing", 0.0))
    weight = keys.number(known, "center_loss_weight", 0.0)
    if weight == 0:
        return main
    if classes is None or features is None:
        raise TrainingConfigError(
            "center_loss_weight", "a center loss needs its size", "pass classes= and features= to build_loss"
        )
    return WithCenterLoss(main, CenterLoss(classes, features, keys.number(known, "center_rate", 0.5)), weight)


def build_task_loss(config: Mapping[str, Any], tasks: Mapping[str, nn.Module]) -> TaskLoss:
    """Return the sum of the `tasks`' losses, weighted by `task_weight_<task>`, 1 where absent.

    It is called with outputs and targets by task. Raises TrainingConfigError for the weight of no task.
    """
    weights = dict.fromkeys(tasks, 1.0)
    for key, value in keys.check_keys(config).items():
        if not key.startswith(TASK_WEIGHT):
            continue
        task = key.removeprefix(TASK_WEIGHT)
        if task not in tasks:
            raise TrainingConfigError(key, f"there is no task {task!r}", f"choose one of {', '.join(sorted(tasks))}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not keys.Key("loss").holds(value):
            raise TrainingConfigError(key, f"{value!r} cannot be used", keys.Key("loss").allowed())
        weights[task] = float(value)
    return TaskLoss(tasks, weights)
