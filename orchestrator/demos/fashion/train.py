"""Clothes from small pictures: a convolutional network on Fashion-MNIST, with every hyperparameter of the catalogue.

An ordinary Ray Tune training function, `train(config, trial)`, built from `orchestrator.training`: optimizer, schedule,
loss and first weights are what the configuration names, and a key that none of them reads is refused. The parts are
optional; a training function needs nothing of Stepladder. `pictures.py`, beside this file, reads the images. It trains
by hand, too, without Ray:

    python train.py --learning_rate 0.03 --loss focal --seed 3     one line an epoch
    python train.py --test FOLDER                                   the test accuracy of a saved checkpoint

Debian and Ubuntu have the images as `apt-get install dataset-fashion-mnist`; elsewhere take the four .gz files from
github.com/zalandoresearch/fashion-mnist and name their folder: `data` in sweep.yaml, `--data` by hand.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pictures import Part, load_parts, read_part
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from orchestrator.training import (
    build_loss,
    build_lr_scheduler,
    build_optimizer,
    check_keys,
    initialise,
    seed_everything,
)

CLASSES = 10
FEATURES = 64
EPOCHS = 12
"""A full training by hand; in a sweep, sweep.yaml says."""
CHECKPOINT = "checkpoint.pt"
OWN = ("images", "data", "adamw_learning_rate")
"""Keys that this file reads itself."""

BY_HAND: dict[str, Any] = {
    "learning_rate": 0.01,
    "loss": "cross_entropy", "label_smoothing": 0.0, "focal_gamma": 2.0, "focal_alpha": 0.25,
    "center_loss_weight": 0.01,
    "batch_size": 32, "momentum": 0.9,
    "schedule": "cosine", "horizon": "rung", "warmup": 0.05,
    "step_size": 0.25, "milestones": "0.25, 0.67", "gamma": 0.1, "end_factor": 0.01, "decay_length": 1.0,
    "base_factor": 0.5, "cycle_up": 0.25, "cycle_down": 0.0833,
    "peak_at": 0.5, "div_factor": 10.0, "final_div_factor": 10.0,
    "optimizer": "sgd_momentum", "adamw_learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8,
    "weight_decay": 5e-4, "dropout": 0.2,
    "width": 16, "kernel_size": "3x3", "pooling": "max", "pooling_size": "2x2",
    "activation": "relu", "initialisation": "kaiming_uniform",
    "images": 3000, "data": "/usr/share/datasets/fashion-mnist",
}  # fmt: skip
"""What a training by hand takes for what its command line leaves out."""
_SGD, _ADAMW = ("optimizer", ("sgd_momentum",)), ("optimizer", ("adamw",))
_FOCAL, _CYCLIC, _ONE_CYCLE = ("loss", ("focal",)), ("schedule", ("cyclic",)), ("schedule", ("one_cycle",))
WHERE: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(("learning_rate", "momentum"), _SGD),
    **dict.fromkeys(("adamw_learning_rate", "beta1", "beta2", "epsilon"), _ADAMW),
    "label_smoothing": ("loss", ("cross_entropy",)),
    **dict.fromkeys(("focal_gamma", "focal_alpha"), _FOCAL),
    "step_size": ("schedule", ("step",)),
    "milestones": ("schedule", ("multi_step",)),
    "gamma": ("schedule", ("step", "multi_step")),
    "end_factor": ("schedule", ("exponential", "linear", "cosine")),
    "decay_length": ("schedule", ("linear", "cosine")),
    **dict.fromkeys(("base_factor", "cycle_up", "cycle_down"), _CYCLIC),
    **dict.fromkeys(("peak_at", "div_factor", "final_div_factor"), _ONE_CYCLE),
    "pooling_size": ("pooling", ("max", "average")),
}
"""The conditions of sweep.yaml: what is left out by hand is taken from above only where it holds."""
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "gelu": nn.GELU, "silu": nn.SiLU, "elu": nn.ELU, "selu": nn.SELU,
    "tanh": nn.Tanh, "sigmoid": nn.Sigmoid,
}  # fmt: skip


class Network(nn.Module):
    """Three convolutions with batch normalisation; dropout behind the last of them, where it shifts no statistics."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, activation = int(config["width"]), ACTIVATIONS[config["activation"]]
        whole = config["pooling"] == "global"  # then the convolutions' strides shrink the image, not pooling
        self.body = nn.Sequential(
            *_convolution(1, width, config["kernel_size"], 2 if whole else 1, activation),
            *_pooling(config),
            *_convolution(width, 2 * width, config["kernel_size"], 2 if whole else 1, activation),
            *_pooling(config),
            *_convolution(2 * width, 2 * width, config["kernel_size"], 1, activation),
            *([nn.AdaptiveAvgPool2d(1)] if whole else []),
            nn.Flatten(),
            nn.Linear(2 * width if whole else 2 * width * 7 * 7, FEATURES),
        )
        self.head = nn.Sequential(activation(), nn.Dropout(config["dropout"]), nn.Linear(FEATURES, CLASSES))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features (N x 64), which the center loss draws together, and the logits (N x 10)."""
        features = self.body(images)
        return features, self.head(features)


def _convolution(
    channels_in: int, channels_out: int, kernels: str, stride: int, activation: type[nn.Module]
) -> list[nn.Module]:
    """Return the convolution that `3x3` names, or the pair that `1x7+7x1` names, and what follows it."""
    layers: list[nn.Module] = []
    for kernel in kernels.split("+"):
        high, wide = map(int, kernel.split("x"))
        steps = (stride if high > 1 or wide == 1 else 1, stride if wide > 1 or high == 1 else 1)
        # No bias: the batch normalisation behind it brings its own.
        layers.append(
            nn.Conv2d(channels_in, channels_out, (high, wide), steps, padding=(high // 2, wide // 2), bias=False)
        )
        channels_in = channels_out
    return [*layers, nn.BatchNorm2d(channels_out), activation()]


def _pooling(config: dict[str, Any]) -> list[nn.Module]:
    """Return what halves the image."""
    if config["pooling"] == "global":
        return []
    size = int(config["pooling_size"][0])
    kind = nn.MaxPool2d if config["pooling"] == "max" else nn.AvgPool2d
    return [kind(size, stride=2, padding=(size - 1) // 2)]


def build_network(config: dict[str, Any]) -> Network:
    """Return the untrained network: `stepladder check sweep.yaml --model train:build_network` looks at it."""
    return Network(config)


class Training:
    """A training in progress. What `save` writes is all of it: one that is loaded goes on as if never interrupted."""

    def __init__(self, config: dict[str, Any], trial: Mapping[str, Any]) -> None:
        self.config = dict(config)
        seed_everything(trial)
        self.epochs = int(trial["max_fidelity"])
        self.epoch = 0
        self.parts = load_parts(config["data"], int(config["images"]))
        self.batch_size = int(config["batch_size"])
        known = check_keys(self.config, own=OWN)
        # Each optimizer has a range, and so a name, of its own for its learning rate.
        known.setdefault("learning_rate", self.config.get("adamw_learning_rate"))
        self.network = build_network(known)
        initialise(self.network, known)
        self.loss = build_loss(known, classes=CLASSES, features=FEATURES)
        self.has_center_loss = config["center_loss_weight"] > 0
        self.optimizer = build_optimizer(known, self.network.parameters())
        batches = math.ceil(len(self.parts["training"][1]) / self.batch_size)
        rungs = [rung * batches for rung in trial["rungs"]]  # with `horizon: rung` a whole schedule runs up to each
        self.schedule = build_lr_scheduler(known, self.optimizer, self.epochs * batches, rungs)

    def train_epoch(self) -> dict[str, float]:
        """Train one epoch and return what there is to report of it."""
        started = time.perf_counter()
        images, labels = self.parts["training"]
        self.network.train()
        self.loss.train()
        total = 0.0
        for batch in torch.split(torch.randperm(len(labels)), self.batch_size):
            features, logits = self.network(images[batch])
            seen = (features,) if self.has_center_loss else ()
            loss = self.loss(logits, labels[batch], *seen)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            total += loss.item() * len(batch)
        self.epoch += 1
        accuracy, val_loss = evaluate(self.network, self.parts["validation"])
        return {
            "epoch": self.epoch,
            "val_accuracy": accuracy,
            "val_loss": val_loss,
            "train_loss": total / len(labels),
            "seconds": time.perf_counter() - started,
        }

    def save(self, folder: Path) -> None:
        """Write a checkpoint into `folder`."""
        state = {name: part.state_dict() for name, part in self._stateful().items()}
        progress = {"epoch": self.epoch, "random": torch.get_rng_state(), "config": self.config}
        torch.save({**progress, **state}, folder / CHECKPOINT)

    def load(self, folder: Path) -> None:
        """Go on from a checkpoint in `folder`."""
        state = torch.load(folder / CHECKPOINT, weights_only=True)
        for name, part in self._stateful().items():
            part.load_state_dict(state[name])
        self.epoch = state["epoch"]
        torch.set_rng_state(state["random"])

    def _stateful(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "loss": self.loss,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
        }


@torch.no_grad()
def evaluate(network: Network, part: Part) -> tuple[float, float]:
    """Return accuracy (0 to 1) and mean cross-entropy; both NaN for a network that has diverged."""
    images, labels = part
    network.eval()
    logits = torch.cat([network(some)[1] for some in torch.split(images, 1000)])
    loss = cross_entropy(logits, labels).item()
    accuracy = (logits.argmax(dim=1) == labels).double().mean().item()
    return (accuracy, loss) if math.isfinite(loss) else (math.nan, math.nan)


def train(config: dict[str, Any], trial: Mapping[str, Any]) -> None:
    """Train as Ray Tune asks: a report and a checkpoint each epoch, from the checkpoint given, if one is.

    `trial` holds the trial's seed, how far its training goes and where it is compared.
    """
    import ray.tune  # here, so that a training by hand starts without Ray

    torch.set_num_threads(1)
    training = Training(config, trial)
    checkpoint = ray.tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            training.load(Path(folder))
    while training.epoch < training.epochs:
        metrics = training.train_epoch()
        with tempfile.TemporaryDirectory() as folder:
            training.save(Path(folder))
            ray.tune.report(metrics, checkpoint=ray.tune.Checkpoint.from_directory(folder))


def test(folder: Path, data: str | None) -> float:
    """Return the accuracy on the test part of the checkpoint in `folder`. For the very end, once.

    `data` is the folder with the dataset's files, None: the one it was trained on.
    """
    state = torch.load(folder / CHECKPOINT, weights_only=True)
    network = build_network(state["config"])
    network.load_state_dict(state["network"])
    accuracy, _ = evaluate(network, read_part(data or state["config"]["data"], "t10k"))
    return accuracy


def complete(given: dict[str, Any]) -> dict[str, Any]:
    """Return a whole configuration: what is given, and what it leaves out as far as that has an effect."""
    config = {**BY_HAND, **given}
    for name, (other, values) in WHERE.items():
        if name not in given and config[other] not in values:
            del config[name]
    return config


def main() -> None:
    """Train or test by hand."""
    parser = argparse.ArgumentParser(description="Train on Fashion-MNIST, one line an epoch; or test a checkpoint.")
    for name, value in BY_HAND.items():
        parser.add_argument(f"--{name}", type=type(value), default=argparse.SUPPRESS, help=f"default {value}")
    parser.add_argument("--seed", type=int, default=0, help="of initialisation, order and dropout; default 0")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"of a full training; default {EPOCHS}")
    parser.add_argument("--rungs", type=int, nargs="+", help="where whole schedules end, for horizon rung")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write the last epoch's checkpoint into FOLDER")
    parser.add_argument("--test", type=Path, metavar="FOLDER", help="no training: test the checkpoint in FOLDER")
    given = vars(parser.parse_args())
    torch.set_num_threads(1)
    if (tested := given.pop("test")) is not None:
        print(f"test_accuracy {test(tested, given.get('data')):.4f}")
        return
    saved, epochs, rungs = (given.pop(name) for name in ("save", "epochs", "rungs"))
    trial = {"seed": given.pop("seed"), "max_fidelity": epochs, "rungs": rungs or [epochs]}
    training = Training(complete(given), trial)
    while training.epoch < training.epochs:
        metrics = training.train_epoch()
        print("  ".join(f"{name} {value:.4g}" for name, value in metrics.items()), flush=True)
    if saved is not None:
        saved.mkdir(parents=True, exist_ok=True)
        training.save(saved)


if __name__ == "__main__":
    try:
        main()
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"error: {error}")
