"""A search space that grows while a sweep is under way: what may change of a hyperparameter, and what stays.

A range may become wider, choices may be added, listed in another order or drawn with other weights, and values may be
put beside a range. Everything else of it makes another search: its kind, scale, step, default and condition, and
whatever would leave out a value that it had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.sweep.described import SET_BY_PARSER
from orchestrator.sweep.domains import Choice, Float, Hyperparameter, Int
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Trial

GROWING = frozenset({"low", "high", "also", "choices", "weights", "ordered"})
"""Keys of a hyperparameter that may change as it grows."""
_PROSE = frozenset({"unit", "source", "advised", "cautions", *SET_BY_PARSER})


def has_grown(old: Hyperparameter, new: Hyperparameter) -> bool:
    """Say whether a hyperparameter holds every value that it held, and is else what it was."""
    if _kept(old) != _kept(new):
        return False
    if isinstance(old, Choice):
        return all(map(new.contains, old.choices))
    if isinstance(old, Float | Int) and isinstance(new, Float | Int):
        return new.low <= old.low and old.high <= new.high and all(map(new.contains, getattr(old, "also", ())))
    return True


def misfit(trials: Sequence[Trial], hyperparameters: Mapping[str, Hyperparameter]) -> str | None:
    """Say of the first trial that a space does not hold what keeps it out; None where it holds all."""
    space = Space(hyperparameters)
    for trial in trials:
        if problems := space.problems(trial.config):
            return f"trial {trial.number} does not fit any more: {'; '.join(problems)}"
    return None


def _kept(domain: Hyperparameter) -> dict[str, Any]:
    return domain.model_dump(exclude=set(GROWING | _PROSE))
