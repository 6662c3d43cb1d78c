"""The room that a ticket waits for: a placement group of Ray's, asked after rather than waited for.

Tune waits for a group by a task of Ray's that runs in it, and for each such task Ray takes or starts a process that it
never gives to an actor afterwards: of the processes that come up with Ray half went that way, and the second worker of
every sweep had to be started while its place was held and paid for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from ray.air.execution import PlacementGroupResourceManager
from ray.air.execution.resources.request import AcquiredResources, ResourceRequest
from ray.util import placement_group_table, remove_placement_group
from ray.util.placement_group import PlacementGroup
from typing_extensions import override

LOOK_S = 0.1
"""How often it is asked whether a group has its room, where few wait."""
LOOK_EACH_S = 0.01
"""The same for each that waits: each is a question of its own, and a full cluster may be waited for for days."""


class PlaceGroups(PlacementGroupResourceManager):
    """Tune's, without its tasks."""

    def __init__(self, update_interval_s: float = LOOK_S) -> None:
        super().__init__(update_interval_s)
        self.since: dict[PlacementGroup, float] = {}
        """Since when groups have had their room, as far as it was seen that they have, monotonic seconds."""
        self.nodes: dict[PlacementGroup, str] = {}
        """On which node, by Ray's id, the first part of such a group lies."""
        self._asked_at: dict[PlacementGroup, float] = {}
        self.on_unused: Callable[[float], None] = lambda _: None
        """Takes for how many seconds a group held room in which nothing was started."""

    @override
    def request_resources(self, resource_request: ResourceRequest) -> None:
        """Ask for a group."""
        group = resource_request.to_placement_group()
        self._asked_at[group] = time.monotonic()
        self._pg_to_request[group] = resource_request
        self._request_to_staged_pgs[resource_request].add(group)

    @override
    def update_state(self) -> None:
        """Look which of the groups that were asked for have their room."""
        waiting = [(request, group) for request, groups in self._request_to_staged_pgs.items() for group in groups]
        for request, group in waiting:
            table = placement_group_table(group)
            if table.get("state") == "CREATED":
                self._request_to_staged_pgs[request].remove(group)
                self._request_to_ready_pgs[request].add(group)
                took_s = table.get("stats", {}).get("end_to_end_creation_latency_ms", math.inf) / 1000
                self.since[group] = min(time.monotonic(), self._asked_at.pop(group) + took_s)
                self.nodes[group] = next(iter(table.get("bundles_to_node_id", {}).values()), "")
        self.update_interval_s = max(LOOK_S, LOOK_EACH_S * len(waiting))
        self._last_update = time.monotonic()

    @override
    def cancel_resource_request(self, resource_request: ResourceRequest) -> None:
        """Take a group back, one that waits before one that has its room."""
        group = (self._request_to_staged_pgs[resource_request] or self._request_to_ready_pgs[resource_request]).pop()
        self._pg_to_request.pop(group)
        remove_placement_group(group)
        self._asked_at.pop(group, None)
        self.nodes.pop(group, None)
        if (since := self.since.pop(group, None)) is not None:
            self.on_unused(time.monotonic() - since)

    @override
    def free_resources(self, acquired_resource: AcquiredResources) -> None:
        """Give back a group in which something was started."""
        self.since.pop(acquired_resource.placement_group, None)
        self.nodes.pop(acquired_resource.placement_group, None)
        super().free_resources(acquired_resource)
