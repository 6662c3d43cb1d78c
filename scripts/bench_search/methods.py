"""Searches on a table with eight workers: our sweeps through the real controller, and Optuna's samplers as peers.

Each returns the best regret so far after every evaluation, in the order in which they ended. Trainings take one unit of
time, give or take 5 %, so that workers don't end together.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

import optuna

from bench_search.tables import LossTable
from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.planning.compile import compile_plan
from orchestrator.sweep import event as ev
from orchestrator.sweep.domains import Choice, Int
from orchestrator.sweep.plan import Provenance
from orchestrator.sweep.spec import Budget, Fidelity, Member, Objective, SweepSpec

WORKERS = 8
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
PEERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "optuna-tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "optuna-gp": lambda seed: optuna.samplers.GPSampler(seed=seed),
}
"""By name: a peer as it is shipped. Peers know neither defaults nor an order."""
STOCK = "optuna-tpe"
"""What others are compared with."""
METHODS = (*OURS, *PEERS)


def search(method: str, table: LossTable, trials: int, seed: int) -> list[float]:
    """Run one search of `trials` evaluations."""
    return _ours(*OURS[method], table, trials, seed) if method in OURS else _peer(method, table, trials, seed)


def _ours(ladder: str, searcher: str, table: LossTable, trials: int, seed: int) -> list[float]:
    spec = SweepSpec(
        name="bench", trainable="bench.py:train", objective=Objective(metric="regret", goal="minimize"),
        fidelity=Fidelity(max=1.0), search_space=table.space(), search=Member(name=ladder),
        searcher=Member(name=searcher), scheduler=Member(name="none"), budget=Budget(trials=trials), seed=seed,
    )  # fmt: skip
    plan = compile_plan(spec, Provenance(versions={}, git_commit=None, code_hash=""))
    _, journal = simulate_plan(plan, lambda config, _: table.regret(config), SimulatedCluster(workers=WORKERS))
    return _best_so_far([float(e.metrics["regret"]) for e in journal.events if isinstance(e, ev.Reported)])


def _peer(method: str, table: LossTable, trials: int, seed: int) -> list[float]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=PEERS[method](seed))
    space = table.space()
    asked: dict[str, optuna.distributions.BaseDistribution] = {}
    for name, domain in space.items():
        if isinstance(domain, Choice):
            asked[name] = optuna.distributions.CategoricalDistribution(domain.choices)
        elif isinstance(domain, Int):
            asked[name] = optuna.distributions.IntDistribution(domain.low, domain.high)
    random, running, found = Random(f"{seed}/{table.name}/pace"), [], []
    now = 0.0
    for number in range(trials + WORKERS):
        if number >= WORKERS:
            now, _, ended = heapq.heappop(running)
            found.append(table.regret(ended.params))
            study.tell(ended, found[-1])
        if number < trials:
            heapq.heappush(running, (now + random.uniform(0.95, 1.05), number, study.ask(asked)))
    return _best_so_far(found)


def _best_so_far(regrets: list[float]) -> list[float]:
    return [min(regrets[: count + 1]) for count in range(len(regrets))]
