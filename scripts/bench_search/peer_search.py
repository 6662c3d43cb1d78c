"""Peers as they are shipped, asked for what to train and told what came of it. They know neither defaults nor an order.

SMAC3 is no part of what the bench needs: what it found is kept (`peers.py`), and only to run it again is it installed,
by hand (`pip install smac==2.4.1`). Its first design is ten configurations, as many as Optuna's samplers draw before
they model anything; as shipped it would be a quarter of the evaluations, of which a bench has no one number.
"""

from __future__ import annotations

import heapq
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from random import Random
from typing import Any, Protocol

import optuna
from typing_extensions import override

from orchestrator.benchmarks import Benchmark
from orchestrator.sweep.domains import Choice, Config, Int

FIRST_DESIGN = 10
"""Configurations that SMAC3 begins with."""


class Peer(Protocol):
    """What is asked and told, both in one process."""

    def ask(self) -> tuple[Any, Config]:
        """Return a trial of the peer's own, and its configuration."""

    def tell(self, trial: Any, regret: float) -> None:
        """Say what came of it."""


class OptunaPeer(Peer):
    """A sampler of Optuna."""

    def __init__(self, sampler: optuna.samplers.BaseSampler, table: Benchmark) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(sampler=sampler)
        self._asked = distributions(table)

    @override
    def ask(self) -> tuple[optuna.Trial, Config]:
        trial = self._study.ask(self._asked)
        return trial, trial.params

    @override
    def tell(self, trial: optuna.Trial, regret: float) -> None:
        self._study.tell(trial, regret)


class SmacPeer(Peer):
    """SMAC3's facade for hyperparameters: a random forest. Raises ModuleNotFoundError where it is not installed."""

    def __init__(self, table: Benchmark, trials: int, seed: int) -> None:
        from ConfigSpace import ConfigurationSpace
        from joblib import parallel_config
        from smac import HyperparameterOptimizationFacade, Scenario
        from smac.runhistory.dataclasses import TrialValue

        self._result, self._alone = TrialValue, partial(parallel_config, backend="sequential")
        space = ConfigurationSpace(seed=seed)
        for name, domain in table.space().items():
            space.add(_smac_domain(name, domain))
        self._folder = tempfile.TemporaryDirectory()
        scenario = Scenario(
            space, deterministic=True, n_trials=trials, seed=seed, output_directory=self._folder.name
        )  # fmt: skip
        self._facade = HyperparameterOptimizationFacade(
            scenario, lambda config, seed=0: 0.0,  # noqa: ARG005 - never called: we ask and tell
            initial_design=HyperparameterOptimizationFacade.get_initial_design(scenario, n_configs=FIRST_DESIGN),
            logging_level=40, overwrite=True,
        )  # fmt: skip

    @override
    def ask(self) -> tuple[Any, Config]:
        with self._alone():  # its forest asks for a thread a tree, on as many cores as there are
            trial = self._facade.ask()
        return trial, dict(trial.config)

    @override
    def tell(self, trial: Any, regret: float) -> None:
        self._facade.tell(trial, self._result(cost=regret), save=False)


PEERS: dict[str, Callable[[Benchmark, int, int], Peer]] = {
    "optuna-tpe": lambda table, _, seed: OptunaPeer(optuna.samplers.TPESampler(seed=seed), table),
    "optuna-gp": lambda table, _, seed: OptunaPeer(optuna.samplers.GPSampler(seed=seed), table),
    "smac": SmacPeer,
}
"""By name: from a table, the evaluations there will be, and a seed."""
LIBRARIES: dict[str, dict[str, str]] = {
    "optuna-tpe": {"optuna": "5.0.0"},
    "optuna-gp": {"optuna": "5.0.0", "torch": "2.13.0"},
    "smac": {"smac": "2.4.1", "ConfigSpace": "1.2.2", "scikit-learn": "1.9.1"},
    "joint+gp by BoTorch": {"botorch": "0.18.1"},
}
"""By name: the distributions whose versions say what a method is, with those that it was first run by."""


def lacking(method: str) -> list[str]:
    """Return which distributions a method lacks here."""
    missing = []
    for name in LIBRARIES.get(method, {}):
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    return missing


def peer_search(method: str, table: Benchmark, trials: int, seed: int, workers: int) -> list[float]:
    """Return the regret of each of `trials` evaluations, `workers` at once, in the order in which they ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is new in a peer, and of what it deprecates: nothing for us
        return _regrets(PEERS[method](table, trials, seed), table, trials, seed, workers)


def _regrets(peer: Peer, table: Benchmark, trials: int, seed: int, workers: int) -> list[float]:
    random, running, found = Random(f"{seed}/{table.name}/pace"), [], []
    now = 0.0
    for number in range(trials + workers):
        if number >= workers:
            now, _, ended, config = heapq.heappop(running)
            found.append(table.regret(config))
            peer.tell(ended, found[-1])
        if number < trials:
            heapq.heappush(running, (now + random.uniform(0.95, 1.05), number, *peer.ask()))
    return found


def distributions(table: Benchmark) -> dict[str, optuna.distributions.BaseDistribution]:
    """Return a benchmark's space as Optuna is told of it."""
    asked: dict[str, optuna.distributions.BaseDistribution] = {}
    for name, domain in table.space().items():
        if isinstance(domain, Choice):
            asked[name] = optuna.distributions.CategoricalDistribution(domain.choices)
        elif isinstance(domain, Int):
            asked[name] = optuna.distributions.IntDistribution(domain.low, domain.high, log=domain.scale == "log")
        else:
            asked[name] = optuna.distributions.FloatDistribution(domain.low, domain.high, log=domain.scale == "log")
    return asked


def _smac_domain(name: str, domain: Any) -> Any:
    from ConfigSpace import Categorical, Float, Integer

    if isinstance(domain, Choice):
        return Categorical(name, list(domain.choices))
    kind = Integer if isinstance(domain, Int) else Float
    return kind(name, (domain.low, domain.high), log=domain.scale == "log")
