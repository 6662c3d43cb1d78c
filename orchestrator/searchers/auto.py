"""The searcher that suits the sweep's size: a Gaussian process and TPE in turn, later TPE alone.

While few trials have ended and the space is no large one, half of the proposals are the process's, at random, and half
TPE's: the two err differently. The process models all hyperparameters together, so soft stages ask it for all of them,
and move their blocks by TPE. Beyond, a process would see a part of the trials only, and TPE sees them all. That it is
the default rests on `scripts/bench-search`; docs/design.md has the numbers, and says where it loses.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from random import Random

from pydantic import Field
from typing_extensions import override

from orchestrator.searchers import Guidance, ProposalRequest, Searcher
from orchestrator.searchers.gp import GpSearcher
from orchestrator.searchers.tpe import TpeSearcher
from orchestrator.sweep.domains import Config, Record, StrictFloat, StrictInt
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import Goal
from orchestrator.sweep.trial import Trial


class AutoSearcher(Searcher):
    """Asks the Gaussian process or TPE."""

    learns = True

    class Options(Searcher.Options):
        """Where the process is asked."""

        startup_trials: StrictInt = Field(5, ge=2)
        """Ended trials before either model is used; uniform before."""
        gp_share: StrictFloat = Field(0.5, ge=0, le=1)
        """Chance of a proposal to be the process's."""
        gp_trials: StrictInt = Field(200, ge=0)
        """Beyond so many ended trials all proposals are TPE's."""
        gp_dimensions: StrictInt = Field(20, ge=0)
        """In spaces of more hyperparameters (constants aside) all proposals are TPE's."""

    options: Options

    def __init__(self, space: Space, goal: Goal, options: Record) -> None:
        super().__init__(space, goal, options)
        self.startup_trials = self.options.startup_trials
        self._gp = GpSearcher(space, goal, GpSearcher.Options(startup_trials=self.startup_trials))
        self._tpe = TpeSearcher(space, goal, TpeSearcher.Options(startup_trials=self.startup_trials))

    def propose(self, request: ProposalRequest, trials: Sequence[Trial]) -> Config | None:
        """Return the proposal of whichever is asked for this request."""
        return self._asked(request, trials).propose(request, trials)

    def guidance(self, request: ProposalRequest, trials: Sequence[Trial]) -> Guidance | None:
        """Return what that one says beside its proposal."""
        return self._asked(request, trials).guidance(request, trials)

    @override
    def whole_chance(self, learned: int) -> float:
        is_small = len(self.space.tunable) <= self.options.gp_dimensions and learned <= self.options.gp_trials
        return self.options.gp_share if is_small else 0.0

    @override
    def wants_whole(self, request: ProposalRequest, trials: Sequence[Trial]) -> bool:
        return self._asked(request, trials) is self._gp

    def _asked(self, request: ProposalRequest, trials: Sequence[Trial]) -> Searcher:
        if len(self.space.tunable) > self.options.gp_dimensions:
            return self._tpe
        if Random(f"{request.seed}/auto").random() >= self.options.gp_share:
            return self._tpe
        ended = islice((trial for trial in trials if trial.is_learned), self.options.gp_trials + 1)
        return self._gp if sum(1 for _ in ended) <= self.options.gp_trials else self._tpe


MEMBER = AutoSearcher
