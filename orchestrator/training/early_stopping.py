"""When a plain training loop should stop: the validation value has not improved for too long.

For a loop outside a sweep, or for the last, full training. In a sweep the scheduler stops the weak trials, which knows
the others; keep the patience well above the distance between two rungs there.
"""

from __future__ import annotations

import math
from typing import Any, get_args

from orchestrator.sweep.spec import Goal
from orchestrator.sweep.standing import gain


class EarlyStopping:
    """Counts the updates without improvement.

    `patience`: how many in a row are borne, 1 or more. `goal`: which way is better. `min_delta`: what counts as an
    improvement must be more than this. A value that is not finite is no improvement. Raises ValueError.
    """

    def __init__(self, patience: int, *, goal: Goal = "minimize", min_delta: float = 0.0) -> None:
        if patience < 1:
            raise ValueError(f"patience is {patience}; choose 1 or more")
        if goal not in get_args(Goal):
            raise ValueError(f"goal is {goal!r}; choose minimize or maximize")
        if not (min_delta >= 0 and math.isfinite(min_delta)):
            raise ValueError(f"min_delta is {min_delta}; choose 0 or more")
        self.patience = patience
        self.goal = goal
        self.min_delta = min_delta
        self.best: float | None = None
        """The best value so far; None before the first finite one."""
        self.best_at: int | None = None
        """The update that brought it, from 0: the weights to go back to."""
        self.updates = 0

    def update(self, value: float) -> bool:
        """Take note of the next validation value; return whether to stop now."""
        if math.isfinite(value) and self._improves(value):
            self.best, self.best_at = value, self.updates
        self.updates += 1
        return self.stale >= self.patience

    @property
    def stale(self) -> int:
        """How many updates have passed since the best."""
        return self.updates - (0 if self.best_at is None else self.best_at + 1)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint must hold."""
        return {"best": self.best, "best_at": self.best_at, "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict`."""
        self.best, self.best_at, self.updates = state["best"], state["best_at"], state["updates"]

    def _improves(self, value: float) -> bool:
        return self.best is None or gain(self.goal, value, self.best) > self.min_delta
