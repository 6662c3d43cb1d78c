"""The tree-structured Parzen estimator (Bergstra et al. 2011; Watanabe 2023, arXiv:2304.11127), as Optuna has it.

It fits one density to the good trials and one to the rest, and proposes where their ratio is greatest. Each proposal
draws from a fresh generator seeded by the request, and rests on the trials alone: nothing drawn is remembered.

    densities: bounded    our own densities (`_densities`), equal to Optuna's; of a rest of over two thousand trials its
                          best and a sample (`_columns`), so that a proposal costs the same however long the sweep is
    densities: whole      the same without a sample
    densities: optuna     Optuna's own sampler over a study that mirrors the trials (`_study`): the reference

Under conditions, what nothing in the block controls is drawn first, then what that activated: a learning rate is drawn
together with the optimizer, a momentum once the optimizer turned out to be SGD. Optuna's groups divide a space alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field, Strict

from orchestrator.searchers import ProposalRequest, Searcher
from orchestrator.sweep.domains import Config, Record, StrictInt
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Trial

if TYPE_CHECKING:
    from orchestrator.searchers._columns import History
    from orchestrator.searchers._study import StudyHistory

Densities: TypeAlias = Literal["bounded", "whole", "optuna"]
"""Whose densities they are, and over which trials: see above."""


class TpeSearcher(Searcher):
    """Proposes by TPE once enough trials ended, uniformly before."""

    learns = True

    class Options(Searcher.Options):
        """Optuna's own settings, under our names, and whose densities are used."""

        startup_trials: StrictInt = Field(10, ge=1)
        """Ended trials (completed, pruned, diverged or failed) before the model is used; uniform before."""
        candidates: StrictInt = Field(24, ge=1, le=10_000)
        """Draws from the good density of which the best becomes the proposal (Optuna's `n_ei_candidates`)."""
        constant_liar: Annotated[bool, Strict()] = True
        """Count running trials among the bad, so that parallel workers don't all try the same place."""
        densities: Densities = "bounded"
        """Our own over at most 2,000 of the trials that are not good (`bounded`), over all of them (`whole`), or
        Optuna's over all of them (`optuna`)."""

    options: Options

    def __init__(self, space: Space, goal: Literal["maximize", "minimize"], options: Record) -> None:
        super().__init__(space, goal, options)
        self.startup_trials = self.options.startup_trials

    @cached_property
    def history(self) -> History | StudyHistory:
        """The trials as the estimator sees them. Made at the first proposal: SciPy and Optuna import slowly."""
        if self.options.densities == "optuna":
            from orchestrator.searchers._study import StudyHistory

            return StudyHistory(self.space, self.goal)
        from orchestrator.searchers._columns import MOST_REST, History

        return History(self.space, self.goal, MOST_REST if self.options.densities == "bounded" else None)

    def propose(self, request: ProposalRequest, trials: Sequence[Trial]) -> Config | None:
        """Return TPE's proposal for the block, a uniform draw while fewer than `startup_trials` have ended."""
        history = self.history
        history.update(trials)
        if history.learned < self.startup_trials:
            return self.space.draw(request.block, request.held, request.random())
        drawing = history.drawing(
            request.random().getrandbits(32),
            candidates=self.options.candidates,
            constant_liar=self.options.constant_liar,
            correlated=request.correlated,
        )
        drawn: Config = {}
        for wave in self._waves(request.block):
            config = self.space.complete({**request.held, **drawn})
            active = [name for name in wave if name in config]
            drawn |= drawing.sample(active)
        return self.space.complete({**request.held, **drawn})

    def _waves(self, block: Sequence[str]) -> list[list[str]]:
        """Divide the block so that whatever of it controls a hyperparameter comes in an earlier wave."""
        depth: dict[str, int] = {}
        for name, domain in self.space.items():
            depth[name] = max((depth[parent] + (parent in block) for parent in domain.when), default=0)
        deepest = max((depth[name] for name in block), default=-1)
        return [[name for name in block if depth[name] == level] for level in range(deepest + 1)]


MEMBER = TpeSearcher
