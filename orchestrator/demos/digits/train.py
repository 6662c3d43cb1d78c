"""Handwritten digits from ten examples of each: a small convolutional network on scikit-learn's images of 8 x 8 pixels.

A hundred labelled images are a few steps an epoch, so that it shows how well the optimizer's hyperparameters fit.

An ordinary Ray Tune training function, `train(config, trial)`: it reports with `ray.tune.report`, goes on from
`ray.tune.get_checkpoint()`, and knows nothing of the sweep around it. The same file trains by hand, without Ray:

    python train.py --learning_rate 0.03 --batch_size 64 --seed 3     one line an epoch
    python train.py --test FOLDER                                      the test accuracy of a saved checkpoint

The images are split once into training, validation and test parts, the same for every trial and seed. A sweep compares
configurations on the validation part; the test part is for the very end, once, with `--test`.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

CLASSES = 10
EPOCHS = 27
"""A full training, where the sweep does not say otherwise."""
FEATURES = 64
DATA_SEED = 1797
"""Fixes which image is in which part. Not the trial's seed: all trials see the same images."""
EXAMPLES = 10
"""Training images of each class."""
VALIDATION_IMAGES = 700
"""The 997 images left over are the test part."""
CHECKPOINT = "checkpoint.pt"

BY_HAND = {
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "momentum": 0.9,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "batch_size": 32,
    "weight_decay": 5e-4,
    "dropout": 0.2,
    "center_loss_weight": 0.01,
    "label_smoothing": 0.0,
}
"""What a training by hand takes for what its command line leaves out."""

Part = tuple[Tensor, Tensor]
"""Images, N x 1 x 8 x 8, each pixel in [0, 1]; and their labels, N."""


class Network(nn.Module):
    """Three convolutions with batch normalisation; dropout behind the last of them, where it shifts no statistics."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(1, 8),
            *_convolution(8, 16),
            nn.MaxPool2d(2),
            *_convolution(16, 16),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * 2 * 2, FEATURES),
        )
        self.head = nn.Sequential(nn.ReLU(), nn.Dropout(dropout), nn.Linear(FEATURES, CLASSES))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features (N x 64), which the center loss draws together, and the logits (N x 10)."""
        features = self.body(images)
        return features, self.head(features)


