"""How many trials an imported sweep asks for, where its file does not say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from orchestrator.imports.draft import Draft

EACH = 10
"""Trials for each hyperparameter that is tuned."""
LEAST = 20
MOST_ROWS = 1_000_000
"""The largest budget that a sweep file takes."""
GRID_POINTS = 5
"""Values that our grid takes of a number unless `points` says more."""


def invent_trials(draft: Draft) -> tuple[int, str]:
    """Return a number of trials and the comment that says it is invented."""
    trials = max(LEAST, EACH * len(draft.tunable))
    return trials, f"invented: {EACH} for each hyperparameter, {LEAST} at least"


def values_in(fields: Mapping[str, Any]) -> int | None:
    """Return how many values a hyperparameter can take; None where there is no end of them."""
    if "choices" in fields:
        return len(fields["choices"])
    if "step" in fields or isinstance(fields["low"], int):
        steps: int = round((fields["high"] - fields["low"]) / fields.get("step", 1))
        return steps + 1
    return None


def grid_size(draft: Draft) -> int | None:
    """Return how many combinations a grid of the drafted space has; None where a range has no end of them."""
    sizes = [values_in(entry.value) for entry in draft.tunable.values()]
    return None if None in sizes else min(math.prod(size or 1 for size in sizes), MOST_ROWS)


def write_grid(draft: Draft) -> None:
    """Let the sweep go through every combination: whole ranges in full, as other tools' grids do."""
    most = max((values_in(entry.value) or 1 for entry in draft.tunable.values()), default=1)
    draft.write("search", {"name": "joint", "prior_trials": 0, "prior_probability": 0})
    draft.write("searcher", {"name": "grid", "points": min(most, 1000)} if most > GRID_POINTS else "grid")
