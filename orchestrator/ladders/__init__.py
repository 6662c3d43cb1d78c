"""Ladders spend the budget over the stages. To add one is to add one file here.

A ladder turns the trials so far into the next proposal. Every coin it throws is seeded by (sweep seed, trial number),
so a proposal depends on the trials and on nothing that was drawn before a crash.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, ClassVar, Literal

from orchestrator.errors import SpecError
from orchestrator.ladders._coupling import Couplings
from orchestrator.ladders._nearest import Neighbours
from orchestrator.ladders._outward import outward
from orchestrator.ladders._standings import Standings
from orchestrator.ladders._tried import TriedConfigs
from orchestrator.ladders._walk import walk
from orchestrator.schedulers import rungs
from orchestrator.searchers import Guidance, ProposalRequest, Searcher, make_searcher
from orchestrator.sweep.domains import Config, Record
from orchestrator.sweep.plan import Plan, StagePlan
from orchestrator.sweep.space import Space
from orchestrator.sweep.standing import stage_of
from orchestrator.sweep.trial import Trial

REDRAWS = 10
"""How often a proposal that was tried already is drawn again before the ladder looks for one that was not."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration to try, and how it came about."""

    config: Config
    """Full configuration."""
    stage: str
    """Stage that proposes it."""
    move: str
    """One of the words of `orchestrator.sweep.trial.Trial.move`."""
    block: tuple[str, ...]
    """The hyperparameters that were drawn."""
    parent: int | None = None
    """Trial whose other values were held."""
    notes: tuple[str, ...] = ()
    """Held values that a coupling re-scaled, ranges that the searcher narrowed, and why."""
    max_fidelity: float | None = None
    """Where its training ends; None: at a full training."""
    learned_from: int | None = None
    """How many trials the searcher had learned from; 0 around the defaults; None where nothing was modelled."""
    nearest: int | None = None
    """Number of the earlier trial nearest to it, where `learned_from` says something."""
    replicates: int | None = None
    """Trial whose configuration it repeats with another seed; None for one of its own."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A chance that a trial is drawn by a searcher."""

    searcher: Searcher
    """The one that is asked."""
    chance: float
    """0 to 1. The chances of a trial may sum to less: the rest asks no searcher."""
    learned: int
    """How many trials it can then learn from, those of its own stage alone where it is shown no others."""


