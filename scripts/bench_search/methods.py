"""Searches on a table of trained networks: our sweeps through the real controller, and peers as they are shipped.

Each returns the best regret so far after every evaluation, in the order in which they ended. Trainings take one unit of
time, give or take 5 %, so that workers don't end together.
"""

from __future__ import annotations

from bench_search import winners
from bench_search.peer_search import PEERS, peer_search
from orchestrator.benchmarks import Benchmark
from orchestrator.benchmarks.playing import plan_for
from orchestrator.control.simulator import MemoryJournal, SimulatedCluster, simulate_plan
from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev
from orchestrator.sweep.domains import Config
from orchestrator.sweep.plan import Plan
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
BY_OTHERS = {
    "joint+gp by Optuna": ("joint", "bench_search.makers:OptunaMaker"),
    "joint+gp by BoTorch": ("joint", "bench_search.makers:BoTorchMaker"),
}
"""By name: the same with a Gaussian process that is not our own."""
WITH_WINNERS = {
    "auto, winners": "auto",
    "joint+auto, winners": "joint+auto",
    "soft-stages+tpe, winners": "soft-stages+tpe",
}
"""By name: what begins with winners of sweeps on other tables, and is otherwise one of ours."""
RANDOM_TWICE = "random, twice the budget"
"""What two random trainings in place of each one find."""
STOCK = "optuna-tpe"
"""What others are compared with: what stock Ray Tune's OptunaSearch asks, where nothing is stopped early."""
METHODS = (*OURS, *BY_OTHERS, *WITH_WINNERS, RANDOM_TWICE, *PEERS)
USUAL = [*OURS, "optuna-tpe", "optuna-gp"]
"""What is compared unless others are named: without what begins with winners, takes twice, or is not installed."""
LONGEST = dict.fromkeys(("optuna-gp", "smac", *BY_OTHERS, *WITH_WINNERS), 50)
"""Evaluations of a search that costs too much for more of them, or is read early."""


def search(method: str, table: Benchmark, trials: int, seed: int, workers: int) -> list[float]:
    """Run one search of `trials` evaluations, `workers` at once."""
    if method == RANDOM_TWICE:
        return _ours(_plan(*OURS["random"], table, 2 * trials, seed), table, workers)[1::2]
    if method in WITH_WINNERS:
        plan = _plan(*OURS[WITH_WINNERS[method]], table, trials, seed)
        return _ours(plan.model_copy(update={"warm": winners.first_trials(table, seed)}), table, workers)
    if method in OURS or method in BY_OTHERS:
        return _ours(_plan(*(OURS | BY_OTHERS)[method], table, trials, seed), table, workers)
    return _best_so_far(peer_search(method, table, trials, seed, workers))


def earlier_winner(table: Benchmark, trials: int, seed: int, workers: int) -> tuple[Config, list[float]]:
    """Return what `auto` found, a winner to begin another sweep with, and its best regret after each evaluation."""
    state, journal = _played(_plan(*OURS["auto"], table, trials, seed), table, workers)
    winner = state.winner()
    assert winner is not None
    return dict(winner.config), _regrets(journal)


def _ours(plan: Plan, table: Benchmark, workers: int) -> list[float]:
    return _regrets(_played(plan, table, workers)[1])


def _played(plan: Plan, table: Benchmark, workers: int) -> tuple[SweepState, MemoryJournal]:
    return simulate_plan(plan, lambda config, _: table.regret(config), SimulatedCluster(workers))


def _regrets(journal: MemoryJournal) -> list[float]:
    return _best_so_far([float(e.metrics["regret"]) for e in journal.events if isinstance(e, ev.Reported)])


def _plan(ladder: str, searcher: str, table: Benchmark, trials: int, seed: int) -> Plan:
    spec = SweepSpec(
        name="bench", trainable="bench.py:train", objective=Objective(metric="regret", goal="minimize"),
        fidelity=Fidelity(max=1.0), search_space=table.space(), search=Member(name=ladder), confirm="none",
        searcher=Member(name=searcher), scheduler=Member(name="none"), budget=Budget(trials=trials), seed=seed,
    )  # fmt: skip
    return plan_for(spec)


def _best_so_far(regrets: list[float]) -> list[float]:
    return [min(regrets[: count + 1]) for count in range(len(regrets))]
