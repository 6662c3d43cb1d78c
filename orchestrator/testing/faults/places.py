"""A pretended cluster's nodes: which hold a trial now, and which are away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random


@dataclass(slots=True)
class PretendNode:
    """One machine."""

    name: str
    """Its id and its host name."""
    places: int
    """Trials that it holds at once."""
    away_until_s: float = 0.0
    """When it is back, by the true time; in the past while it is there."""


class PretendNodes:
    """All machines of a cluster, one to three."""

    def __init__(self, random: Random, places: int) -> None:
        """Spread `places` over them."""
        count = random.randint(1, min(3, places))
        shares = [places // count + (number < places % count) for number in range(count)]
        self.nodes = [PretendNode(f"node-{number}", share) for number, share in enumerate(shares)]

    def present(self, now_s: float) -> list[PretendNode]:
        """Return those that are there."""
        return [node for node in self.nodes if node.away_until_s <= now_s]

    def free(self, now_s: float, taken: Iterable[str | None], avoided: frozenset[str]) -> PretendNode | None:
        """Return one that has room for a trial, and is not to be avoided while another is there; None without one."""
        there = self.present(now_s)
        allowed = [node for node in there if node.name not in avoided] or there
        used = list(taken)
        return next((node for node in allowed if used.count(node.name) < node.places), None)

    def capacity(self, now_s: float, avoided: frozenset[str]) -> int:
        """Return how many trials they hold now; one where all are away, which then waits."""
        there = self.present(now_s)
        allowed = [node for node in there if node.name not in avoided] or there
        return max(1, sum(node.places for node in allowed))
