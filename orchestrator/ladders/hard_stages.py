"""One pass over the stages: each draws its block alone, the blocks before it fixed at the best found so far.

There is no barrier: a stage begins while trials of the one before still run, and everything but its block is held at
the trial with the best current value at that moment. Blocks that no stage has opened yet thus stand at their
defaults. Where a stage's block has nothing left to try, its trials go to the blocks of the following stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from typing_extensions import override

from orchestrator.ladders import Asking, Ladder, Proposal
from orchestrator.ladders._moves import StageDraws
from orchestrator.searchers import Searcher
from orchestrator.sweep.plan import Plan, StagePlan
from orchestrator.sweep.standing import stage_of
from orchestrator.sweep.trial import Trial


class HardStages(Ladder):
    """Tunes one block after the other."""

    enumerable: ClassVar[bool] = True

    def __init__(self, plan: Plan, searcher: Searcher, options: Any) -> None:
        super().__init__(plan, searcher, options)
        self._staged = StageDraws(self)

    @classmethod
    @override
    def stages(cls, blocks: Sequence[StagePlan], options: Any) -> tuple[StagePlan, ...]:
        """Return the user's blocks as they are."""
        return tuple(blocks)

    def draw(self, number: int, repetition: int, trials: Sequence[Trial]) -> Proposal | None:
        """Let the searcher draw the stage's block, or where its list has ended the next one's."""
        drawn = (self._staged.draw(stage, number, repetition, trials) for stage in self._from_stage_of(number))
        return next((proposal for proposal in drawn if proposal is not None), None)

    def leftover(self, number: int, trials: Sequence[Trial]) -> Proposal | None:
        """Return something that was not tried in the stage's block, else in the next ones'."""
        parent = self._staged.held(trials)
        left = (self.untried(number, stage.tune, parent) for stage in self._from_stage_of(number))
        return next((proposal for proposal in left if proposal is not None), None)

    @override
    def askings(self, number: int, reported: int, finished: int) -> list[Asking]:
        """Return the stage's searcher, as if trials ended in the order of their numbers."""
        return [self._staged.asking(stage_of(self.plan, number), finished)]

    def _from_stage_of(self, number: int) -> Sequence[StagePlan]:
        here = self.plan.stages.index(stage_of(self.plan, number))
        return [*self.plan.stages[here:], *self.plan.stages[:here]]


MEMBER = HardStages
