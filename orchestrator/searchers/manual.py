"""A list of configurations that the user wrote down, tried in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field
from typing_extensions import override

from orchestrator.searchers import ProposalRequest, Searcher
from orchestrator.sweep.domains import Config, Constant, Record
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Trial
from orchestrator.sweep.values import JsonValue

Listed = Annotated[Mapping[str, JsonValue], Field(min_length=1)]
"""One configuration; what it leaves out keeps the value that is held, else its default."""


class ManualSearcher(Searcher):
    """Goes through the list: request `position` gets entry `position`."""

    enumerates = True

    class Options(Searcher.Options):
        """The list."""

        configs: tuple[Listed, ...] = Field(
            min_length=1, examples=[[{"learning_rate": 0.1}, {"learning_rate": 0.003, "optimizer": "adam"}]]
        )
        """Configurations in the order in which they are tried; of each, the part that the stage opens is taken."""

    options: Options

    @override
    def propose(self, request: ProposalRequest, trials: Sequence[Trial]) -> Config | None:
        """Return entry `position`, of it what belongs to the block; None behind the last."""
        if request.position >= len(self.options.configs):
            return None
        listed = self.options.configs[request.position]
        wanted = {name: self.space[name].canonical(listed[name]) for name in listed if name in request.block}
        return self.space.complete({**request.held, **wanted})

    @classmethod
    def problems(cls, space: Space, blocks: Sequence[tuple[str, ...]], options: Record) -> list[str]:
        """Name entries with values that are unknown, impossible, inactive, or opened by no stage."""
        assert isinstance(options, ManualSearcher.Options)
        opened = {name for block in blocks for name in block}
        found = []
        for position, listed in enumerate(options.configs):
            completed = space.complete({name: value for name, value in listed.items() if name in space})
            wrong = space.problems({**completed, **listed})
            closed = [name for name in listed if name in space and name not in opened]
            wrong += [f"{name!r} is {_why_closed(space, name)}" for name in closed]
            found += [f"configs.{position}: {problem}" for problem in wrong]
        return found


def _why_closed(space: Space, name: str) -> str:
    if isinstance(space[name], Constant):
        return "a constant; leave it out"
    return "opened by no stage; add it to one, or leave it out"


MEMBER = ManualSearcher
