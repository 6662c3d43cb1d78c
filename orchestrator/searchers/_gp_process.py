"""One sweep's Gaussian process: what it computed from the trials so far, kept as long as that is what they say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from threadpoolctl import ThreadpoolController

from orchestrator.searchers import ProposalRequest
from orchestrator.searchers._gp_evidence import Ledger
from orchestrator.searchers._gp_model import Posterior, Scales, fit_scales
from orchestrator.searchers._gp_proposal import Proposer
from orchestrator.sweep.domains import Config
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import Goal
from orchestrator.sweep.trial import Trial

LEADERS = 4
"""Best trials around which candidates are drawn."""
GROWTH = 8
"""The scales are fitted anew before what they were fitted to has grown by more than about one part in so many."""
_LIBRARIES = ThreadpoolController()


class Process:
    """Fits, believes, and proposes. Whatever it keeps is a function of the trials, and kept for its cost alone."""

    def __init__(self, space: Space, goal: Goal, refit: int) -> None:
        self._space, self._refit = space, refit
        self._ledger = Ledger(space, goal)
        self._scales: tuple[tuple[int, ...], Scales] | None = None
        self._answer: tuple[tuple[object, ...], Config | FloatingPointError | None] | None = None

    def update(self, trials: Sequence[Trial]) -> None:
        """Take note of new trials, and of those that ended since; `trials` only ever grows."""
        self._ledger.update(trials)

    @property
    def learned(self) -> int:
        """Trials that it can learn from."""
        return self._ledger.learned

    def propose(self, request: ProposalRequest) -> Config | None:
        """Return the best configuration for the request that was not tried; None where all it looked at were.

        Raises FloatingPointError where arithmetic fails.
        """
        question = (request.block, tuple(request.held.items()), request.seed, self._ledger.state)
        if self._answer is None or self._answer[0] != question:
            self._answer = (question, self._asked(request))
        answer = self._answer[1]
        if isinstance(answer, FloatingPointError):
            raise answer
        return None if answer is None else dict(answer)

    def _asked(self, request: ProposalRequest) -> Config | FloatingPointError | None:
        # One thread, so that proposals don't depend on how many there are; on matrices this small more only wait for
        # each other. Of floating point every result is looked at instead of each operation.
        with _LIBRARIES.limit(limits=1), np.errstate(all="ignore"):
            try:
                return self._proposed(request)
            except FloatingPointError as error:
                return error

    def _proposed(self, request: ProposalRequest) -> Config | None:
        ledger = self._ledger
        if not ledger.columns.names:
            return None
        places = ledger.seen()
        evidence = ledger.evidence(places)
        posterior = Posterior(self._fitted(), evidence).believing(ledger.running())
        leaders = ledger.leaders(places, LEADERS)
        best = float(posterior.fitted().min())  # what runs counts at what is expected of it, or all would go beside it
        proposer = Proposer(self._space, ledger.columns, request.block, request.held)
        configs = [request.held, *(trial.config for trial in leaders)]
        return proposer.propose(posterior, best, configs, ledger.tried, request.random())

    def _fitted(self) -> Scales:
        """Return the scales as of the last ending that they are fitted at."""
        ended = self._ledger.learned
        step = min(self._refit, max(1, ended // GROWTH))
        places = self._ledger.seen(ended - ended % step)
        if self._scales is None or self._scales[0] != places:
            self._scales = (places, fit_scales(self._ledger.evidence(places), self._ledger.columns.owner))
        return self._scales[1]
