"""Stop a trial at a rung that has not improved on its own earlier rungs: no other trial is looked at."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from orchestrator import Bracket, Fidelity, Judgement, Scheduler


class Patience(Scheduler):
    """Judges a trial by its own past."""

    class Options(Scheduler.Options):
        """Options of the sweep file."""

        every: int = Field(2, ge=1)
        """Rungs lie this many reports apart."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._rungs: dict[int, dict[float, float]] = {}

    @classmethod
    def plan(cls, fidelity: Fidelity, options: Any) -> tuple[Bracket, ...]:
        """Return one bracket of equally distant rungs."""
        distance = options.every * fidelity.every
        count = min(20, math.ceil(fidelity.max / distance) - 1)
        rungs = tuple(distance * (number + 1) for number in range(count) if distance * (number + 1) < fidelity.max)
        return (Bracket(rungs=rungs, share=1.0),)

    def show(self, trial: int, bracket: int, fidelity: float, value: float) -> Judgement | None:
        """Note a report; weak is who lost against its own best."""
        if not math.isfinite(value):
            raise ValueError(f"{value} is not finite")
        seen = self._rungs.get(trial, {})
        if fidelity not in self.brackets[bracket].rungs or fidelity in seen:
            return None
        score = self.sign * value
        best = max(seen.values()) if seen else None
        self._rungs[trial] = {**seen, fidelity: score}
        threshold = None if best is None else self.sign * best
        return Judgement(best is not None and score < best, fidelity, threshold)

    def snapshot(self) -> Any:
        """Return the rungs."""
        return {trial: dict(rungs) for trial, rungs in self._rungs.items()}
