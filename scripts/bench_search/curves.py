"""Configurations with their learning curves, to draw from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Any

import numpy as np

from orchestrator.benchmarks import recorded
from orchestrator.benchmarks.recorded import load_curves
from orchestrator.sweep.standing import sign_of


@dataclass(eq=False)
class CurvePool:
    """Every configuration of a benchmark."""

    name: str
    """The benchmark's."""
    curves: np.ndarray[Any, Any]
    """Configuration x seed x epoch, the greater the better."""
    regrets: np.ndarray[Any, Any]
    """Of each configuration's full training, over the seeds."""

    def drawn(self, dice: Random) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return all in random order, each trained with a random seed: curves, and regrets."""
        order = list(range(len(self.regrets)))
        dice.shuffle(order)
        seeds = [dice.randrange(self.curves.shape[1]) for _ in order]
        return self.curves[order, seeds], self.regrets[order]


def recorded_pools() -> list[CurvePool]:
    """Return what `scripts/record-sweeps` recorded."""
    return [_recorded(name) for name in recorded.NAMES]


def _recorded(name: str) -> CurvePool:
    benchmark = load_curves(name)
    domains = benchmark.space()
    values = [d.choices if d.type == "choice" else range(d.low, d.high + 1) for d in domains.values()]
    configs = [dict(zip(domains, chosen, strict=True)) for chosen in product(*values)]
    curves = [sign_of(benchmark.goal) * benchmark.trainings(config) for config in configs]
    return CurvePool(name, np.array(curves), np.array([benchmark.regret(config) for config in configs]))
