"""The draws that ladders are made of: around the defaults, over everything, in one block around the incumbent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from pydantic import Field

from orchestrator.ladders import Asking, Ladder, Proposal
from orchestrator.searchers import Searcher
from orchestrator.sweep.domains import Choice, Hyperparameter, StrictFloat, StrictInt, Value
from orchestrator.sweep.plan import StagePlan
from orchestrator.sweep.standing import numbers_of
from orchestrator.sweep.trial import Trial


def scaled(blocks: Sequence[StagePlan], share: float) -> tuple[StagePlan, ...]:
    """Return the blocks with `share` of the budget in all, their proportions kept."""
    return tuple(block.model_copy(update={"share": block.share * share}) for block in blocks)


class JointOptions(Ladder.Options):
    """Constants of draws over everything."""

    prior_trials: StrictInt = Field(12, ge=0)
    """Until so many trials exist, draws over everything are draws around the defaults."""
    prior_probability: StrictFloat = Field(0.1, ge=0, le=1)
    """Chance of a draw around the defaults after that."""
    prior_spread: StrictFloat = Field(0.25, gt=0)
    """Standard deviation of a draw around a default, as a part of the range on its scale."""
    prior_choice_probability: StrictFloat = Field(0.5, ge=0, le=1)
    """Chance that a draw around the defaults keeps the default of a choice without an order; else each may be drawn."""
    correlated_probability: StrictFloat = Field(0.5, ge=0, le=1)
    """Chance that a draw by the searcher models all hyperparameters together rather than each by itself."""

    def prior_chance(self, number: int) -> float:
        """Return the chance that a draw over everything for trial `number` is one around the defaults."""
        return 1.0 if number < self.prior_trials else self.prior_probability


def joint_draw(
    ladder: Ladder, options: JointOptions, number: int, repetition: int, trials: Sequence[Trial]
) -> Proposal | None:
    """Draw everything: around the defaults by chance, else by the searcher from all trials."""
    chance = 0.0 if ladder.searcher.enumerates else options.prior_chance(number)
    if ladder.coin(number, repetition, "prior").random() < chance:
        return prior_draw(ladder, options, number, repetition)
    correlated = ladder.coin(number, repetition, "correlated").random() < options.correlated_probability
    return ladder.search(number, repetition, trials, ladder.tuned, correlated=correlated)


def joint_asking(ladder: Ladder, options: JointOptions, number: int, finished: int, chance: float = 1.0) -> Asking:
    """Return the chance that `joint_draw`, which itself has `chance`, asks the searcher."""
    prior = 0.0 if ladder.searcher.enumerates else options.prior_chance(number)
    return Asking(ladder.searcher, chance * (1.0 - prior), finished)


def prior_draw(ladder: Ladder, options: JointOptions, number: int, repetition: int) -> Proposal:
    """Draw everything around the defaults.

    Odd-numbered trials draw uniformly what has a default of the user's own: a wrong guess costs dearly early, and
    alternating halved that on twelve real tables of neural networks.
    """
    values = {}
    for name in ladder.tuned:
        coin = ladder.coin(number, repetition, f"draw {name}")  # its own: no neighbour's draw shifts it
        domain = ladder.space[name]
        guessed = _is_guessed(domain, number)
        values[name] = domain.from_unit(coin.random()) if guessed else _around(domain, options, coin)
    config = ladder.space.complete(values)
    if all(_is_guessed(ladder.space[name], number) for name in config if name in values):
        return ladder.proposal(number, config, "uniform", ladder.tuned, None)
    return replace(ladder.proposal(number, config, "prior", ladder.tuned, None), learned_from=0)


def _is_guessed(domain: Hyperparameter, number: int) -> bool:
    return number % 2 == 1 and domain.provenance == "user"


def _around(domain: Hyperparameter, options: JointOptions, coin: Random) -> Value:
    if isinstance(domain, Choice) and not domain.is_ordered:
        kept = coin.random() < options.prior_choice_probability
        return domain.default if kept else domain.from_unit(coin.random())
    unit = coin.gauss(domain.to_unit(domain.default), options.prior_spread)
    return domain.from_unit(min(max(unit, 0.0), 1.0))


class StageDraws:
    """Draws of one stage's block by a searcher that sees this stage alone, everything else held at the best trial.

    It is of the kind that the stage names, else of the sweep's. It learns from the trials that drew this block and from
    the one that led when the first of them was made: earlier stages' trials, in which the block never moved, would
    teach it that the defaults are good (+11 points of regret on the LCBench surrogate).
    """

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder
        self._searchers: dict[tuple[str, int], Searcher] = {}

    def draw(self, stage: StagePlan, number: int, repetition: int, trials: Sequence[Trial]) -> Proposal | None:
        """Let the searcher draw the block; None when its list is at its end."""
        ladder, parent = self._ladder, self.held(trials)
        listing = ladder.searcher_of(stage)
        if listing.enumerates:
            return ladder.search(number, repetition, trials, stage.tune, parent=parent, by=listing)
        own = [trial for trial in trials if trial.block == stage.tune]
        origin = trials[own[0].parent or 0] if own else parent
        history = [origin, *own] if origin.block != stage.tune else own
        finished = ladder.standings.finished[stage.tune] + (origin.is_learned and origin.block != stage.tune)
        searcher = self._searcher(stage, history)
        return ladder.search(number, repetition, history, stage.tune, parent=parent, finished=finished, by=searcher)

    def held(self, trials: Sequence[Trial]) -> Trial:
        """Return the trial with the best current value; the baseline while there is none."""
        return self._ladder.standings.leader(trials) or trials[0]

    def asking(self, stage: StagePlan, finished: int) -> Asking:
        """Return that the stage's searcher is asked, as if trials ended in the order of their numbers."""
        own = max(0, finished - max(1, numbers_of(self._ladder.plan, stage).start))
        return Asking(self._ladder.searcher_of(stage), 1.0, own + min(1, finished))

    def _searcher(self, stage: StagePlan, history: Sequence[Trial]) -> Searcher:
        key = (stage.name, history[0].number)  # a searcher is shown one list, which only grows
        if key not in self._searchers:
            shared = self._ladder.searcher_of(stage)
            self._searchers[key] = type(shared)(shared.space, shared.goal, shared.options)
        return self._searchers[key]
