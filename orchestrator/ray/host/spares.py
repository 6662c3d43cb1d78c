"""Worker processes that wait, warm, for trials: of a Ray of our own, started before there is a place for them.

A worker's process takes seconds to start and to import what a training imports. Where Ray starts it once its place is
there, that place is held, and paid for, meanwhile. But Ray's raylet also starts processes that nobody has asked for an
actor yet (`PrestartWorkers`), and gives one of them to the next actor that gets its place, in a tenth of a second: a
process of its own for each attempt, which got its GPUs before it ran a line of the user's. A place is not asked for
before a process is ready to start there.

How many there are is counted, not asked for: what was asked for, less the workers that began. One that died unseen is
missed once, by a worker that starts as it would without any.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import ray
from ray._common.utils import get_system_memory
from ray._private.utils import get_used_memory
from ray.core.generated import common_pb2, node_manager_pb2, node_manager_pb2_grpc, runtime_environment_pb2

from orchestrator.ray.worker.ahead import ready

if TYPE_CHECKING:
    from orchestrator.ray.host.tickets import Tickets  # Ray Tune, which is imported once Ray is up

LEAST_FREE_BYTES = 4 * 2**30
"""With less memory than this left on the machine no process waits."""
KEPT_S = 30 * 86400
"""How long Ray keeps one that nobody takes; it ends with Ray in any case."""
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
    began: int
    """Workers that began to start so far."""
    reused: bool
    """Whether a worker runs one trial after another."""


def next_workers(now: WorkersNow, *, is_first_run: bool) -> int:
    """Say how many workers will be started next: for places that have none, and where each trial has its own, for all.

    While nothing but the baseline may be started it is not known yet how many are left.
    """
    coming = now.places if is_first_run else min(now.places, now.left - now.there)
    return max(0, min(coming, now.places - now.working - now.there) if now.reused else coming)


class Spares:
    """The waiting processes of one driver on this machine."""

    def __init__(self, of_one: int = 1) -> None:
        """Have none yet; each attempt takes `of_one`."""
        self.is_first_run: Callable[[], bool] = lambda: False
        """Says whether nothing but the baseline may be started."""
        self._of_one = of_one
        self._asked = 0
        self._asked_at = 0.0
        self._owed: Any = None
        node = next(node for node in ray.nodes() if node["NodeID"] == ray.get_runtime_context().get_node_id())
        self._channel = grpc.insecure_channel(f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}")
        self._raylet = node_manager_pb2_grpc.NodeManagerServiceStub(self._channel)

    def begin(self, places: int) -> None:
        """Start the first, for the baseline, and others as far as there are cores for them beside it."""
        self._start(min(places, max(1, (os.cpu_count() or 1) // 2)))

    def keep(self, now: WorkersNow) -> None:
        """Have processes waiting for the workers that come next; none more before the first worker has begun.

        With little memory left none is started.
        """
        self._asked = max(self._asked, now.began)  # a worker that found none had one started for it
        missing = next_workers(now, is_first_run=self.is_first_run()) - (self._asked - now.began)
        is_owed = self._owed is not None and not self._owed.done()
        if now.began and missing > 0 and not is_owed and get_system_memory() - get_used_memory() >= LEAST_FREE_BYTES:
            self._start(missing)

    def within_reach(self, number: int, tickets: Tickets, now: float) -> int:
        """Return how many tickets, up to `number`, there may be at `now`, monotonic seconds: those that find a process.

        Where none is on its way any more there is no limit.
        """
        taken = tickets.began + len(tickets.waiting)
        if len(tickets) >= number or self._asked <= taken or now - self._asked_at >= PATIENCE_S:
            return number
        return min(number, len(tickets) + max(0, ready() // self._of_one - taken))

    def close(self) -> None:
        """Ask for nothing any more."""
        self._channel.close()

    def _start(self, number: int) -> None:
        self._asked += number
        self._asked_at = time.monotonic()
        self._owed = self._raylet.PrestartWorkers.future(
            node_manager_pb2.PrestartWorkersRequest(
                language=common_pb2.PYTHON,
                job_id=bytes.fromhex(ray.get_runtime_context().get_job_id()),
                runtime_env_info=runtime_environment_pb2.RuntimeEnvInfo(serialized_runtime_env="{}"),
                keep_alive_duration_secs=KEPT_S,
                num_workers=number * self._of_one,
            ),
            timeout=ANSWER_S,
        )
