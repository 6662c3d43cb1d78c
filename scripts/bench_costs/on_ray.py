"""Short trials on a Ray of its own: trials a second, and how much of the places' time nobody trains."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

TRAIN = """
import os, time
from ray import tune

def train(config):
    begun = time.time()
    time.sleep({seconds})
    with open({stamps!r}, "a") as file:  # before the report: a trial that is stopped does not come back from it
        file.write(f"{{begun}} {{time.time()}}\\n")
    tune.report({{"loss": (config["x"] - 1) ** 2, "epoch": 1}})
"""
"""The training writes down by itself when it ran: the same clock for whoever starts it."""


def ours(trials: int, seconds: float, cpus: int) -> dict[str, float]:
    """Run a sweep of so many trials of so many seconds each, one CPU each, by our own driver."""
    from bench_costs.sweeps import ONE, plan_of
    from orchestrator.control.session import create
    from orchestrator.driver import drive
    from orchestrator.ray.host.host import HostOptions
    from orchestrator.ray.worker.trainable import TrainableFile
    from orchestrator.storage.location import Location

    with tempfile.TemporaryDirectory() as folder:
        stamps = _training(folder, seconds)
        session = create(Location.parse(Path(folder) / "sweep"), plan_of(trials, 2, ONE), b"")
        begun = time.time()
        drive(session, TrainableFile(Path(folder), "train.py", "train"), HostOptions(num_cpus=cpus), lambda *_: None)
        return _found(stamps, begun, cpus)


def stock(trials: int, seconds: float, cpus: int) -> dict[str, float]:
    """Run the same by Ray Tune with its OptunaSearch and ASHA, as its documentation has it."""
    import ray
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    with tempfile.TemporaryDirectory() as folder:
        stamps = _training(folder, seconds)
        said: dict[str, Any] = {}
        exec(Path(folder, "train.py").read_text(), said)  # noqa: S102 - our own text
        begun = time.time()
        quiet = {"include_dashboard": False, "log_to_driver": False, "object_store_memory": 100 * 1024**2}
        ray.init("local", num_cpus=cpus, **quiet)
        tune.Tuner(
            said["train"],
            param_space={"x": tune.uniform(-5, 5)},
            tune_config=tune.TuneConfig(
                metric="loss", mode="min", num_samples=trials, search_alg=OptunaSearch(),
                scheduler=ASHAScheduler(time_attr="epoch", max_t=2),
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()  # fmt: skip
        found = _found(stamps, begun, cpus)
        ray.shutdown()
        return found


def _training(folder: str, seconds: float) -> Path:
    stamps = Path(folder, "stamps")
    Path(folder, "train.py").write_text(TRAIN.format(seconds=seconds, stamps=str(stamps)))
    return stamps


def _found(stamps: Path, begun: float, places: int) -> dict[str, float]:
    """Return the rates, and the idle share from the first training to the moment when the last one begins."""
    times = [tuple(map(float, line.split())) for line in stamps.read_text().splitlines()]
    first, last = (fold(start for start, _ in times) for fold in (min, max))
    busy_s = sum(min(end, last) - start for start, end in times)
    return {
        "trials a second, Ray's start included": len(times) / (max(end for _, end in times) - begun),
        "trials a second from the first training on": (len(times) - 1) / (last - first),
        "% of the places' time in which nobody trains": 100 * (1 - busy_s / (places * (last - first))),
        "s to the first training": first - begun,
    }
