"""What a proposal costs after few trials and after many, with few and with many of them open."""

from __future__ import annotations

import argparse
import gc
import math
import statistics
import time
from collections import deque
from random import Random

from bench_costs.sweeps import EIGHT, plan_of
from orchestrator.planning.making import make_ladder
from orchestrator.sweep.trial import Attempt, Outcome, Trial, TrialState

try:
    from orchestrator.sweep.trial_list import TrialList
except ImportError:  # an older tree, in which nothing is noted
    TrialList = None

WARM = 3
"""Asks in which libraries are imported, as a driver does ahead, while Ray starts."""
LEAST_S, MOST = 3.0, 200
"""Each figure is over so many seconds of CPU, but two asks at least, or over so many asks."""


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure `joint` over eight log floats; a third of what ended completed, the others were pruned.

    The searcher is the default: half of the first by the Gaussian process; `tpe` from the start in an older tree.
    After each ask one trial ends. What comes with the first ask after a resume is a figure of its own.
    """
    found = {}
    for trials, running in ((100, 64), (1_000, 64), (3_000, 64), (10_000, 64), (10_000, 8_000), (100_000, 64)):
        if trials <= arguments.most_trials:
            median, p99, first = _one(trials, running)
            where = f"{trials:,} trials, {running:,} open"
            found[f"ms of CPU a proposal, median, {where}"] = median
            found[f"ms of CPU a proposal, p99, {where}"] = p99
            found[f"s of CPU to the first proposal, {where}"] = first / 1e3
    return found


def _one(count: int, running: int) -> tuple[float, float, float]:
    dice, ladder = Random(0), make_ladder(plan_of(900_000, 27, EIGHT))
    trials = TrialList() if TrialList else []
    for number in range(count):
        trials.append(_trial(number, {name: 10 ** dice.uniform(-4, 0) for name in EIGHT}))
        if number < count - running:
            _end(trials[number])
    gc.freeze()  # a driver's trials are no garbage either; how often the collector looks at them is not what is asked
    queue, took = deque(range(count - running, count)), []
    while len(took) < WARM + 2 or (len(took) < MOST and sum(took[WARM:]) < LEAST_S * 1e3):
        begun = time.thread_time()
        proposal = ladder.propose(len(trials), trials)
        took.append((time.thread_time() - begun) * 1e3)
        queue.append(len(trials))
        trials.append(_trial(len(trials), proposal.config))
        ended = queue.popleft()
        _end(trials[ended])
        if TrialList:
            trials.note(ended)
    later = sorted(took[WARM:])
    return statistics.median(later), later[int(len(later) * 0.99)], took[0]


def _trial(number: int, config: dict[str, float]) -> Trial:
    trial = Trial(number, f"{number:04d}", config, "all", "uniform", tuple(EIGHT), None, 0, TrialState.RUNNING)
    trial.attempts.append(Attempt(0, 0.0, placed_t=0.0))
    trial.values, trial.fidelity = {epoch: _loss(config, epoch) for epoch in (1.0, 2.0, 3.0)}, 3.0
    return trial


def _end(trial: Trial) -> None:
    if trial.number % 3 == 0:
        trial.values[27.0], trial.fidelity, trial.state = _loss(trial.config, 27.0), 27.0, TrialState.COMPLETED
    else:
        trial.state = TrialState.PRUNED
    trial.attempts[-1].ended_t, trial.attempts[-1].outcome = 1.0, Outcome.STOPPED


def _loss(config: dict[str, float], epoch: float) -> float:
    return sum((math.log10(value) + 2.3) ** 2 for value in config.values()) / 8 + 3 / (epoch + 1)
