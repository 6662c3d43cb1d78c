"""Worker processes that wait, warm, for trials, started before there is a place for them.

A worker's process takes seconds to start and to import what a training imports. Where Ray starts it once its place is
there, that place is held, and paid for, meanwhile. But Ray's raylet also starts processes that nobody has asked for an
actor yet (`PrestartWorkers`), and gives one of them to the next actor that gets its place, in a tenth of a second: a
process of its own for each attempt, which got its GPUs before it ran a line of the user's. A place is not asked for
before a process is ready to start there.

How many there are on a node is counted, not asked for: what was asked for, less the workers that began there. One that
died unseen is missed once, by a worker that starts as it would without any. On a cluster that is joined nobody knows
which node's place is next: processes wait where places of ours are, as many, and then where there is room for trials.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import ray
from ray._private import worker as ray_worker
from ray._private.grpc_utils import init_grpc_channel
from ray.core.generated import common_pb2, node_manager_pb2, node_manager_pb2_grpc

from orchestrator.ray.worker import ahead
from orchestrator.sweep.resources import Resources

if TYPE_CHECKING:
    from orchestrator.ray.host.tickets import Tickets  # Ray Tune, which is imported once Ray is up

KEPT_S = 30 * 86400
"""How long Ray keeps one that nobody takes; it ends with Ray in any case."""
LOOK_S = 0.5
"""How often it is looked what is missing."""
UNBOUNDED = 10_000
"""Room for more trials than any sweep has at once."""
ANSWER_S = 30.0
"""How long Ray's raylet may take to answer."""
PATIENCE_S = 60.0
"""A process that is not ready so long after it was asked for is waited for no more: a place is asked for without it."""


class WorkersNow(NamedTuple):
    """A driver's places and workers at one moment."""

    places: int
    """Most trials at once."""
    left: int
    """Trials that could be started, had each a place."""
    working: int
    """Workers that run a trial."""
    there: int
    """Workers that start, or are ready for a trial."""
    began: Mapping[str, int]
    """Workers that began to start so far, by Ray's id of their node."""
    held: Mapping[str, int]
    """Places that are held now, by the same."""
    reused: bool
    """Whether a worker runs one trial after another."""


def next_workers(now: WorkersNow, *, is_first_run: bool) -> int:
    """Say how many workers will be started next: for places that have none, and where each trial has its own, for all.

    While nothing but the baseline may be started it is not known yet how many are left.
    """
    coming = now.places if is_first_run else min(now.places, now.left - now.there)
    return max(0, min(coming, now.places - now.working - now.there) if now.reused else coming)


def dealt(number: int, rooms: Mapping[str, int], held: Mapping[str, int], *, reused: bool) -> Counter[str]:
    """Deal that many processes to the nodes that hold `rooms` trials each, of which `held` are ours.

    Where each trial has its own, the next on a place of ours will be on its node, so those come first, and none has
    more than it holds trials. Where workers are used again they are needed on places that have none.
    """
    most = {node: room - held.get(node, 0) if reused else room for node, room in rooms.items()}
    first = {node: 0 if reused else min(held.get(node, 0), room) for node, room in rooms.items()}
    given = Counter[str]()
    for _ in range(number):
        open_ = [node for node in rooms if given[node] < most[node]]
        if not open_:
            break
        given[min(open_, key=lambda node: (given[node] >= first[node], given[node] - most[node], node))] += 1
    return given


@dataclass(slots=True)
class _Raylet:
    """A node's own process, which starts workers there."""

    stub: Any
    channel: Any
    asked: int = 0
    """How many were asked for so far."""
    owed: Any = None
    """The last answer, which may be still to come."""

    @property
    def is_owed(self) -> bool:
        return self.owed is not None and not self.owed.done()


def this_node(_resources: Resources) -> dict[str, int]:
    """Say that there is this node alone, with room for all."""
    return {ray.get_runtime_context().get_node_id(): UNBOUNDED}


