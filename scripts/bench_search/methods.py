"""Searches on a table of trained networks: our sweeps through the real controller, and Optuna's samplers as peers.

Each returns the best regret so far after every evaluation, in the order in which they ended. Trainings take one unit of
time, give or take 5 %, so that workers don't end together.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

import optuna

from orchestrator.benchmarks import Benchmark
from orchestrator.benchmarks.playing import plan_for
from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.sweep import event as ev
from orchestrator.sweep.domains import Choice, Int
from orchestrator.sweep.spec import Budget, Fidelity, Member, Objective, SweepSpec

OURS = {
    "soft-stages+tpe": ("soft-stages", "tpe"),
    "joint+tpe": ("joint", "tpe"),
    "gp": ("soft-stages", "gp"),
    "joint+gp": ("joint", "gp"),
    "auto": ("soft-stages", "auto"),
    "joint+auto": ("joint", "auto"),
    "random": ("random", "random"),
}
"""By name: ladder and searcher of a sweep of ours."""
RANDOM_TWICE = "random, twice the budget"
"""What two random trainings in place of each one find."""
PEERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "optuna-tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "optuna-gp": lambda seed: optuna.samplers.GPSampler(seed=seed),
}
"""By name: a peer as it is shipped. Peers know neither defaults nor an order."""
STOCK = "optuna-tpe"
"""What others are compared with: what stock Ray Tune's OptunaSearch asks, where nothing is stopped early."""
METHODS = (*OURS, RANDOM_TWICE, *PEERS)


def search(method: str, table: Benchmark, trials: int, seed: int, workers: int) -> list[float]:
    """Run one search of `trials` evaluations, `workers` at once."""
    if method == RANDOM_TWICE:
        return _ours(*OURS["random"], table, 2 * trials, seed, workers)[1::2]
    if method in OURS:
        return _ours(*OURS[method], table, trials, seed, workers)
    return _peer(method, table, trials, seed, workers)


def _ours(ladder: str, searcher: str, table: Benchmark, trials: int, seed: int, workers: int) -> list[float]:
    spec = SweepSpec(
        name="bench", trainable="bench.py:train", objective=Objective(metric="regret", goal="minimize"),
        fidelity=Fidelity(max=1.0), search_space=table.space(), search=Member(name=ladder), confirm="none",
        searcher=Member(name=searcher), scheduler=Member(name="none"), budget=Budget(trials=trials), seed=seed,
    )  # fmt: skip
    cluster = SimulatedCluster(workers=workers)
    _, journal = simulate_plan(plan_for(spec), lambda config, _: table.regret(config), cluster)
    return _best_so_far([float(e.metrics["regret"]) for e in journal.events if isinstance(e, ev.Reported)])


def _peer(method: str, table: Benchmark, trials: int, seed: int, workers: int) -> list[float]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=PEERS[method](seed))
    asked = distributions(table)
    random, running, found = Random(f"{seed}/{table.name}/pace"), [], []
    now = 0.0
    for number in range(trials + workers):
        if number >= workers:
            now, _, ended = heapq.heappop(running)
            found.append(table.regret(ended.params))
            study.tell(ended, found[-1])
        if number < trials:
            heapq.heappush(running, (now + random.uniform(0.95, 1.05), number, study.ask(asked)))
    return _best_so_far(found)


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


def _best_so_far(regrets: list[float]) -> list[float]:
    return [min(regrets[: count + 1]) for count in range(len(regrets))]
