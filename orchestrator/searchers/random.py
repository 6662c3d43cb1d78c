"""Uniform draws, each hyperparameter on its own scale: the yardstick for every other searcher."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from orchestrator.searchers import ProposalRequest, Searcher
from orchestrator.sweep.domains import Config
from orchestrator.sweep.trial import Trial


class RandomSearcher(Searcher):
    """Draws the block uniformly (Bergstra and Bengio 2012); blind to results."""

    @override
    def propose(self, request: ProposalRequest, trials: Sequence[Trial]) -> Config | None:
        """Return a uniform draw of the block."""
        return self.space.draw(request.block, request.held, request.random())


MEMBER = RandomSearcher
