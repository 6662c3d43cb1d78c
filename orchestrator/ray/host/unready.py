"""Workers in a row that never got ready: how long nothing is asked for then, and when none can be started at all.

A worker that went with its node says nothing of the next one: nodes come and go, at their own time limits, say. Ray
tells of a worker at once and of its node only once it is missed, so those count whose node is there when it would be.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

MOST = 5
"""So many in a row that did not go with their nodes, and the cluster cannot start any."""
AGAIN_S = 0.5
"""After one nothing is asked for so long, twice as long after the next, and so on."""
LONGEST_S = 60.0
"""No pause is longer: nodes may leave under many."""


class Unready(NamedTuple):
    """One worker that never got ready."""

    at: float
    """When that was seen, monotonic seconds."""
    node: str
    """Ray's id of its node; empty where it failed before that was asked for."""
    text: str
    """Why."""


class UnreadyInARow:
    """Those since the last worker that did."""

    def __init__(self, missed_s: float) -> None:
        """Know of a node that left `missed_s` seconds later (see `cluster.missed_s`)."""
        self._missed_s = missed_s
        self._row: list[Unready] = []

    def add(self, unready: Unready) -> None:
        """Take note of one more."""
        self._row.append(unready)

    def clear(self) -> None:
        """Take note of a worker that is ready."""
        self._row.clear()

    @property
    def again_at(self) -> float:
        """From when on workers are asked for, monotonic seconds."""
        if not self._row:
            return 0.0
        doublings = min(len(self._row) - 1, 30)  # a float ends at a thousand
        return self._row[-1].at + min(LONGEST_S, AGAIN_S * 2.0**doublings)

    def is_due(self, now: float) -> bool:
        """Say whether `verdict` is to be asked for, with the nodes that are there at `now`, monotonic seconds."""
        return len(self._row) >= MOST and now - self._row[MOST - 1].at >= self._missed_s

    def verdict(self, now: float, alive: Collection[str]) -> str | None:
        """Return why no worker can be started; None where too few are left without those that went with their nodes."""
        self._row = [unready for unready in self._row if not unready.node or unready.node in alive]
        if not self.is_due(now):
            return None
        last = self._row[-1].text.rstrip(".")
        return (
            f"no worker can be started: {len(self._row)} in a row never got ready. The last: {last}. "
            "Nothing acknowledged is lost; `stepladder check` tries every node"
        )
