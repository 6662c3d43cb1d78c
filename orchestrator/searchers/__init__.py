"""Searchers propose values for a block of hyperparameters. To add one is to add one file here.

A proposal is a function of the request and of the trials alone: searchers may cache what they computed from the
trials, never remember what they drew. That is what makes a resumed sweep propose what the killed one would have.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Literal

from orchestrator import members
from orchestrator.sweep.domains import Config, Record, Value
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import Member
from orchestrator.sweep.trial import Trial
from orchestrator.sweep.values import exact

MOST_LISTED = 10_000
"""Entries of a list that are gone through to count them."""


@dataclass(frozen=True, slots=True)
class ProposalRequest:
    """What a ladder asks a searcher for."""

    number: int
    """Number of the trial that is being proposed."""
    block: tuple[str, ...]
    """The hyperparameters to draw; the rest is held."""
    held: Mapping[str, Value]
    """Values of the others; missing ones take their defaults."""
    seed: str
    """Seeds every draw of this proposal, e.g. `7/12/0`: sweep seed, trial number, repetition."""
    position: int = 0
    """How many proposals this block has had before; what a searcher that enumerates goes by."""
    correlated: bool = True
    """Model the hyperparameters of the block together, or each by itself."""
    first_rung: float | None = None
    """The least training after which trials are compared; None where it is not known."""

    def random(self) -> Random:
        """Return a fresh generator seeded by `seed`."""
        return Random(self.seed)


@dataclass(frozen=True, slots=True)
class Guidance:
    """What goes with a proposal beside its values."""

    notes: tuple[str, ...] = ()
    """What people should know, e.g. ranges that were narrowed and why; each is written down once."""
    max_fidelity: float | None = None
    """Where the trial's training should end, in the unit of the fidelity; None: at a full training."""


class Searcher(ABC):
    """Proposes values for a block. What a member does not override answers None: nothing beside its proposals."""

    class Options(Record):
        """Options of the sweep file; a member overrides it."""

    enumerates: ClassVar[bool] = False
    """Whether it goes through a list (grid, manual) and so comes to an end."""
    startup_trials: int = 0
    """Finished trials it needs before its proposals follow a model; 0 for one without a model."""
    learns: ClassVar[bool] = False
    """Whether its proposals depend on results."""

    def __init__(self, space: Space, goal: Literal["maximize", "minimize"], options: Record) -> None:
        self.space = space
        self.goal = goal
        self.options = options

    @abstractmethod
    def propose(self, request: ProposalRequest, trials: Sequence[Trial]) -> Config | None:
        """Return a full configuration in which only the block differs from `held`; None when the list is at its end.

        `trials` holds the trials to learn from by number: all of the sweep's, or those of one stage. One searcher sees
        one such list, and it only grows. Conditions are honoured: a hyperparameter that the new values deactivate is
        missing, one that they activate has a value.
        """

    def count(self, block: tuple[str, ...]) -> int | None:
        """Return how many configurations its list over a block has, the defaults among them; None: it has no end.

        What goes through a list may know it without; here it is gone through.
        """
        if not self.enumerates:
            return None
        found = {exact(self.space.baseline)}
        for position in range(MOST_LISTED):
            config = self.propose(ProposalRequest(1, block, {}, "0", position), [])
            if config is None:
                return len(found)
            found.add(exact(config))
        return None

    def axes(self, block: tuple[str, ...]) -> Mapping[str, tuple[Value, ...]] | None:
        """Return the values of each hyperparameter whose combinations are its list; None: it has none of that kind."""

    def guidance(self, request: ProposalRequest, trials: Sequence[Trial]) -> Guidance | None:
        """Return what goes with the proposal for this request, None for nothing: a function of the two alone."""

    def whole_chance(self, learned: int) -> float | None:
        """Return the chance that it wants a proposal over everything, having learned from so many trials; None: never.

        A model of all hyperparameters together gains nothing by having most of them held.
        """

    def wants_whole(self, request: ProposalRequest, trials: Sequence[Trial]) -> bool | None:
        """Say whether it wants this proposal over everything: by the seed of the request, with that chance."""

    def training_end(self, learned: int, first_rung: float | None) -> float | None:
        """Return where it has trainings end that it asks for while it can learn from `learned` trials; None: full ones.

        What `guidance` asks for, known without the trials: a plan counts on it.
        """

    @classmethod
    def problems(cls, space: Space, blocks: Sequence[tuple[str, ...]], options: Record) -> list[str] | None:
        """List why this searcher cannot serve these blocks of this space; None or empty when it can. For `check`."""


def make_searcher(member: Member, space: Space, goal: Literal["maximize", "minimize"]) -> Searcher:
    """Build a searcher as a sweep file names it; raises SpecError for an unknown name."""
    made, options = members.build("orchestrator.searchers", member)
    searcher: Searcher = made(space, goal, options)
    return searcher
