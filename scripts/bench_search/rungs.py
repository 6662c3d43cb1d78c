"""Random searches with early stopping on curves that are known, read when a budget of training is used up.

The rules are the shipped schedulers, shown what comes to their rungs in the order in which eight workers bring it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

from bench_search.curves import CurvePool
from orchestrator import members
from orchestrator.planning.compile import PACKAGES
from orchestrator.schedulers import Scheduler
from orchestrator.sweep.spec import Fidelity, Member

WORKERS = 8
DEFAULT = "a tenth (the default)"
"""What a sweep file that says nothing stops by."""


class Rule(NamedTuple):
    """Who is stopped when."""

    name: str = "asha"
    """The scheduler."""
    options: Mapping[str, Any] = {}
    """Its options."""
    first: float | None = None
    """Part of a full training before the first rung, one report at least. None: a tenth."""
    eta: float = 3.0
    """Reduction factor."""
    promoted: float = 0.0
    """Last part of the budget, in which none are begun any more: the best that were stopped go on, and are judged."""


JUDGES = {"ranks": -1}
"""Every rung judges, whatever its ranks say of the next."""
RULES: Mapping[str, Rule] = {
    DEFAULT: Rule(),
    "none": Rule("none"),
    "a tenth, always": Rule(options=JUDGES),
    "a fifth": Rule(first=0.2),
    "a third": Rule(first=1 / 3),
    "a tenth, two brackets": Rule(options={"brackets": 2}),
    "a tenth, eta 4": Rule(eta=4),
    "median": Rule("median"),
    "first report": Rule(first=1e-9),
    "first report, always": Rule(options=JUDGES, first=1e-9),
    "first report, two brackets": Rule(options={"brackets": 2}, first=1e-9),
    "a tenth, promoted from 90 %": Rule(promoted=0.1),
    "a tenth, promoted from 80 %": Rule(promoted=0.2),
    "first report, promoted from 80 %": Rule(first=1e-9, promoted=0.2),
    "stock": Rule(options=JUDGES, first=1e-9, eta=4),
}


class StoppedSearch(NamedTuple):
    """What came of one search at its budget."""

    regret: float
    """The winner's."""
    killed: bool
    """Whether the best configuration that was begun was stopped early."""
    lost: float
    """The regret of the winner beyond that of the best that was begun."""
    saved: float
    """Part of a full training that those which ended did not take."""
    trials: int
    """How many were begun."""


def stopped_search(pool: CurvePool, rule: Rule, budget: int, seed: int) -> StoppedSearch:
    """Run one search until its trainings add up to `budget` full ones."""
    dice = Random(f"{pool.name}/{seed}")
    curves, regrets = pool.drawn(dice)
    full = float(curves.shape[1])
    scheduler = _made(rule, full, dice.randrange(2**32))
    running: list[tuple[float, int, int]] = []
    reached: dict[int, float] = {}
    ended: dict[int, float] = {}
    stopped: set[int] = set()
    weak: set[int] = set()
    """Those of the stopped that may go on, once."""
    promoted: set[int] = set()

    def advance(now: float, trial: int, step: int) -> None:
        ends = scheduler.brackets[scheduler.bracket_of(trial)].rungs_to(full)
        taken = ends[step] - (ends[step - 1] if step else 0.0)
        heapq.heappush(running, (now + taken * dice.uniform(0.95, 1.05), trial, step))

    spent, begun = 0.0, min(WORKERS, len(curves))
    for trial in range(begun):
        advance(0.0, trial, 0)
    while running and spent < budget * full:
        now, trial, step = heapq.heappop(running)
        bracket = scheduler.bracket_of(trial)
        at = scheduler.brackets[bracket].rungs_to(full)[step]
        spent += at - reached.get(trial, 0.0)
        reached[trial], value = at, float(curves[trial][round(at) - 1])
        if not _goes_on(scheduler, trial, bracket, at, value):
            stopped.add(trial)
            if math.isfinite(value) and trial not in promoted:
                weak.add(trial)
        elif at < full:
            advance(now, trial, step + 1)
            continue
        else:
            ended[trial] = value
        if spent < budget * full * (1 - rule.promoted):
            if begun < len(curves):
                advance(now, begun, 0)
                begun += 1
        elif rule.promoted and (again := _best_stopped(scheduler, weak, reached)) is not None:
            weak.remove(again)
            stopped.remove(again)
            promoted.add(again)
            at = scheduler.brackets[scheduler.bracket_of(again)].rungs_to(full).index(reached[again])
            advance(now, again, at + 1)
    winner = max(ended, key=ended.__getitem__) if ended else max(reached, key=lambda t: (reached[t], -regrets[t]))
    best = int(regrets[:begun].argmin())
    done = [reached[trial] / full for trial in (*ended, *stopped)]
    lost = float(regrets[winner] - regrets[best])
    return StoppedSearch(float(regrets[winner]), best in stopped, lost, 1 - sum(done) / len(done), begun)


def _best_stopped(scheduler: Scheduler, stopped: set[int], reached: Mapping[int, float]) -> int | None:
    """Return who was stopped although most that came to its rung, by now, are worse there; None where nobody was."""

    def standing(trial: int) -> tuple[float, float]:
        values = list(scheduler.snapshot()[scheduler.bracket_of(trial)][reached[trial]].values())
        own = scheduler.snapshot()[scheduler.bracket_of(trial)][reached[trial]][trial]
        return sum(value > own for value in values) / len(values), -reached[trial]

    return min(sorted(stopped), key=standing, default=None)


def _made(rule: Rule, full: float, seed: int) -> Scheduler:
    first = None if rule.first is None else max(1.0, rule.first * full)
    fidelity = Fidelity(max=full, min=first, reduction_factor=rule.eta)
    kind, options = members.build(PACKAGES["scheduler"], Member(name=rule.name, options=rule.options))
    made: Scheduler = kind(kind.plan(fidelity, options), fidelity, "maximize", options, seed)
    return made


def _goes_on(scheduler: Scheduler, trial: int, bracket: int, at: float, value: float) -> bool:
    """Say whether a trial goes on, or has come to its end; the first is the baseline, which no rung stops."""
    if not math.isfinite(value):
        return False
    judged = scheduler.show(trial, bracket, at, value)
    return judged is None or not judged.weak or trial == 0
