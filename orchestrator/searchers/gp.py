"""A Gaussian process over all trials, and the configuration from which it expects most improvement.

Meant for sweeps of some 25 to 200 trials: what half of the proposals by it save is said in `auto`. Each proposal costs
more than TPE's, and the cube of what it sees, so that it sees a bounded part of a long sweep (`_gp_evidence`). Whether
the hyperparameters of a block are asked for together or singly makes no difference to it.

The kernel's scales are fitted to the trials that had ended at every ending while these are few, later at every
`REFIT`th, from fixed starting points. So a proposal is a function of the request and the trials alone, as everywhere,
and where a fit costs something only few of them pay for one. Where floating point fails (values of 1e300 beside -1e300)
TPE makes the proposal, and a note says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import Field

from orchestrator.searchers import Guidance, ProposalRequest, Searcher
from orchestrator.searchers.tpe import TpeSearcher
from orchestrator.sweep.domains import Config, Record, StrictInt
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import Goal
from orchestrator.sweep.trial import Trial

if TYPE_CHECKING:
    from orchestrator.searchers._gp_process import Process

REFIT = 6
"""Endings between two fits of the scales at the most."""


class GpSearcher(Searcher):
    """Proposes by a Gaussian process once enough trials ended, uniformly before."""

    learns = True

    class Options(Searcher.Options):
        """When it begins."""

        startup_trials: StrictInt = Field(8, ge=2)
        """Ended trials (completed, pruned, diverged or failed) before the model is used; uniform before."""

    options: Options

    def __init__(self, space: Space, goal: Goal, options: Record) -> None:
        super().__init__(space, goal, options)
        self.startup_trials = self.options.startup_trials
        self._tpe = TpeSearcher(space, goal, TpeSearcher.Options(startup_trials=1))

    @cached_property
    def process(self) -> Process:
        """The trials as the process sees them. Made at the first proposal: importing SciPy takes a second."""
        from orchestrator.searchers._gp_process import Process

        return Process(self.space, self.goal, REFIT)

    def propose(self, request: ProposalRequest, trials: Sequence[Trial]) -> Config | None:
        """Return the process's proposal for the block, a uniform draw while fewer than `startup_trials` have ended.

        Where all that it looked at in a small block was tried already, the draw is uniform, too.
        """
        if not self._is_ready(trials):
            return self.space.draw(request.block, request.held, request.random())
        try:
            found = self.process.propose(request)
        except FloatingPointError:
            return self._tpe.propose(request, trials)
        return found or self.space.draw(request.block, request.held, request.random())

    def guidance(self, request: ProposalRequest, trials: Sequence[Trial]) -> Guidance | None:
        """Say where floating point failed, so that TPE made this proposal."""
        if not self._is_ready(trials):
            return None
        try:
            self.process.propose(request)  # what it answered last it still knows
        except FloatingPointError as error:
            return Guidance((f"gp: {error}; TPE proposes in its place wherever that is so",))
        return None

    def _is_ready(self, trials: Sequence[Trial]) -> bool:
        self.process.update(trials)
        return self.process.learned >= self.startup_trials


MEMBER = GpSearcher
