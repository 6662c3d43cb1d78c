"""Tickets: places that the cluster is asked for before it is known what is to run there.

    waiting     asked for; the cluster has set no room aside
    starting    there is room, and the worker process starts in it
    ready       the worker is there: whoever is next takes it

A ticket is no trial. What runs on it is decided once its worker is ready, from all that was reported by then; and the
worker of a trial that ended becomes a ready ticket where workers are used again. So a place that is there is used by
the next who comes, whichever was asked for first. (Ray Tune binds trials to actors when it asks for them: it gives a
worker that became free to a trial that waits, and kills the one that is starting for that trial, over and over.)
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from ray.air.execution._internal.tracked_actor import TrackedActor
from ray.tune import PlacementGroupFactory
from ray.util import placement_group_table

from orchestrator import wording
from orchestrator.ray.host.actors import ActorManager
from orchestrator.ray.host.unready import Unready, UnreadyInARow
from orchestrator.ray.worker.ahead import UNUSABLE
from orchestrator.ray.worker.outcomes import classify

IDLE_S = 5.0
"""How long a worker that may be used again is kept while nothing can be started: what runs may end at any moment."""


class WorkerKind(NamedTuple):
    """What a ticket's worker is made of."""

    actor_class: Any
    """Ray's class of actors."""
    kwargs: Callable[[int], dict[str, Any]]
    """What it is made with, by the ticket's number."""


class TicketHooks(NamedTuple):
    """What whoever holds tickets does for them."""

    dismiss: Callable[[TrackedActor], None]
    """End a worker in order."""
    on_stop: Callable[[TrackedActor], None]
    """Called once a worker has ended, on a ticket or not."""
    on_error: Callable[[TrackedActor, Exception], None]
    """Called where a worker died, on a ticket or not; `Tickets.on_failure` knows which."""
    say: Callable[[str], None]
    """Tell a person of a worker that never got ready."""
    give_up: Callable[[str], None]
    """Called with why, once too many in a row never did."""
    alive: Callable[[], Collection[str]]
    """Returns Ray's ids of the nodes that are there."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One place that was asked for. Moments are monotonic seconds."""

    actor: TrackedActor
    request: PlacementGroupFactory
    """What was asked for."""
    asked_at: float
    has_place_at: float | None = None
    """When there was room; None while it waits."""
    ready_at: float | None = None
    """When its worker was ready, or was free again; None before."""
    node: str = ""
    """Ray's id of the node on which its worker starts; none while it waits."""


