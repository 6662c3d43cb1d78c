"""Sweeps whose number of trials follows from the rest of the file: a whole list, or one configuration over seeds.

    budget: {trials: all}    every entry of a list: that of `searcher: grid`, the default then, or another one's
    seeds: 5                 constants alone, trained five times, each time with a seed of its own

What follows is put into the file's data before it is typed, so that a plan holds a number like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.members.outside import told
from orchestrator.planning.compile import stage_plans
from orchestrator.searchers import make_searcher
from orchestrator.sweep.domains import Constant
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile.messages import Problems

ALL = "all"
"""What `budget.trials` says for a whole list."""
_TRIALS = ("budget", "trials")


def asks_for_all(data: Mapping[str, Any]) -> bool:
    """Say whether the data of a sweep file ask for a whole list."""
    budget = data.get("budget")
    return isinstance(budget, Mapping) and budget.get("trials") == ALL


def fill_in(data: dict[str, Any], problems: Problems) -> None:
    """Put into the data what `seeds` and `trials: all` stand for; the count of a list is found later (`counted`)."""
    if isinstance(data.get("seeds"), int) and not isinstance(data["seeds"], bool):
        _fill_in_seeds(data, problems)
    elif asks_for_all(data):
        data["budget"] = {**data["budget"], "trials": 1}
        data.setdefault("searcher", "grid")
        data.setdefault("search", "joint")


def _fill_in_seeds(data: dict[str, Any], problems: Problems) -> None:
    for key in ("search", "searcher", "stages"):
        if key in data:
            problems.add((key,), "seeds trains one configuration again and again, nothing is searched; remove it")
    budget, seeds = data.get("budget", {}), data["seeds"]
    if isinstance(budget, Mapping):
        if budget.get("trials", ALL) not in (ALL, seeds):
            problems.add(_TRIALS, f"{budget['trials']} trials and seeds: {seeds} say two numbers; remove one of them")
        data["budget"] = {**budget, "trials": max(seeds, 1)}  # fewer is told of the key itself
    data["search"] = "joint"
    data.setdefault("scheduler", "none")


def counted(spec: SweepSpec, problems: Problems) -> SweepSpec:
    """Return a checked specification that asked for a whole list with the number of its configurations.

    The defaults, trial 0, count where the list lacks them. Notes a problem where there is no list, or no end of it.
    """
    (stage, *others) = stage_plans(spec)
    searcher = make_searcher(stage.searcher or spec.searcher, Space(spec.search_space), spec.objective.goal)
    if others or not searcher.enumerates:
        what = "names one stage with a list: write searcher: grid and search: joint, or a number of trials"
        problems.add(_TRIALS, f"all {what}")
        return spec
    with told((stage.searcher or spec.searcher).name):
        count = searcher.count(stage.tune)
    most = next(rule.le for rule in type(spec.budget).model_fields["trials"].metadata if hasattr(rule, "le"))
    if count is None or count > most:
        problems.add(_TRIALS, f"all has no end here, or one beyond {most:,}; write a number of trials")
        return spec
    return spec.model_copy(update={"budget": spec.budget.model_copy(update={"trials": count})})


def seeds_problem(spec: SweepSpec) -> str | None:
    """Say why `seeds` cannot be; None where it is not written, or can."""
    open_ = [name for name, domain in spec.search_space.items() if not isinstance(domain, Constant)]
    if spec.seeds is None or not open_:
        return None
    return (
        f"seeds repeats one configuration, and {', '.join(open_[:3])}{', ...' if len(open_) > 3 else ''} can be tuned; "
        "make constants of them, or remove seeds"
    )
