"""Names that people give hyperparameters, and what the catalogue calls each: `lr`, `base_lr`, `model.optimizer.lr`.

A name is looked up by its last part (behind dots and slashes), without case, dashes as underscores, and where that is
not known without a number at its end: `dropout_2` is a dropout. Only names that mean one thing everywhere are listed:
`gamma` may be a schedule's or a discount, `n_units_l2` is the second layer's width and no penalty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

SPACES: Mapping[str, str] = {
    "learning_rate": "sgd",
    "center_loss_weight": "center-loss",
    "focal_gamma": "focal-loss",
    "focal_alpha": "focal-loss",
    "label_smoothing": "label-smoothing",
    "batch_size": "batch",
    "momentum": "sgd-momentum",
    "beta1": "adam",
    "beta2": "adam",
    "epsilon": "adam",
    "weight_decay": "weight-decay",
    "dropout": "dropout",
    "optimizer": "sgd",
    "schedule": "schedules",
    "warmup": "warmup",
    "kernel_size": "convolution",
    "pooling": "convolution",
    "width": "network",
    "activation": "network",
    "initialisation": "network",
    "depth": "depth",
}
"""By the catalogue's name: the shipped search space that says most of it. A learning rate goes by its optimizer."""

ALIASES: Mapping[str, tuple[str, ...]] = {
    "learning_rate": (
        "lr", "learningrate", "base_lr", "init_lr", "initial_lr", "max_lr", "peak_lr", "lr0", "lr_init",
        "base_learning_rate", "initial_learning_rate", "learning_rate_init", "head_lr", "backbone_lr",
    ),
    "center_loss_weight": ("aux_loss_weight", "auxiliary_loss_weight", "aux_weight"),
    "label_smoothing": ("label_smoothing_factor", "smoothing"),
    "batch_size": (
        "bs", "batch", "batchsize", "train_batch_size", "batch_size_train", "per_device_train_batch_size",
        "per_gpu_train_batch_size", "minibatch_size", "mini_batch_size",
    ),
    "momentum": ("mom", "sgd_momentum"),
    "beta1": ("beta_1", "b1", "adam_beta1", "adam_beta_1"),
    "beta2": ("beta_2", "b2", "adam_beta2", "adam_beta_2"),
    "epsilon": ("eps", "adam_epsilon", "adam_eps"),
    "weight_decay": ("wd", "weightdecay", "l2", "l2_reg", "l2_penalty", "l2_regularization", "weight_decay_rate"),
    "dropout": (
        "drop", "dropout_rate", "dropout_p", "dropout_prob", "drop_rate", "drop_prob", "p_dropout",
        "hidden_dropout_prob", "attention_dropout", "hidden_dropout", "dropout_probability",
    ),
    "optimizer": ("opt", "optim", "optimiser", "optimizer_name"),
    "schedule": ("lr_schedule", "lr_scheduler", "lr_scheduler_type", "scheduler"),
    "warmup": ("warmup_ratio",),
    "kernel_size": ("kernel", "ksize"),
    "width": (
        "hidden_size", "hidden_dim", "hidden_units", "n_units", "num_units", "units", "n_hidden", "num_hidden",
        "d_model", "hidden_channels", "layer_size",
    ),
    "activation": ("act", "activation_fn", "activation_function", "nonlinearity"),
    "initialisation": ("init", "initialization", "initializer", "weight_init"),
    "depth": ("n_layers", "num_layers", "layers", "num_hidden_layers", "n_hidden_layers", "n_blocks", "num_blocks"),
}  # fmt: skip
"""By the catalogue's name: what else people write for it."""

_CANONICAL = {alias: name for name, aliases in ALIASES.items() for alias in aliases} | {name: name for name in SPACES}
_NUMBERED = re.compile(r"_?(?:l(?:ayer)?)?\d+$")


def canonical(name: str) -> str | None:
    """Return what the catalogue calls a hyperparameter of this name; None for a name that it does not know."""
    last = re.split(r"[./]", name.lower())[-1].replace("-", "_")
    return _CANONICAL.get(last) or _CANONICAL.get(_NUMBERED.sub("", last))