def _convolution(channels_in: int, channels_out: int) -> tuple[nn.Module, ...]:
    # No bias: the batch normalisation behind it brings its own.
    return (
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


class CenterLoss(nn.Module):
    """Half the squared distance of each feature vector to its class's center (Wen et al., ECCV 2016, equation 2).

    The centers follow the features at a rate of their own (equation 4), not the optimizer's: the gradient flows
    into the features alone.
    """

    centers: Tensor

    def __init__(self, rate: float = 0.5) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("centers", torch.zeros(CLASSES, FEATURES))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return the loss, a mean over the batch; in training, move the centers."""
        offsets = features - self.centers[labels]
        loss = 0.5 * offsets.square().sum(dim=1).mean()
        if self.training:
            counts = torch.bincount(labels, minlength=CLASSES).unsqueeze(1)
            moved = torch.zeros_like(self.centers).index_add_(0, labels, offsets.detach())
            self.centers += self.rate * moved / (1 + counts)
        return loss


class Training:
    """A training in progress. What `save` writes is all of it: one that is loaded goes on as if never interrupted."""

    def __init__(self, config: dict[str, Any], trial: Mapping[str, Any]) -> None:
        torch.manual_seed(trial["seed"])
        self.epochs = int(trial["max_fidelity"])
        self.epoch = 0
        self.batch_size = int(config["batch_size"])
        self.center_loss_weight = config["center_loss_weight"]
        self.label_smoothing = config["label_smoothing"]
        self.parts = load_parts()
        self.network = Network(config["dropout"])
        self.center_loss = CenterLoss()
        self.optimizer = _optimizer(self.network, config)
        # Stretched over the full training: a trial stopped early has seen the start of the same schedule.
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, self.epochs)

    def train_epoch(self) -> dict[str, float]:
        """Train one epoch and return what there is to report of it."""
        started = time.perf_counter()
        images, labels = self.parts["training"]
        self.network.train()
        self.center_loss.train()
        total = 0.0
        order = torch.randperm(len(labels))
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            features, logits = self.network(images[batch])
            loss = cross_entropy(logits, labels[batch], label_smoothing=self.label_smoothing)
            loss = loss + self.center_loss_weight * self.center_loss(features, labels[batch])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(batch)
        self.schedule.step()
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
        torch.save({"epoch": self.epoch, "random": torch.get_rng_state(), **state}, folder / CHECKPOINT)

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
            "center_loss": self.center_loss,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
        }


def _optimizer(network: Network, config: dict[str, Any]) -> torch.optim.Optimizer:
    shared = {"lr": config["learning_rate"], "weight_decay": config["weight_decay"]}
    if config["optimizer"] == "sgd":
        return torch.optim.SGD(network.parameters(), momentum=config["momentum"], **shared)
    if config["optimizer"] == "adam":
        betas = (config["beta1"], config["beta2"])
        return torch.optim.Adam(network.parameters(), betas=betas, eps=config["epsilon"], **shared)
    raise ValueError(f"optimizer {config['optimizer']!r} is unknown; choose sgd or adam")


def load_parts() -> dict[str, Part]:
    """Return the training, validation and test parts."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(DATA_SEED))
    training = torch.cat([order[labels[order] == digit][:EXAMPLES] for digit in range(CLASSES)])
    others = order[~torch.isin(order, training)]
    chosen = {"training": training, "validation": others[:VALIDATION_IMAGES], "test": others[VALIDATION_IMAGES:]}
    return {name: (images[part], labels[part]) for name, part in chosen.items()}


@torch.no_grad()
def evaluate(network: Network, part: Part) -> tuple[float, float]:
    """Return accuracy (0 to 1) and mean cross-entropy; both NaN for a network that has diverged."""
    images, labels = part
    network.eval()
    _, logits = network(images)
    loss = cross_entropy(logits, labels).item()
    accuracy = (logits.argmax(dim=1) == labels).double().mean().item()
    return (accuracy, loss) if math.isfinite(loss) else (math.nan, math.nan)


def train(config: dict[str, Any], trial: Mapping[str, Any]) -> None:
    """Train as Ray Tune asks: a report and a checkpoint each epoch, from the checkpoint given, if one is.

    `trial` holds the trial's seed and how far its training goes.
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


def test(folder: Path) -> float:
    """Return the accuracy on the test part of the checkpoint in `folder`. For the very end, once."""
    network = Network(dropout=0.0)
    network.load_state_dict(torch.load(folder / CHECKPOINT, weights_only=True)["network"])
    accuracy, _ = evaluate(network, load_parts()["test"])
    return accuracy


def main() -> None:
    """Train or test by hand."""
    parser = argparse.ArgumentParser(description="Train on digits, one line an epoch; or test a checkpoint.")
    for name, value in BY_HAND.items():
        parser.add_argument(f"--{name}", type=type(value), default=value, help=f"default {value}")
    parser.add_argument("--seed", type=int, default=0, help="of initialisation, order and dropout; default 0")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"of a full training; default {EPOCHS}")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write the last epoch's checkpoint into FOLDER")
    parser.add_argument("--test", type=Path, metavar="FOLDER", help="no training: test the checkpoint in FOLDER")
    config = vars(parser.parse_args())
    torch.set_num_threads(1)
    if (tested := config.pop("test")) is not None:
        print(f"test_accuracy {test(tested):.4f}")
        return
    saved, trial = config.pop("save"), {"seed": config.pop("seed"), "max_fidelity": config.pop("epochs")}
    training = Training(config, trial)
    while training.epoch < training.epochs:
        metrics = training.train_epoch()
        print("  ".join(f"{name} {value:.4g}" for name, value in metrics.items()), flush=True)
    if saved is not None:
        saved.mkdir(parents=True, exist_ok=True)
        training.save(saved)


if __name__ == "__main__":
    main()
