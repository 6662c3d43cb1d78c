"""Uniform draws over everything, in one stage: what every other ladder has to beat. Asks no searcher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typing_extensions import override

from orchestrator.ladders import Asking, Ladder, Proposal, union
from orchestrator.sweep.plan import StagePlan
from orchestrator.sweep.trial import Trial


class Random(Ladder):
    """Draws uniformly on the scales of the hyperparameters."""

    @classmethod
    @override
    def stages(cls, blocks: Sequence[StagePlan], options: Any) -> tuple[StagePlan, ...]:
        """Return one stage of everything."""
        return (StagePlan(name="random", tune=union(blocks), share=1.0),)

    @classmethod
    @override
    def searcher_blocks(cls, stages: Sequence[StagePlan]) -> list[tuple[str, ...]]:
        """Return no block: no searcher is asked."""
        return []

    @override
    def draw(self, number: int, repetition: int, trials: Sequence[Trial]) -> Proposal | None:
        """Draw everything uniformly."""
        config = self.space.draw(self.tuned, {}, self.coin(number, repetition, "draw"))
        return self.proposal(number, config, "uniform", self.tuned, None)

    @override
    def askings(self, number: int, reported: int, finished: int) -> list[Asking]:
        """Return none."""
        return []


MEMBER = Random