class Tickets:
    """The tickets of one driver, oldest first."""

    def __init__(
        self, manager: ActorManager, worker: WorkerKind, hooks: TicketHooks, start_s: float, missed_s: float = 0.0
    ) -> None:
        """Ask `manager` for workers, who failed if not ready `start_s` seconds after their place was (0: never).

        `missed_s` seconds after a node left Ray knows.
        """
        self._manager = manager
        self._worker = worker
        self._hooks = hooks
        self._start_s = start_s
        self._tickets: list[Ticket] = []
        self.began: Counter[str] = Counter()
        """How many places began to start a worker so far, by Ray's id of their node."""
        self._number = 0
        self._unready = UnreadyInARow(missed_s)

    def __len__(self) -> int:
        return len(self._tickets)

    @property
    def waiting(self) -> list[Ticket]:
        """Those without room."""
        return [ticket for ticket in self._tickets if ticket.has_place_at is None]

    @property
    def starting(self) -> list[Ticket]:
        """Those whose worker process is starting."""
        return [t for t in self._tickets if t.has_place_at is not None and t.ready_at is None]

    @property
    def ready(self) -> list[Ticket]:
        """Those whose worker is there."""
        return [ticket for ticket in self._tickets if ticket.ready_at is not None]

    def look(self, now: float) -> None:
        """Take note of the places that are there, and give up on workers that take too long to start."""
        for ticket in self.waiting:
            if self._manager.is_actor_started(ticket.actor):
                ticket.has_place_at = self._manager.room_since(ticket.actor)
                ticket.node = self._manager.node_of(ticket.actor)
                self.began[ticket.node] += 1
        for ticket in self.starting if self._start_s else ():
            assert ticket.has_place_at is not None
            if now - ticket.has_place_at >= self._start_s:
                self.give_back(ticket)
                limit = wording.duration(self._start_s)
                self._failed(ticket, f"a worker was not ready {limit} after its place was (limits.start)")
        if self._unready.is_due(now) and (why := self._unready.verdict(now, self._hooks.alive())) is not None:
            self._hooks.give_up(why)

    def ask(self, number: int, request: PlacementGroupFactory, now: float) -> None:
        """Have `number` tickets; what is asked for from now on is `request`, and no other place is waited for."""
        stale = [ticket for ticket in self.waiting if ticket.request != request]
        for ticket in stale:
            self.give_back(ticket)
        while len(self._tickets) < number and now >= self._unready.again_at:
            self._number += 1
            actor = self._manager.add_actor(
                self._worker.actor_class,
                self._worker.kwargs(self._number),
                request,
                on_start=self._on_ready,
                on_stop=self._hooks.on_stop,
                on_error=self._hooks.on_error,
            )
            self._tickets.append(Ticket(actor, request, now))

    def shrink(self, number: int, *, idle_since: float | None = None) -> None:
        """Give tickets back until there are `number`: what waits first, then what starts, what is ready last.

        Where `idle_since` is given, ready ones are kept that were busy until after that moment.
        """
        spare = [*reversed(self.waiting), *reversed(self.starting)]
        ready = self.ready
        spare += [t for t in ready if idle_since is None or (t.ready_at is not None and t.ready_at <= idle_since)]
        for ticket in spare[: max(0, len(self._tickets) - number)]:
            self.give_back(ticket)

    def take(self, ticket: Ticket) -> None:
        """Take a ready ticket: somebody runs there now."""
        self._tickets.remove(ticket)

    def add_free(self, actor: TrackedActor, request: PlacementGroupFactory, now: float) -> None:
        """Add the worker of somebody who ended: it is ready for the next."""
        self._tickets.append(Ticket(actor, request, now, now, now))

    def give_back(self, ticket: Ticket) -> None:
        """Give one back: nothing is to run there."""
        self._tickets.remove(ticket)
        if ticket.ready_at is not None:
            self._hooks.dismiss(ticket.actor)
        else:
            self._manager.remove_actor(ticket.actor, kill=True)  # where it was only asked for, that takes it back

    def nodes(self, ticket: Ticket) -> frozenset[str]:
        """Return Ray's ids of the nodes that a ticket's place lies on; none before there is room."""
        held = self._manager.get_actor_resources(ticket.actor)
        table = {} if held is None else placement_group_table(held.placement_group)
        return frozenset(table.get("bundles_to_node_id", {}).values())

    def on_failure(self, actor: TrackedActor, exception: Exception) -> bool:
        """Take note that a worker died; False where it is nobody's ticket."""
        ticket = self._of(actor)
        if ticket is None:
            return False
        self._tickets.remove(ticket)
        if UNUSABLE in str(exception):  # the next process is not like that
            return True
        self._failed(ticket, f"a worker ended before a trial was on it: {classify(exception)[1]}")
        return True

    def _on_ready(self, actor: TrackedActor) -> None:
        ticket = self._of(actor)
        if ticket is not None:
            now = time.monotonic()
            ticket.has_place_at, ticket.ready_at = ticket.has_place_at or now, now
            self._unready.clear()

    def _of(self, actor: TrackedActor) -> Ticket | None:
        return next((ticket for ticket in self._tickets if ticket.actor is actor), None)

    def _failed(self, ticket: Ticket, text: str) -> None:
        self._unready.add(Unready(time.monotonic(), ticket.node, text))
        self._hooks.say(text)