@dataclass
class Spares:
    """The waiting processes of one driver."""

    rooms: Callable[[Resources], Mapping[str, int]] = this_node
    """Says how many trials more each node could hold, by Ray's id."""
    of_one: int = 1
    """How many each attempt takes."""
    is_first_run: Callable[[], bool] = lambda: False
    """Says whether nothing but the baseline may be started."""
    _raylets: dict[str, _Raylet] = field(default_factory=dict)
    _asked_at: float = 0.0
    _looked_at: float = float("-inf")

    def begin(self, places: int, resources: Resources) -> None:
        """Start the first, for the baseline, and others as far as there are cores for them beside it."""
        rooms = self.rooms(resources)
        number = min(places, max(len(rooms), (os.cpu_count() or 1) // 2))
        self._start(dealt(number, rooms, {}, reused=False))

    def keep(self, now: WorkersNow, resources: Resources) -> None:
        """Have processes waiting for the workers that come next; none more before the first worker has begun.

        None is started on a node that has not answered yet, nor here with little memory left.
        """
        moment = time.monotonic()
        for node, began in now.began.items():  # a worker that found none had one started for it
            if node in self._raylets:
                self._raylets[node].asked = max(self._raylets[node].asked, began)
        if not now.began or moment - self._looked_at < LOOK_S or not ahead.has_memory():
            return
        self._looked_at = moment
        rooms = Counter(self.rooms(resources)) + Counter(now.held)
        coming = next_workers(now, is_first_run=self.is_first_run())
        wanted = dealt(coming, rooms, now.held, reused=now.reused)
        self._start(Counter({node: number - self._waiting(node, now.began) for node, number in wanted.items()}))

    def within_reach(self, number: int, tickets: Tickets, now: float) -> int:
        """Return how many tickets, up to `number`, there may be at `now`, monotonic seconds: those that find a process.

        Where none is on its way any more there is no limit.
        """
        taken = tickets.began.total() + len(tickets.waiting)
        asked = sum(raylet.asked for raylet in self._raylets.values())
        if len(tickets) >= number or asked <= taken or now - self._asked_at >= PATIENCE_S:
            return number
        return min(number, len(tickets) + max(0, ahead.ready() // self.of_one - taken))

    def close(self) -> None:
        """Ask for nothing any more."""
        for raylet in self._raylets.values():
            raylet.channel.close()

    def _waiting(self, node: str, began: Mapping[str, int]) -> int:
        return self._raylets[node].asked - began.get(node, 0) if node in self._raylets else 0

    def _start(self, wanted: Mapping[str, int]) -> None:
        """Have so many more started on each node, by Ray's id; none where that is not above 0, or one is still owed."""
        missing = {node: number for node, number in wanted.items() if number > 0}
        for node in set(missing) - set(self._raylets):
            self._raylets |= _raylets({node})
        for node, number in missing.items():
            if node in self._raylets and not self._raylets[node].is_owed:
                self._ask(self._raylets[node], number)

    def _ask(self, raylet: _Raylet, number: int) -> None:
        raylet.asked += number
        self._asked_at = time.monotonic()
        worker = ray_worker.global_worker
        raylet.owed = raylet.stub.PrestartWorkers.future(
            node_manager_pb2.PrestartWorkersRequest(
                language=common_pb2.PYTHON,
                job_id=bytes.fromhex(ray.get_runtime_context().get_job_id()),
                runtime_env_info=worker.core_worker.get_job_config().runtime_env_info,  # or no actor would take one
                keep_alive_duration_secs=KEPT_S,
                num_workers=number * self.of_one,
            ),
            timeout=ANSWER_S,
        )


def _raylets(nodes: set[str]) -> dict[str, _Raylet]:
    """Return those of the living nodes among `nodes`, by Ray's id."""
    found = {}
    for node in ray.nodes():
        if node["Alive"] and node["NodeID"] in nodes:
            channel = init_grpc_channel(f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}")
            found[node["NodeID"]] = _Raylet(node_manager_pb2_grpc.NodeManagerServiceStub(channel), channel)
    return found