class Ladder(ABC):
    """Decides what is tried next."""

    class Options(Record):
        """Options of the sweep file; a member overrides it."""

        repeated: Literal["nearest", "anywhere"] = "nearest"
        """What is tried once several draws for a trial found only what was tried already: the untried configuration
        nearest to the first of them, or any one."""

    enumerable: ClassVar[bool] = False
    """Whether it can serve a searcher that goes through a list (`enumerates`): it then adds no draw of its own."""

    def __init__(self, plan: Plan, searcher: Searcher, options: Any) -> None:
        self.plan = plan
        self.space: Space = plan.space
        self.searcher = searcher
        self.options = options
        self.standings = Standings(plan)
        """The best trials and the counts, as of the proposal that is being made."""
        self.tuned = union(plan.stages)
        """Everything that some stage opens."""
        self._own = {s.name: make_searcher(s.searcher, self.space, plan.goal) for s in plan.stages if s.searcher}
        self._couplings = Couplings(self.space, plan.spec.couple)
        self._first_rung = next(iter(rungs(plan.spec.fidelity)), plan.spec.fidelity.max)
        self._neighbours = Neighbours(self.space)
        self._tried = TriedConfigs(self.space)
        self._seen = 0

    @classmethod
    @abstractmethod
    def stages(cls, blocks: Sequence[StagePlan], options: Any) -> tuple[StagePlan, ...]:
        """Return the plan's stages from the user's blocks, whose shares sum to 1; ladders add stages of their own.

        Raises SpecError where a block has the name of a stage of the ladder's own.
        """

    @classmethod
    def searcher_blocks(cls, stages: Sequence[StagePlan]) -> list[tuple[str, ...]]:
        """Return the blocks that the searcher will be asked for."""
        return [stage.tune for stage in stages]

    @abstractmethod
    def draw(self, number: int, repetition: int, trials: Sequence[Trial]) -> Proposal | None:
        """Draw one proposal for trial `number`; None when the searcher's list is at its end."""

    @abstractmethod
    def askings(self, number: int, reported: int, finished: int) -> list[Asking]:
        """Return the chances that trial `number` is drawn by a searcher.

        Before it so many trials have reported a finite value, and so many can be learned from.
        """

    def model_probability(self, number: int, reported: int, finished: int) -> float:
        """Return the chance that trial `number` follows a model; arguments as those of `askings`."""
        asked = self._asked(number, reported, finished)
        return sum((asking.chance for asking in asked if self.follows_model(asking.learned, asking.searcher)), 0.0)

    def short_trainings(self, number: int, reported: int, finished: int) -> dict[float, float]:
        """Return where the training of trial `number` may be asked to end early, with the chance of each."""
        found: dict[float, float] = {}
        for asking in self._asked(number, reported, finished):
            end = self._end(asking.searcher.training_end(asking.learned, self._first_rung))
            if end is not None:
                found[end] = found.get(end, 0.0) + asking.chance
        return found

    def propose(self, number: int, trials: Sequence[Trial]) -> Proposal | None:
        """Return the proposal for trial `number`, none that was tried already; None when nothing is left to propose.

        First the baseline, which all repeat where nothing is tuned, then earlier winners. `trials`: those before it.
        """
        self._tried.add(trial.config for trial in trials[self._seen :])
        self._seen = len(trials)
        self.standings.update(trials)
        if number == 0:
            return Proposal(self.space.baseline, stage_of(self.plan, 0).name, "baseline", ())
        if not self.tuned:
            return Proposal(self.space.baseline, stage_of(self.plan, number).name, "repeat", (), replicates=0)
        place = number - 1 - self.standings.asked
        warm = self.plan.warm[place] if 0 <= place < len(self.plan.warm) else None
        if warm is not None and not self.is_tried(warm.config):
            return Proposal(dict(warm.config), stage_of(self.plan, number).name, "warm", (), notes=warm.notes)
        drawn: list[Proposal] = []
        for repetition in range(REDRAWS):
            proposal = self.draw(number, repetition, trials)
            if proposal is None or not self.is_tried(proposal.config):
                return None if proposal is None else self._traced(proposal, trials)
            drawn.append(proposal)
        beside = self._beside(drawn[0], trials)
        return beside or self.leftover(number, trials) or self.untried(number, self.tuned)

    def leftover(self, number: int, trials: Sequence[Trial]) -> Proposal | None:
        """Return a configuration that was not tried, where the block that was drawn has none; None: whichever there is.

        With `repeated: anywhere`, where `REDRAWS` draws found none.
        """

    def is_tried(self, config: Config) -> bool:
        """Say whether a trial has this configuration."""
        return config in self._tried

    def coin(self, number: int, repetition: int, purpose: str) -> Random:
        """Return a generator for one purpose of one proposal, independent of every other."""
        return Random(f"{self.plan.spec.seed}/{number}/{repetition}/{purpose}")

    def request(self, number: int, repetition: int, block: tuple[str, ...], **details: Any) -> ProposalRequest:
        """Build a request to the searcher for this proposal."""
        details.setdefault("position", self.standings.proposed[block] + repetition)
        details.setdefault("held", {})
        details.setdefault("first_rung", self._first_rung)
        return ProposalRequest(number, block, seed=f"{self.plan.spec.seed}/{number}/{repetition}", **details)

    def search(
        self, number: int, repetition: int, history: Sequence[Trial], block: tuple[str, ...], *,
        parent: Trial | None = None, correlated: bool = True,
        finished: int | None = None, by: Searcher | None = None,
    ) -> Proposal | None:  # fmt: skip
        """Let the searcher draw `block`, the rest held at the parent's values (None: the defaults).

        It learns from `history`, in which `finished` trials can be learned from (None: all trials of the sweep); `by`
        another searcher where that is not the list which the sweep's is shown, or a stage has its own. The move says
        what happened: a searcher that has not learned from enough trials draws uniformly. With a searcher that goes
        through a list the proposal is the next entry that was not tried, None at the end of the list.
        """
        searcher = by or self.searcher
        if searcher.enumerates:
            return self._next_listed(searcher, number, history, block, parent)
        held = {} if parent is None else parent.config
        request = self.request(number, repetition, block, held=held, correlated=correlated)
        config = searcher.propose(request, history)
        if config is None:
            return None
        learned = self.standings.finished.total() if finished is None else finished
        is_modelled = self.follows_model(learned, searcher)
        proposal = self.proposal(number, config, "model" if is_modelled else "uniform", block, parent)
        proposal = replace(proposal, learned_from=learned if is_modelled else None)
        return self._guided(proposal, searcher.guidance(request, history) or Guidance(), history)

    def searcher_of(self, stage: StagePlan) -> Searcher:
        """Return what draws the stage's block: its own searcher, else the sweep's."""
        return self._own.get(stage.name, self.searcher)

    def follows_model(self, finished: int, searcher: Searcher | None = None) -> bool:
        """Say whether the searcher (None: the sweep's) has a model once it has learned from so many trials."""
        asked = searcher or self.searcher
        return asked.learns and finished >= asked.startup_trials

    def proposal(
        self, number: int, config: Config, move: str, block: tuple[str, ...], parent: Trial | None
    ) -> Proposal:
        """Couple what was held, and label a draw of `model` or `uniform`, `block-` in front where something was."""
        partial = move in {"model", "uniform"} and set(block) != set(self.tuned)
        kind = f"block-{move}" if partial else move
        config, notes = self._couplings.apply(config, block, None if parent is None else parent.config)
        source = None if parent is None else parent.number
        return Proposal(config, stage_of(self.plan, number).name, kind, block, source, notes)

    def untried(self, number: int, block: tuple[str, ...], parent: Trial | None = None) -> Proposal | None:
        """Walk through the values of `block`, from a random place, to a configuration that was not tried."""
        held = {} if parent is None else parent.config
        for config in walk(self.space, block, held, self.coin(number, REDRAWS, "leftover")):
            proposal = self.proposal(number, config, "uniform", block, parent)
            if not self.is_tried(proposal.config):
                return proposal
        return None

    def _beside(self, repeated: Proposal, trials: Sequence[Trial]) -> Proposal | None:
        """Return the untried configuration of the block that is nearest to a proposal; None where it has none."""
        if getattr(self.options, "repeated", "nearest") != "nearest":  # a ladder's options need not be ours
            return None
        parent = None if repeated.parent is None else trials[repeated.parent]
        held, move = {} if parent is None else parent.config, repeated.move.removeprefix("block-")
        for config in outward(self.space, repeated.block, held, repeated.config):
            found = self.proposal(len(trials), config, move, repeated.block, parent)
            if not self.is_tried(found.config):
                found = replace(found, learned_from=repeated.learned_from, max_fidelity=repeated.max_fidelity)
                return self._traced(found, trials)
        return None

    def _traced(self, proposal: Proposal, trials: Sequence[Trial]) -> Proposal:
        """Name the earlier trial that a proposal of a model, or around the defaults, comes nearest to."""
        if proposal.learned_from is None:
            return proposal
        return replace(proposal, nearest=self._neighbours.nearest(proposal.config, trials))

    def _asked(self, number: int, reported: int, finished: int) -> list[Asking]:
        return self.askings(number, reported, finished) if self.tuned and number > len(self.plan.warm) else []

    def _guided(self, proposal: Proposal, guidance: Guidance, history: Sequence[Trial]) -> Proposal:
        said = {note for trial in history for note in trial.notes} if guidance.notes else set()
        notes = (*proposal.notes, *(note for note in guidance.notes if note not in said))
        return replace(proposal, notes=notes, max_fidelity=self._end(guidance.max_fidelity))

    def _end(self, asked: float | None) -> float | None:
        """Return the report at which a training ends that is asked to end at `asked`; None: at a full training."""
        fidelity = self.plan.spec.fidelity
        if asked is None:
            return None
        end = max(1, math.ceil(asked / fidelity.every - 1e-9)) * fidelity.every
        return end if end < fidelity.max else None

    def _next_listed(
        self, searcher: Searcher, number: int, trials: Sequence[Trial], block: tuple[str, ...], parent: Trial | None
    ) -> Proposal | None:
        held = {} if parent is None else parent.config
        for position in itertools.count(self.standings.proposed[block]):
            config = searcher.propose(self.request(number, 0, block, held=held, position=position), trials)
            if config is None:
                return None
            proposal = self.proposal(number, config, "listed", block, parent)
            if not self.is_tried(proposal.config):
                return proposal
        raise AssertionError  # count() has no end


def union(stages: Sequence[StagePlan]) -> tuple[str, ...]:
    """Return everything that the stages open, each name once, in their order."""
    return tuple(dict.fromkeys(name for stage in stages for name in stage.tune))


def own_stage(name: str, blocks: Sequence[StagePlan], share: float) -> StagePlan:
    """Return a stage of a ladder's own, which opens all blocks; raises SpecError where a block has its name."""
    if any(block.name == name for block in blocks):
        raise SpecError(f"stages: the ladder adds a stage {name!r} of its own; give yours another name")
    return StagePlan(name=name, tune=union(blocks), share=share)
