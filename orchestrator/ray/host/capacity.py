"""How many places a driver may have on its cluster, and what it waits for there, in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import ray

from orchestrator import wording
from orchestrator.control.fair_shares import PlaceClaim
from orchestrator.ray.host import autoscaler, cluster
from orchestrator.ray.host.tickets import Tickets
from orchestrator.ray.host.turns import Turns
from orchestrator.sweep.awaited import NOTHING_AWAITED, AwaitedPlaces
from orchestrator.sweep.resources import Resources

SETTLE_S = 2.0
"""A place that is there within this time was not waited for: one that somebody of ours leaves takes a moment."""
CHANGE_S = 5.0
"""How often what is waited for may change in what is told, unless it begins, ends, or turns out to be in vain."""


class Shortage(NamedTuple):
    """Why a place that was asked for is not there."""

    why: str
    """In one sentence, without times."""
    is_hopeless: bool
    """Whether no node, as the cluster is now, could ever hold a trial."""


def shortage(resources: Resources) -> Shortage:
    """Say why a place is not there: all that could hold one are taken, none is there yet, or none ever will be."""
    present, declared = cluster.present_nodes(), cluster.declared_nodes()
    if not cluster.places(present, resources):
        if cluster.places(declared, resources) or (not declared and autoscaler.is_at_work()):
            return Shortage("no node is up that could hold one; the autoscaler was asked for it", is_hopeless=False)
        if not any(node.cpus or node.gpus for node in present):
            return Shortage("the cluster has no CPUs or GPUs yet; it begins when nodes join", is_hopeless=False)
        return Shortage(cluster.infeasible(present, declared, resources).rpartition(". ")[0], is_hopeless=True)
    idle: Mapping[str, float] = ray.available_resources()
    kinds = (
        ("GPU", resources.gpus, sum(node.gpus for node in present)),
        ("CPU", resources.cpus, sum(node.cpus for node in present)),
    )
    free = [f"{idle.get(kind, 0.0):g} of {there:g} {kind}s" for kind, asked, there in kinds if asked]
    each = [f"{asked:g} {kind}{'s' if asked != 1 else ''}" for kind, asked, _ in kinds if asked]
    where = f", as {resources.nodes} parts" if resources.nodes > 1 else ""
    text = f"the cluster is busy: {' and '.join(free)} are free, and a trial takes {' and '.join(each)}{where}"
    return Shortage(text, is_hopeless=False)


WEIGHTS = {"low": 0.5, "normal": 1.0, "high": 2.0}
"""What `resources.priority` counts in turns."""


class Capacity:
    """How many trials may be alive at once, read again from time to time: a cluster grows and shrinks.

    On a cluster that others may use as well, that is at most this sweep's share (see `turns`).
    """

    def __init__(
        self,
        resources: Callable[[], Resources],
        every_s: float,
        to_avoid: Callable[[], frozenset[str]],
        turns: Turns | None = None,
    ) -> None:
        """Take the sweep's `turns` into account; None on a cluster of its own."""
        self._turns = turns
        self._avoided: frozenset[str] = frozenset()
        self._to_avoid = to_avoid
        self._resources = resources
        self._every_s = every_s
        self._read_at = float("-inf")
        self._read_for: tuple[Resources, frozenset[str]] | None = None
        self._places = 1
        self._shunning: dict[frozenset[str], frozenset[str]] = {}

    def __call__(self, held: int, wanted: int, *, is_stuck: bool) -> int:
        """Return how many may be alive, waiting places included, where `held` are and `wanted` would be.

        `is_stuck` says whether places are waited for that do not come.
        """
        most = self._most()
        if self._turns is None:
            return most
        asked, places = self._resources(), (held, min(wanted, most))
        claimed = self._turns.sweep, WEIGHTS[asked.priority], asked.cpus, asked.gpus, *places
        return min(most, self._turns.places(PlaceClaim(*claimed, is_stuck=is_stuck), time.monotonic()))

    def leave(self) -> None:
        """Tell the others that this sweep holds nothing any more."""
        if self._turns is not None:
            self._turns.leave()

    def _most(self) -> int:
        """Return how many the cluster holds, or may come to hold."""
        now, wanted = time.monotonic(), (self._resources(), self._to_avoid())
        if now - self._read_at >= self._every_s or wanted != self._read_for:
            self._read_at, self._read_for = now, wanted
            cluster.refuse_dead()
            self._avoided = wanted[1] if self._is_room_without(wanted[1]) else frozenset()
            self._places = cluster.capacity(wanted[0], self._avoided)
            self._shunning.clear()
        return self._places

    def avoided(self, shunned: frozenset[str]) -> frozenset[str]:
        """Return the nodes that take no trial, `shunned` ones among them; not so many that none could hold one."""
        if shunned not in self._shunning:
            both = self._avoided | shunned
            self._shunning[shunned] = both if not shunned or self._is_room_without(both) else self._avoided
        return self._shunning[shunned]

    def _is_room_without(self, avoided: frozenset[str]) -> bool:
        return not avoided or cluster.places(cluster.present_nodes(avoided), self._resources()) > 0


@dataclass(slots=True)
class PlaceWatch:
    """Says what is waited for, and why."""

    resources: Resources
    tickets: Tickets
    tell: Callable[[AwaitedPlaces], None]
    """Takes what changed."""
    others: Callable[[], int] = lambda: 0
    """How many other sweeps want places on the cluster."""
    shortage: Callable[[Resources], Shortage] = shortage
    """Says why there is no place."""
    _told: AwaitedPlaces = NOTHING_AWAITED
    _told_at: float = field(default=float("-inf"))

    def look(self, now: float) -> None:
        """Tell, if due at `now` in monotonic seconds, what the tickets wait for."""
        waiting, starting = self.tickets.waiting, self.tickets.starting
        waits = len(waiting) if any(now - ticket.asked_at >= SETTLE_S for ticket in waiting) else 0
        starts = sum(
            1 for ticket in starting if ticket.has_place_at is not None and now - ticket.has_place_at >= SETTLE_S
        )
        is_news = (waits > 0) != (self._told.waiting > 0)
        if not is_news and now - self._told_at < CHANGE_S:
            return
        short = self.shortage(self.resources) if waits else Shortage("", is_hopeless=False)
        others = self.others() if waits else 0
        turns = f"; {wording.counted(others, 'other sweep')} take turns here" if others else ""
        found = AwaitedPlaces(waits, f"{short.why}{turns}", short.is_hopeless, starts)
        if found != self._told:
            self._told, self._told_at = found, now
            self.tell(found)
