"""A sweep that takes its time: each trial goes on from its checkpoint, so that something may happen to it meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

TRAIN = """
import tempfile, time
from pathlib import Path
from ray import tune

def train(config):
    start = 0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            start = int((Path(folder) / "state.txt").read_text().split()[0])
    for epoch in range(start + 1, EPOCHS + 1):
        with open(TRACE, "a") as trace:
            trace.write(f"{epoch} ")
        time.sleep(EPOCH_S)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "state.txt").write_text(f"{epoch} " + "x" * BYTES)
            metrics = {"epoch": epoch, "loss": config["lr"] / epoch}
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))
"""
SWEEP = """
name: slow
trainable: train.py:train
objective: {metric: loss, goal: minimize}
fidelity: {metric: epoch, min: 1, max: EPOCHS}
search_space:
  lr: {low: 0.1, high: 1.0, default: 0.5}
searcher: random
scheduler: none
budget: {trials: TRIALS}
"""


def write_slow_sweep(
    folder: Path,
    *,
    epochs: int,
    epoch_s: float,
    trials: int,
    checkpoint_bytes: int = 0,
    trace: Path = Path(os.devnull),
) -> None:
    """Write train.py and sweep.yaml, of the sweep `slow`, into a folder; `trace` is told of each epoch that begins."""
    told = {
        "EPOCHS": epochs,
        "EPOCH_S": epoch_s,
        "TRIALS": trials,
        "BYTES": checkpoint_bytes,
        "TRACE": repr(str(trace)),
    }
    for name, text in (("train.py", TRAIN), ("sweep.yaml", SWEEP)):
        for word, value in told.items():
            text = text.replace(word, str(value))
        (folder / name).write_text(text)
