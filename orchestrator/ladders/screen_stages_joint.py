"""Screen everything, then one pass over the stages, then search everything again from all trials.

A staged search that is not a cage: tied with block moves on the LCBench surrogate (regret 18.3 to 17.6, standard
error of the difference 1.0), behind soft stages on real tables. The perturbations of elites that the measured design
mixed into its last part are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field, model_validator
from typing_extensions import override

from orchestrator.ladders import Asking, Ladder, Proposal, own_stage
from orchestrator.ladders._moves import JointOptions, StageDraws, joint_asking, joint_draw, scaled
from orchestrator.searchers import Searcher
from orchestrator.sweep.domains import StrictFloat
from orchestrator.sweep.plan import Plan, StagePlan
from orchestrator.sweep.standing import stage_of
from orchestrator.sweep.trial import Trial


class ScreenStagesJoint(Ladder):
    """Hard stages between two joint searches."""

    class Options(JointOptions):
        """Constants of the ladder."""

        screen_share: StrictFloat = Field(0.225, gt=0, lt=1)
        """Part of the budget for the joint search before the stages."""
        joint_share: StrictFloat = Field(0.25, gt=0, lt=1)
        """Part of the budget for the joint search after the stages."""

        @model_validator(mode="after")
        def _check(self) -> ScreenStagesJoint.Options:
            if self.screen_share + self.joint_share >= 1:
                raise ValueError("screen_share and joint_share leave nothing for the stages; their sum must be below 1")
            return self

    def __init__(self, plan: Plan, searcher: Searcher, options: Any) -> None:
        super().__init__(plan, searcher, options)
        self._staged = StageDraws(self)

    @classmethod
    def stages(cls, blocks: Sequence[StagePlan], options: Any) -> tuple[StagePlan, ...]:
        """Return a screen, the user's blocks in what is left, a joint search."""
        return (
            own_stage("screen", blocks, options.screen_share),
            *scaled(blocks, 1 - options.screen_share - options.joint_share),
            own_stage("joint", blocks, options.joint_share),
        )

    def draw(self, number: int, repetition: int, trials: Sequence[Trial]) -> Proposal | None:
        """Draw everything in the first and the last stage, the stage's block between, while its own list lasts."""
        stage = stage_of(self.plan, number)
        drawn = self._staged.draw(stage, number, repetition, trials) if self._is_staged(stage) else None
        return drawn or joint_draw(self, self.options, number, repetition, trials)

    def leftover(self, number: int, trials: Sequence[Trial]) -> Proposal | None:
        """Return something that was not tried in the stage's block."""
        stage = stage_of(self.plan, number)
        return self.untried(number, stage.tune, self._staged.held(trials)) if self._is_staged(stage) else None

    @override
    def askings(self, number: int, reported: int, finished: int) -> list[Asking]:
        """Return the stage's searcher, as if trials ended in the order of their numbers, or the sweep's by chance."""
        stage = stage_of(self.plan, number)
        if self._is_staged(stage):
            return [self._staged.asking(stage, finished)]
        return [joint_asking(self, self.options, number, finished)]

    def _is_staged(self, stage: StagePlan) -> bool:
        return stage.name not in {self.plan.stages[0].name, self.plan.stages[-1].name}


MEMBER = ScreenStagesJoint
