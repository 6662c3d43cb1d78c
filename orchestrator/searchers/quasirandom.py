"""Points that fill the space more evenly than random ones: a scrambled Sobol sequence (Owen 1998), by SciPy.

Each block has one sequence, seeded by the sweep's seed and the block, and request `position` takes point `position`:
the even spread belongs to the sequence, so no other part of the request's seed may enter.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from typing_extensions import override

from orchestrator.searchers import ProposalRequest, Searcher
from orchestrator.sweep.domains import Config
from orchestrator.sweep.trial import Trial


class QuasirandomSearcher(Searcher):
    """Goes along a Sobol sequence; blind to results."""

    @override
    def propose(self, request: ProposalRequest, trials: Sequence[Trial]) -> Config | None:
        """Return point `position` of the block's sequence."""
        names = [name for name in self.space if name in request.block]
        units = self._point(names, request)
        values = {name: self.space[name].from_unit(unit) for name, unit in zip(names, units, strict=True)}
        return self.space.complete({**request.held, **values})

    def _point(self, names: list[str], request: ProposalRequest) -> list[float]:
        from scipy.stats import qmc  # here, because importing SciPy takes a second and `plan` needs none of it

        sweep_seed = request.seed.partition("/")[0]
        seed = Random("/".join([sweep_seed, *names])).getrandbits(64)
        sequence = qmc.Sobol(d=len(names), scramble=True, rng=seed)
        if request.position:  # SciPy cannot go forward by nothing
            sequence.fast_forward(request.position)
        return [float(unit) for unit in sequence.random(1)[0]]


MEMBER = QuasirandomSearcher
