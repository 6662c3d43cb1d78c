"""What others' code costs at the same: Optuna as it is shipped, in memory, which asks for no journal and no disk."""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from random import Random

import optuna
from optuna.distributions import FloatDistribution
from optuna.pruners import SuccessiveHalvingPruner
from optuna.samplers import TPESampler
from optuna.trial import TrialState, create_trial

from bench_costs.sweeps import EIGHT

SPACE = {name: FloatDistribution(1e-4, 1.0, log=True) for name in EIGHT}
WARM, LEAST_S, MOST = 2, 3.0, 100
"""Asks before it is measured; then as many as take so many seconds of CPU, two at least and so many at most."""
REPORTS = 20_000


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure what `proposals` and `reports` measure of ours: a third of the trials completed, the others pruned."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found = {}
    for trials in (count for count in (1_000, 10_000) if count <= arguments.most_trials):  # 100,000: seconds each
        found[f"ms of CPU a proposal, Optuna's TPE, median, {trials:,} trials"] = _proposal(trials)
    for running in (64, 1_000):
        found[f"us of CPU a report of one value and its verdict, Optuna, {running:,} open"] = _report(running)
    return found


def _proposal(count: int) -> float:
    dice, study = Random(0), optuna.create_study(sampler=TPESampler(seed=0))
    for number in range(count):
        params = {name: 10 ** dice.uniform(-4, 0) for name in EIGHT}
        values = {epoch: sum(params.values()) + 1 / epoch for epoch in (1, 2, 3)}
        state = TrialState.PRUNED if number % 3 else TrialState.COMPLETE
        trial = create_trial(
            state=state, value=values[3], params=params, distributions=SPACE, intermediate_values=values
        )
        study.add_trial(trial)
    gc.freeze()
    took: list[float] = []
    while len(took) < WARM + 2 or (len(took) < MOST and sum(took[WARM:]) < LEAST_S * 1e3):
        begun = time.thread_time()
        asked = study.ask(SPACE)
        took.append((time.thread_time() - begun) * 1e3)
        study.tell(asked, sum(asked.params.values()))
    return statistics.median(took[WARM:])


def _report(running: int) -> float:
    study = optuna.create_study(sampler=TPESampler(seed=0), pruner=SuccessiveHalvingPruner())
    trials = [study.ask(SPACE) for _ in range(min(running, 64))]
    trials += [study.ask() for _ in range(running - len(trials))]
    gc.freeze()
    begun, count = time.thread_time(), 0
    while count < REPORTS and time.thread_time() - begun < LEAST_S:
        for trial in trials:
            trial.report(0.5 + trial.number / running, count // running + 1)
            trial.should_prune()
            count += 1
    return (time.thread_time() - begun) / count * 1e6
