"""How many trials, and steps of a class, an imported sweep asks for, where its file does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.imports.draft import Draft

EACH = 10
"""Trials for each hyperparameter that is tuned."""
LEAST = 20
STEPS = 10
"""How long a class is trained that says it nowhere: it would be stepped for ever."""
GRID_POINTS = 5
"""Values that our grid takes of a number unless `points` says more."""
MOST_POINTS = 1000
"""The most that `points` can say."""


def invent_trials(draft: Draft) -> tuple[int, str]:
    """Return a number of trials and the comment that says it is invented."""
    trials = max(LEAST, EACH * len(draft.tunable))
    return trials, f"invented: {EACH} for each hyperparameter, {LEAST} at least"


def values_in(fields: Mapping[str, Any]) -> int | None:
    """Return how many values a hyperparameter can take; None where there is no end of them."""
    if "choices" in fields:
        return len(fields["choices"])
    if "low" in fields and ("step" in fields or isinstance(fields["low"], int)):
        steps: int = round((fields["high"] - fields["low"]) / fields.get("step", 1))
        return steps + 1
    return None


def write_grid(draft: Draft) -> tuple[str, str]:
    """Let the sweep go through every combination, whole ranges in full; return the budget and what a comment says."""
    most = max((values_in(entry.value) or 1 for entry in draft.tunable.values()), default=1)
    draft.write("search", {"name": "joint", "prior_trials": 0, "prior_probability": 0})
    draft.write("searcher", {"name": "grid", "points": min(most, MOST_POINTS)} if most > GRID_POINTS else "grid")
    return "all", "every combination of the grid"
