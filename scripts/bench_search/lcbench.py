"""The surrogate of LCBench (Zimmer et al. 2021; Pfisterer et al. 2022, YAHPO Gym): multilayer perceptrons on tables.

No part of this repository: `--lcbench FOLDER` names the folder with YAHPO's `model.onnx` and `encoding.json`; it needs
the package onnxruntime. Of each range the inner 90 % is searched: at the edges the surrogate invents. What is best is
the best of 4,000 random configurations.
"""

from __future__ import annotations

import json
import math
import sys
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from typing_extensions import override

from bench_search.curves import CurvePool
from orchestrator.benchmarks import Benchmark
from orchestrator.sweep.domains import Config, Float, Hyperparameter, Int
from orchestrator.sweep.space import Space

TASKS = ("167104", "167149", "167152", "167161", "167181", "168329", "189354", "189862", "189865", "189866", "189873",
         "189906")  # fmt: skip
"""Drawn once, long ago."""
EPOCHS = 52
RANGES: dict[str, tuple[float, float, bool, float, int]] = {
    "batch_size": (16, 512, True, 64, 2), "learning_rate": (1e-4, 1e-1, True, 1e-2, 1),
    "momentum": (0.1, 0.99, False, 0.9, 2), "weight_decay": (1e-5, 0.1, False, 1e-2, 3),
    "num_layers": (1, 5, False, 3, 4), "max_units": (64, 1024, True, 256, 4), "max_dropout": (0, 1, False, 0.2, 3),
}  # fmt: skip
"""Low, high, whether logarithmic, a textbook's default, tier: in the order of the model's inputs, behind the epoch."""


class Lcbench(Benchmark):
    """One task's surrogate: validation accuracy by epoch, without noise."""

    def __init__(self, folder: Path, task: str) -> None:
        self.name, self.goal, self.longest = f"lcbench-{task}", "maximize", float(EPOCHS)
        self._folder = folder
        self._code = json.loads((folder / "encoding.json").read_text())["OpenML_task_id"][task]
        self._known: dict[tuple[Any, ...], np.ndarray[Any, Any]] = {}
        space, dice = Space(self.space()), Random(f"{task}/4000")
        drawn = [space.draw(tuple(RANGES), {}, dice) for _ in range(4000)]
        ends = self.predicted(np.array([[EPOCHS, *(config[name] for name in RANGES)] for config in drawn]))
        self._best, self._median = ends.max(), np.median(ends)

    @override
    def space(self) -> dict[str, Hyperparameter]:
        found: dict[str, Hyperparameter] = {}
        for name, (low, high, is_log, default, tier) in RANGES.items():
            margin = 0.05 * (math.log(high / low) if is_log else high - low)
            ends = (low * math.exp(margin), high / math.exp(margin)) if is_log else (low + margin, high - margin)
            scale = "log" if is_log else "linear"
            if name in {"batch_size", "num_layers", "max_units"}:
                ends = (math.ceil(ends[0] - 0.5), math.floor(ends[1] + 0.5))
                found[name] = Int(low=int(ends[0]), high=int(ends[1]), default=int(default), tier=tier, scale=scale)
            else:
                found[name] = Float(low=ends[0], high=ends[1], default=default, tier=tier, scale=scale)
        return found

    @override
    def mean(self, config: Config, fidelity: float) -> float:
        return float(self._curve(config)[round(fidelity) - 1])

    @override
    def regret(self, config: Config) -> float:
        end = self._curve(config)[-1]
        return max(0.0, float(100 * (self._best - end) / (self._best - self._median)))

    def _curve(self, config: Config) -> np.ndarray[Any, Any]:
        key = tuple(config[name] for name in RANGES)
        if key not in self._known:
            self._known[key] = self.predicted(np.array([[epoch, *key] for epoch in range(1, EPOCHS + 1)]))
        return self._known[key]

    def predicted(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the accuracies of rows of an epoch and the values of `RANGES`."""
        codes = np.full((len(rows), 1), self._code, np.int32)
        answer = _model(self._folder).run(None, {"x_cat": codes, "x_cont": rows.astype(np.float32)})
        return np.asarray(answer[0])[:, 1]


def predicted_pools(folder: Path, count: int = 1500) -> list[CurvePool]:
    """Return so many random configurations of each task."""
    return [_predicted(Lcbench(folder, task), count) for task in TASKS]


def _predicted(benchmark: Lcbench, count: int) -> CurvePool:
    space, dice = Space(benchmark.space()), Random(f"{benchmark.name}/{count}")
    configs = [space.draw(tuple(RANGES), {}, dice) for _ in range(count)]
    rows = np.array([[epoch, *(c[name] for name in RANGES)] for c in configs for epoch in range(1, EPOCHS + 1)])
    curves = benchmark.predicted(rows).reshape(count, 1, EPOCHS)
    ends = curves[:, 0, -1]
    return CurvePool(benchmark.name, curves, 100 * (ends.max() - ends) / (ends.max() - np.median(ends)))


@lru_cache
def _model(folder: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        sys.exit(
            "the surrogate of LCBench runs on onnxruntime, which is no part of Stepladder: pip install onnxruntime"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
