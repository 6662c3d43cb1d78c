"""Where a sentence comes from: a recurrent network tells eight packages of Python's library by their documentation.

The corpus is on every machine that runs this: the docstrings of asyncio, email, http and five more, cut into some
4,500 sentences. The packages' own names are taken out of them, as they would give the answer away.

An ordinary Ray Tune training function, `train(config, trial)`, built from `orchestrator.training`; these parts are
optional. `sentences.py`, beside it, reads the corpus. The same file trains by hand, without Ray:

    python train.py --learning_rate 0.003 --cell lstm --seed 3     one line an epoch
    python train.py --test FOLDER                                   the test accuracy of a saved checkpoint

Docstrings are split into training, validation and test parts, the same for every trial and seed, so that all sentences
of one are in one part. Another version of Python is another corpus: a checkpoint says which one it was trained on.
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
from sentences import PACKAGES, PADDING, Part, load_corpus
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from orchestrator.training import (
    build_loss,
    build_lr_scheduler,
    build_optimizer,
    check_keys,
    seed_everything,
)

EPOCHS = 12
"""A full training by hand; in a sweep, sweep.yaml says."""
EMBEDDING = 64
CHECKPOINT = "checkpoint.pt"
OWN = ("input_dropout", "cell")
"""Keys that this file reads itself."""

BY_HAND: dict[str, Any] = {
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "loss": "cross_entropy",
    "label_smoothing": 0.0,
    "batch_size": 32,
    "schedule": "linear",
    "horizon": "rung",
    "warmup": 0.05,
    "start_factor": 1.0,
    "end_factor": 0.1,
    "decay_length": 1.0,
    "weight_decay": 1e-5,
    "dropout": 0.2,
    "input_dropout": 0.2,
    "width": 64,
    "cell": "gru",
}
"""What a training by hand takes for what its command line leaves out."""


class Network(nn.Module):
    """A recurrent classifier. Dropout at its input and output: inside the recurrence it would amplify noise."""

    def __init__(self, config: dict[str, Any], vocabulary: int) -> None:
        super().__init__()
        if config["cell"] not in ("gru", "lstm"):
            raise ValueError(f"cell {config['cell']!r} is unknown; choose gru or lstm")
        width = int(config["width"])
        self.embedding = nn.Embedding(vocabulary, EMBEDDING, padding_idx=PADDING)
        self.at_input = nn.Dropout(config["input_dropout"])
        recurrence = nn.GRU if config["cell"] == "gru" else nn.LSTM
        self.recurrence = recurrence(EMBEDDING, width, batch_first=True)
        self.at_output = nn.Dropout(config["dropout"])
        self.head = nn.Linear(width, len(PACKAGES))

    def forward(self, words: Tensor) -> Tensor:
        """Return the logits (N x 8) of the mean state over a sentence's words, whatever pads it."""
        states, _ = self.recurrence(self.at_input(self.embedding(words)))
        is_word = (words != PADDING).unsqueeze(2)
        mean = (states * is_word).sum(1) / is_word.sum(1)
        logits: Tensor = self.head(self.at_output(mean))
        return logits


def build_network(config: dict[str, Any]) -> Network:
    """Return the untrained network: `stepladder check sweep.yaml --model train:build_network` looks at it."""
    return Network(config, load_corpus().vocabulary)


class Training:
    """A training in progress. What `save` writes is all of it: one that is loaded goes on as if never interrupted."""

    def __init__(self, config: dict[str, Any], trial: Mapping[str, Any]) -> None:
        self.config = dict(config)
        known = check_keys(self.config, own=OWN)
        seed_everything(trial)
        self.epochs = int(trial["max_fidelity"])
        self.epoch = 0
        self.corpus = load_corpus()
        self.batch_size = int(config["batch_size"])
        self.network = build_network(self.config)
        self.loss = build_loss(known)
        self.optimizer = build_optimizer(known, self.network.parameters())
        batches = math.ceil(len(self.corpus.parts["training"][1]) / self.batch_size)
        rungs = [rung * batches for rung in trial["rungs"]]  # with `horizon: rung` a whole schedule runs up to each
        self.schedule = build_lr_scheduler(known, self.optimizer, self.epochs * batches, rungs)

    def train_epoch(self) -> dict[str, float]:
        """Train one epoch and return what there is to report of it."""
        started = time.perf_counter()
        words, labels = self.corpus.parts["training"]
        self.network.train()
        total = 0.0
        for batch in torch.split(torch.randperm(len(labels)), self.batch_size):
            loss = self.loss(self.network(words[batch]), labels[batch])
            self.optimizer.zero_grad()
            loss.backward()
            # A recurrence multiplies gradients step by step: one bad batch must not undo an epoch.
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            self.schedule.step()
            total += loss.item() * len(batch)
        self.epoch += 1
        accuracy, val_loss = evaluate(self.network, self.corpus.parts["validation"])
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
        about = {"config": self.config, "corpus": self.corpus.digest}
        progress = {"epoch": self.epoch, "random": torch.get_rng_state()}
        torch.save({**about, **progress, **state}, folder / CHECKPOINT)

    def load(self, folder: Path) -> None:
        """Go on from a checkpoint in `folder`; raises ValueError where it was trained on another corpus."""
        state = _checkpoint(folder)
        for name, part in self._stateful().items():
            part.load_state_dict(state[name])
        self.epoch = state["epoch"]
        torch.set_rng_state(state["random"])

    def _stateful(self) -> dict[str, Any]:
        return {"network": self.network, "optimizer": self.optimizer, "schedule": self.schedule}


def _checkpoint(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(folder / CHECKPOINT, weights_only=True)
    if state["corpus"] != load_corpus().digest:
        raise ValueError(
            f"{folder} was trained on the documentation of another Python than this one, {sys.version.split()[0]}; "
            "use the one that it was trained with"
        )
    return state


@torch.no_grad()
def evaluate(network: Network, part: Part) -> tuple[float, float]:
    """Return accuracy (0 to 1) and mean cross-entropy; both NaN for a network that has diverged."""
    words, labels = part
    network.eval()
    logits = network(words)
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


def test(folder: Path) -> float:
    """Return the accuracy on the test part of the checkpoint in `folder`. For the very end, once."""
    state = _checkpoint(folder)
    network = build_network(state["config"])
    network.load_state_dict(state["network"])
    accuracy, _ = evaluate(network, load_corpus().parts["test"])
    return accuracy


def main() -> None:
    """Train or test by hand."""
    parser = argparse.ArgumentParser(description="Train on docstrings, one line an epoch; or test a checkpoint.")
    for name, value in BY_HAND.items():
        parser.add_argument(f"--{name}", type=type(value), default=value, help=f"default {value}")
    parser.add_argument("--seed", type=int, default=0, help="of initialisation, order and dropout; default 0")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"of a full training; default {EPOCHS}")
    parser.add_argument("--rungs", type=int, nargs="+", help="where whole schedules end, for horizon rung")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write the last epoch's checkpoint into FOLDER")
    parser.add_argument("--test", type=Path, metavar="FOLDER", help="no training: test the checkpoint in FOLDER")
    config = vars(parser.parse_args())
    torch.set_num_threads(1)
    if (tested := config.pop("test")) is not None:
        print(f"test_accuracy {test(tested):.4f}")
        return
    saved, epochs, rungs = (config.pop(name) for name in ("save", "epochs", "rungs"))
    trial = {"seed": config.pop("seed"), "max_fidelity": epochs, "rungs": rungs or [epochs]}
    training = Training(config, trial)
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
