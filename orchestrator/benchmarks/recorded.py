"""The learning curves that `scripts/record-sweeps` recorded: every configuration of a grid, several seeds, each epoch.

Networks with one hidden layer on scikit-learn's digits, on Fashion-MNIST and on the characters of a manual, each
trained at a constant learning rate and with one that falls to zero along a cosine. Pictures are judged by validation
accuracy, characters by validation loss. A training of a sweep is one of the recorded seeds; what a configuration is
worth is the mean over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from typing_extensions import override

from orchestrator.benchmarks import Benchmark
from orchestrator.results.parquet_file import table_in
from orchestrator.sweep.domains import Choice, Config, Hyperparameter, Int
from orchestrator.sweep.standing import sign_of

FILE = Path(__file__).with_name("recorded.parquet")
TIERS: Mapping[str, int] = {"learning_rate": 1, "batch_size": 2, "optimizer": 2, "weight_decay": 3, "width": 4}
"""Order of importance, as a textbook has it."""
DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 1e-3, "batch_size": 32, "optimizer": "adam", "weight_decay": 0.0, "width": 64
}  # fmt: skip
"""What a textbook would begin with."""
TASKS = ("digits", "fashion", "text")
NAMES = tuple(f"{task}-{schedule}" for task in TASKS for schedule in ("constant", "cosine"))
"""What they are called here."""


class RecordedCurves(Benchmark):
    """One task under one schedule."""

    def __init__(self, name: str, grid: Mapping[str, tuple[Any, ...]], values: np.ndarray[Any, Any]) -> None:
        """`values`: an axis for each hyperparameter of `grid`, then seeds, then epochs."""
        self.name = name
        self.goal = "minimize" if name.startswith("text") else "maximize"
        self.longest = float(values.shape[-1])
        self._grid, self._values = grid, values
        ends = -sign_of(self.goal) * values[..., -1].mean(axis=-1)
        ends = np.where(np.isfinite(ends), ends, np.nanmax(ends))  # one that diverged is as bad as the worst
        best, median = ends.min(), np.median(ends)
        self._regrets = 100 * (ends - best) / (median - best)

    @override
    def space(self) -> dict[str, Hyperparameter]:
        return {name: self._domain(name, values) for name, values in self._grid.items()}

    def trainings(self, config: Config) -> np.ndarray[Any, Any]:
        """Return the recorded curves of a configuration: an axis for its seeds, one for the epochs."""
        found: np.ndarray[Any, Any] = self._values[self._cell(config)]
        return found

    @override
    def mean(self, config: Config, fidelity: float) -> float:
        return float(self._values[self._cell(config)][:, round(fidelity) - 1].mean())

    @override
    def luck(self, config: Config, seed: int, fidelity: float) -> float:
        recorded = self._values[self._cell(config)]
        return float(recorded[seed % len(recorded), round(fidelity) - 1]) - self.mean(config, fidelity)

    @override
    def regret(self, config: Config) -> float:
        return float(self._regrets[self._cell(config)])

    def _domain(self, name: str, values: tuple[Any, ...]) -> Hyperparameter:
        default, tier = DEFAULTS[name], TIERS[name]
        if isinstance(values[0], str):
            return Choice(choices=values, default=str(default), tier=tier)
        nearest = int(np.argmin([abs(value - default) for value in values]))  # recorded in 32 bits
        return Int(low=0, high=len(values) - 1, default=nearest, tier=tier)

    def _cell(self, config: Config) -> tuple[int, ...]:
        return tuple(
            values.index(config[name]) if isinstance(values[0], str) else int(str(config[name]))
            for name, values in self._grid.items()
        )


@lru_cache
def load_curves(name: str) -> RecordedCurves:
    """Read one of `NAMES`."""
    task, schedule = name.rsplit("-", 1)
    judged = "loss" if task == "text" else "accuracy"
    table = table_in(FILE.read_bytes())
    is_meant = pc.and_(pc.equal(table["task"], task), pc.equal(table["decay"], schedule == "cosine"))
    rows = table.filter(is_meant).select(["seed", *TIERS, judged]).to_pydict()
    grid = {key: tuple(sorted(set(rows[key]))) for key in TIERS}
    seeds = sorted(set(rows["seed"]))
    values = np.full([*(len(levels) for levels in grid.values()), len(seeds), len(rows[judged][0])], np.nan)
    for *cell, seed, curve in zip(*(rows[key] for key in TIERS), rows["seed"], rows[judged], strict=True):
        place = tuple(levels.index(level) for levels, level in zip(grid.values(), cell, strict=True))
        values[(*place, seeds.index(seed))] = curve
    return RecordedCurves(name, grid, values)
