"""Antithetic sampling: uniform draws in pairs, the second the mirror image of the first."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from pydantic import Field

from orchestrator import ProposalRequest, Searcher, Trial


class Antithetic(Searcher):
    """Draws uniformly in the unit cube; each odd trial mirrors the draw of the one before it."""

    class Options(Searcher.Options):
        """Options of the sweep file."""

        margin: float = Field(0.0, ge=0, lt=0.5)
        """This part of each range is left out at both of its ends."""

    def propose(self, request: ProposalRequest, trials: Sequence[Trial]) -> dict[str, Any] | None:
        """Draw the block; depends on the request alone."""
        first, _, rest = request.seed.partition("/")
        number, _, repetition = rest.partition("/")
        pair = Random(f"{first}/{int(number) // 2}/{repetition}")
        margin = self.options.margin
        drawn = {}
        for name in request.block:
            unit = margin + (1 - 2 * margin) * pair.random()
            drawn[name] = self.space[name].from_unit(1 - unit if int(number) % 2 else unit)
        return self.space.complete({**request.held, **drawn})
