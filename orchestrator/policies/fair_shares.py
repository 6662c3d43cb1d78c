"""How many places each of several sweeps on one cluster may hold: the smallest share is filled up first.

Each sweep says what a place of it takes, how many it holds, and how many it would hold. Place by place, what there is
goes to whoever would then have the smallest part of the cluster for its weight, until nothing fits or nobody wants
more. A sweep's part is that of the kind (CPUs or GPUs) of which it takes most (Ghodsi et al., "Dominant Resource
Fairness", NSDI 2011). Nothing that runs is ended for it: who holds more gives places back as its trials end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class PlaceClaim:
    """What one sweep holds of a cluster, and would hold."""

    sweep: str
    """Which sweep; told apart, no more."""
    weight: float
    """A sweep of weight 2 gets twice the places of one of weight 1."""
    cpus: float
    """CPUs of one place."""
    gpus: float
    """GPUs of one place."""
    held: int
    """Places that it has."""
    wanted: int
    """Places that it would have, those that it has among them."""
    is_stuck: bool = False
    """Whether what it asks for does not come although there is room: none of the others need wait for that."""


def fair_share(mine: PlaceClaim, others: Sequence[PlaceClaim], cpus: float, gpus: float) -> int:
    """Return how many places `mine` may hold of `cpus` and `gpus`, which are all that these sweeps hold or could."""
    claims = [mine, *(replace(other, wanted=other.held) if other.is_stuck else other for other in others)]
    order = sorted(range(len(claims)), key=lambda index: claims[index].sweep)  # who is first among equals
    given = dict.fromkeys(order, 0)
    parts = {index: _part(claims[index], cpus, gpus) for index in order}
    while True:
        fitting = [
            index
            for index in order
            if given[index] < claims[index].wanted
            and claims[index].cpus <= cpus + _HAIR
            and claims[index].gpus <= gpus + _HAIR
        ]
        if not fitting:
            return given[0]
        least = min(fitting, key=lambda index: (given[index] + 1) * parts[index] / claims[index].weight)
        given[least] += 1
        cpus, gpus = cpus - claims[least].cpus, gpus - claims[least].gpus


_HAIR = 1e-6


def _part(claim: PlaceClaim, cpus: float, gpus: float) -> float:
    """Return the part of the cluster that one place takes, of the kind that it takes most of."""
    return max(claim.cpus / cpus if cpus else 0.0, claim.gpus / gpus if gpus else 0.0, _HAIR)
