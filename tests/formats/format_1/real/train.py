"""A training of arithmetic: quick, seeded, with every ending that a trial can have."""

import json
import math
import tempfile
import time
from pathlib import Path

from ray import tune


def train(config):
    about, rate = config["_trial"], config["learning_rate"]
    first = 0
    if (checkpoint := tune.get_checkpoint()) is not None:
        with checkpoint.as_directory() as folder:
            first = json.loads((Path(folder) / "state.json").read_text())["epoch"]
    if config["batch_size"] > 200:
        raise MemoryError("batch too large")
    if config["optimizer"] == "adam" and config["beta1"] > 0.97:
        raise ValueError("beta1 too large")
    for epoch in range(first + 1, about["max_fidelity"] and 10):
        time.sleep(0.1)
        score = math.exp(-((math.log10(rate) + 1) ** 2)) * (1 - math.exp(-epoch / 3)) - 0.1 * (config["momentum"] - 0.9) ** 2
        if rate > 0.4:
            score = math.nan
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "state.json").write_text(json.dumps({"epoch": epoch}))
            tune.report({"epoch": epoch, "score": score, "seconds": 0.1 * epoch}, checkpoint=tune.Checkpoint.from_directory(folder))
