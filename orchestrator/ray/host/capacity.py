"""How many places a driver may have on its cluster, and what it waits for there, in words."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator import wording
from orchestrator.policies.fair_shares import PlaceClaim
from orchestrator.ray.host import autoscaler, cluster
from orchestrator.ray.host.machines import has_conditions, infeasible, places, qualify, qualifying
from orchestrator.ray.host.setups import Setups
from orchestrator.ray.host.tickets import Tickets
from orchestrator.ray.host.trial_maker import AskedPlaces
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
    if not places(present, resources):
        if places(declared, resources) or (not declared and autoscaler.is_at_work()):
            return Shortage("no node is up that could hold one; the autoscaler was asked for it", is_hopeless=False)
        if not any(node.runs_trials for node in present):
            return Shortage("the cluster has no CPUs or GPUs yet; it begins when nodes join", is_hopeless=False)
        return Shortage(infeasible(present, declared, resources).rpartition(". ")[0], is_hopeless=True)
    fit = [node for node in present if qualify(node, resources)]
    names = {node.node_id for node in fit}
    idle = [node for node in cluster.free_nodes() if node.node_id in names]
    kinds = (
        ("GPU", resources.gpus, sum(node.gpus for node in idle), sum(node.gpus for node in fit)),
        ("CPU", resources.cpus, sum(node.cpus for node in idle), sum(node.cpus for node in fit)),
    )
    free = [f"{left:g} of {there:g} {kind}s" for kind, asked, left, there in kinds if asked]
    each = [f"{asked:g} {kind}{'s' if asked != 1 else ''}" for kind, asked, _, _ in kinds if asked]
    where = f", as {resources.nodes} parts" if resources.nodes > 1 else ""
    which = ""
    if has_conditions(resources):
        which = f" on the nodes that qualify ({qualifying(present, resources)}; {wording.machines(resources)})"
    text = f"the cluster is busy: {' and '.join(free)} are free{which}, and a trial takes {' and '.join(each)}{where}"
    return Shortage(text, is_hopeless=False)


WEIGHTS = {"low": 0.5, "normal": 1.0, "high": 2.0}
"""What `resources.priority` counts in turns."""


class Capacity:
    """How many trials may be alive at once, read again from time to time: a cluster grows and shrinks.

    On a cluster that others may use as well, that is at most this sweep's share (see `turns`).
    """

    def __init__(
        self, every_s: float, to_avoid: Callable[[], frozenset[str]], turns: Turns | None = None,
        setups: Setups | None = None,
    ) -> None:  # fmt: skip
        """Take the sweep's `turns` into account, None on a cluster of its own, and its `setups`, None without any."""
        self._turns = turns
        self._setups = setups
        self._avoided: frozenset[str] = frozenset()
        self._to_avoid = to_avoid
        self._every_s = every_s
        self._read_at = float("-inf")
        self._read_for: tuple[Resources, frozenset[str], frozenset[str]] | None = None
        self._places = 1
        self._shunning: dict[frozenset[str], frozenset[str]] = {}

    def __call__(self, asked: AskedPlaces, resources: Resources) -> int:
        """Return how many may be alive, waiting places included, where the next ones take `resources`."""
        most = self._most(resources) + asked.elsewhere
        most = min(most, resources.max_concurrent or most)
        if self._turns is None:
            return most
        wanted = min(asked.wanted, most)
        claimed = (
            self._turns.sweep, WEIGHTS[resources.priority], resources.cpus, resources.gpus, asked.held, wanted,
        )  # fmt: skip
        return min(most, self._turns.places(PlaceClaim(*claimed, is_stuck=asked.is_stuck), time.monotonic()))

    def leave(self) -> None:
        """Tell the others that this sweep holds nothing any more, and end what sets nodes up."""
        if self._turns is not None:
            self._turns.leave()
        if self._setups is not None:
            self._setups.end()

    def may_lie(self, node_ids: Callable[[], frozenset[str]]) -> bool:
        """Say whether a trial may lie on these nodes, which are asked for only where they matter."""
        return self._setups is None or self._setups.may_lie(node_ids())

    def avoided(self, shunned: frozenset[str], resources: Resources) -> frozenset[str]:
        """Return the nodes that take no trial of `resources`: those that its file names, and those that kill.

        Of the latter, `shunned` ones among them, not so many that none could hold one.
        """
        self._most(resources)
        if shunned not in self._shunning:
            both = self._avoided | shunned
            self._shunning[shunned] = both if not shunned or self._is_room_without(both, resources) else self._avoided
        return self._shunning[shunned]

    def _most(self, resources: Resources) -> int:
        """Return how many the cluster holds, or may come to hold."""
        now = time.monotonic()
        barred = frozenset[str]() if self._setups is None else self._setups.barred(now)
        wanted = resources, self._to_avoid(), barred
        if now - self._read_at >= self._every_s or wanted != self._read_for:
            self._read_at, self._read_for = now, wanted
            cluster.refuse_dead()
            named = cluster.named_in(resources.avoid or ())
            both = named | wanted[1]
            self._avoided = (both if self._is_room_without(both | barred, resources) else named) | barred
            self._places = cluster.capacity(resources, self._avoided)
            if self._setups is not None and self._setups.is_at_work:  # what is set up, and not what may come yet
                self._places = places(cluster.present_nodes(self._avoided), resources)
            self._shunning.clear()
        return self._places

    @staticmethod
    def _is_room_without(avoided: frozenset[str], resources: Resources) -> bool:
        return not avoided or places(cluster.present_nodes(avoided), resources) > 0


def nothing_prepared() -> tuple[int, str]:
    """Say that no place waits for a setup."""
    return 0, ""


@dataclass(slots=True)
class PlaceWatch:
    """Says what is waited for, and why."""

    resources: Callable[[], Resources]
    """Says what the next trial takes, and where."""
    tickets: Tickets
    tell: Callable[[AwaitedPlaces], None]
    """Takes what changed."""
    others: Callable[[], int] = lambda: 0
    """How many other sweeps want places on the cluster."""
    shortage: Callable[[Resources], Shortage] = shortage
    """Says why there is no place."""
    preparing: Callable[[], tuple[int, str]] = nothing_prepared
    """Says how many places wait for a setup of their nodes, and in words where it runs."""
    _told: AwaitedPlaces = NOTHING_AWAITED
    _told_at: float = field(default=float("-inf"))

    def look(self, now: float) -> None:
        """Tell, if due at `now` in monotonic seconds, what the tickets wait for."""
        waiting, starting = self.tickets.waiting, self.tickets.starting
        waits = len(waiting) if any(now - ticket.asked_at >= SETTLE_S for ticket in waiting) else 0
        starts = sum(
            1 for ticket in starting if ticket.has_place_at is not None and now - ticket.has_place_at >= SETTLE_S
        )
        prepared, where = (0, "") if waits else self.preparing()
        is_news = (waits + prepared > 0) != (self._told.waiting > 0)
        if not is_news and now - self._told_at < CHANGE_S:
            return
        short = self.shortage(self.resources()) if waits else Shortage(where if prepared else "", is_hopeless=False)
        others = self.others() if waits else 0
        turns = f"; {wording.counted(others, 'other sweep')} take turns here" if others else ""
        found = AwaitedPlaces(waits or prepared, f"{short.why}{turns}", short.is_hopeless, starts)
        if found != self._told:
            self._told, self._told_at = found, now
            self.tell(found)
