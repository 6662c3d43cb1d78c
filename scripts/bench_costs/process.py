"""What a proposal by the Gaussian process costs, after few trials and after as many as it is asked in."""

from __future__ import annotations

import argparse
import math
import statistics
import time
from random import Random
from typing import Any

from bench_costs.sweeps import plan_of
from orchestrator.planning.making import make_ladder
from orchestrator.sweep.domains import Config
from orchestrator.sweep.trial import Attempt, Outcome, Trial, TrialState
from orchestrator.sweep.trial_list import TrialList

ENDED, DIMENSIONS = (50, 100, 150, 200), (5, 10, 15)
ASKS, SWEEPS, RUNNING, COMPLETED = 36, 3, 8, 0.8
"""Each figure is over so many asks of so many sweeps. The scales are fitted anew at every sixth of them;
`RUNNING` others run."""
LOG = {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log", "default": 1e-2}
KINDS: tuple[dict[str, Any], ...] = (
    LOG,
    LOG,
    {"type": "float", "low": 0.0, "high": 0.9, "default": 0.1},
    {"type": "choice", "choices": [16, 32, 64, 128, 256], "default": 64},
    {"type": "choice", "choices": ["sgd", "adam", "lion"], "default": "adam"},
)
"""Hyperparameters of a space, again and again: log, log, linear, ordered, and one of three names."""


def measure(_arguments: argparse.Namespace) -> dict[str, float]:
    """Measure `joint` with `gp`, so that every proposal is the process's.

    Four fifths of what ended completed, the others diverged. Importing SciPy at the first ask of all is left out.
    """
    _asked(DIMENSIONS[0], ENDED[0], 0)
    found = {}
    for dimensions in DIMENSIONS:
        for ended in ENDED:
            took = sorted(ms for seed in range(SWEEPS) for ms in _asked(dimensions, ended, seed))
            where = f"{dimensions} hyperparameters, {ended} ended"
            found[f"ms of CPU a proposal by gp, median, {where}"] = statistics.median(took)
            found[f"ms of CPU a proposal by gp, p99, {where}"] = took[int(len(took) * 0.99)]
    return found


def _asked(dimensions: int, ended: int, seed: int) -> list[float]:
    """Return what each ask costs while the last `ASKS` of the trials end, one before each ask."""
    space = {f"x{place}": KINDS[place % len(KINDS)] for place in range(dimensions)}
    plan, dice = plan_of(1_000, 1, space, searcher={"name": "gp"}, seed=seed), Random(seed)
    ladder, trials, took = make_ladder(plan), TrialList(), []
    names = tuple(plan.space.tunable)
    for number in range(ended - ASKS + RUNNING):
        trials.append(_trial(number, plan.space.draw(names, {}, dice), names))
    for number in range(ended):
        _end(trials[number], dice)
        trials.note(number)
        if number >= ended - ASKS:
            begun = time.thread_time()
            proposal = ladder.propose(len(trials), trials)
            took.append((time.thread_time() - begun) * 1e3)
            trials.append(_trial(len(trials), proposal.config, names))
    return took


def _trial(number: int, config: Config, names: tuple[str, ...]) -> Trial:
    trial = Trial(number, f"{number:04d}", config, "all", "uniform", names, None, 0, TrialState.RUNNING)
    trial.attempts.append(Attempt(0, 0.0, placed_t=0.0))
    return trial


def _end(trial: Trial, dice: Random) -> None:
    if dice.random() < COMPLETED:
        trial.values, trial.fidelity, trial.state = {1.0: _loss(trial.config)}, 1.0, TrialState.COMPLETED
    else:
        trial.state = TrialState.DIVERGED
    trial.attempts[-1].ended_t, trial.attempts[-1].outcome = 1.0 + trial.number, Outcome.STOPPED


def _loss(config: Config) -> float:
    """Return a loss that has its least somewhere within, and in which names matter."""
    places = [len(v) if isinstance(v, str) else math.log10(abs(v) + 1e-4) for v in config.values()]
    return sum((place - math.sin(at)) ** 2 for at, place in enumerate(places)) / len(places)
