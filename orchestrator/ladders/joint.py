"""One stage over everything: the default configuration, draws around the defaults, then the searcher.

With `prior_trials: 0` and `prior_probability: 0` the searcher is asked from trial 1 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from typing_extensions import override

from orchestrator.ladders import Asking, Ladder, Proposal, union
from orchestrator.ladders._moves import JointOptions, joint_asking, joint_draw
from orchestrator.sweep.plan import StagePlan
from orchestrator.sweep.trial import Trial


class Joint(Ladder):
    """Searches all hyperparameters at once."""

    class Options(JointOptions):
        """Constants of the ladder."""

    enumerable: ClassVar[bool] = True

    @classmethod
    @override
    def stages(cls, blocks: Sequence[StagePlan], options: Any) -> tuple[StagePlan, ...]:
        """Return one stage of everything."""
        return (StagePlan(name="joint", tune=union(blocks), share=1.0),)

    def draw(self, number: int, repetition: int, trials: Sequence[Trial]) -> Proposal | None:
        """Draw everything, around the defaults or by the searcher."""
        return joint_draw(self, self.options, number, repetition, trials)

    @override
    def askings(self, number: int, reported: int, finished: int) -> list[Asking]:
        """Return the chance that the draw is the searcher's."""
        return [joint_asking(self, self.options, number, finished)]


MEMBER = Joint
