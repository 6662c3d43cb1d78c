"""Whether an autoscaler adds nodes to this cluster, and whether it would for a trial that no present node can hold.

Ray's own autoscalers tell nobody which nodes they may add. They do tell, every few seconds, what they are starting: so
the way to know is to ask for a trial's place, and to see whether anything is started for it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

import ray
from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
from ray.autoscaler.v2.sdk import get_cluster_status
from ray.autoscaler.v2.utils import is_autoscaler_v2
from ray.experimental.internal_kv import _internal_kv_get
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

from orchestrator.ray.host.bundles import bundles_of, how_placed
from orchestrator.ray.host.own_ray import is_own
from orchestrator.sweep.resources import Resources

GROWS = "STEPLADDER_CLUSTER_GROWS"
"""Environment variable that says that whoever started this cluster adds nodes where places are waited for."""
FIRST_S = 15.0
"""How long a cluster that has just begun is given to say that it has an autoscaler: the first word comes after 5 s."""
ANSWER_S = 60.0
"""How long an autoscaler may take over its answer; they look at what is asked for every 5 s."""
LOOKS = 3
"""Looks of the autoscaler at what is asked for after which it starts a node or never will."""
_LOOK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class AutoscalerReading:
    """What an autoscaler told last."""

    number: float
    """Which look at the cluster that was; grows."""
    types: frozenset[str]
    """Names of the living nodes' types."""
    is_starting: bool
    """Whether nodes are being started."""

    def is_of(self, node_ids: Iterable[str]) -> bool:
        """Say whether the teller only describes the nodes of a cluster of fixed size: each a type of its own."""
        return bool(self.types) and self.types <= {f"node_{node_id}" for node_id in node_ids}


def is_at_work(patience_s: float = 0.0) -> bool:
    """Say whether an autoscaler may add nodes to this cluster; one that has not spoken yet is waited for.

    A Ray of our own has none. Where a job script adds nodes (`GROWS`), it is at work, whatever Ray knows of it.
    """
    if is_own():
        return False
    if os.environ.get(GROWS):
        return True
    look = _look()
    deadline = time.monotonic() + patience_s
    while look is None and time.monotonic() < deadline:
        time.sleep(_LOOK_AGAIN_S)
        look = _look()
    return look is not None and not look.is_of(node["NodeID"] for node in ray.nodes())


def would_hold(resources: Resources) -> bool:
    """Ask the autoscaler, if there is one, for the place of a trial; say whether it makes room for it.

    That takes 5 to 25 s. What it starts for the question is there for the sweep.
    """
    if os.environ.get(GROWS):
        return True  # whoever adds them was asked for nodes of this size
    if not is_at_work(FIRST_S):
        return False
    group = placement_group(bundles_of(resources), **how_placed(resources))
    try:
        return _is_answered(group)
    finally:
        remove_placement_group(group)


def _is_answered(group: PlacementGroup) -> bool:
    looks = set[float]()
    deadline = time.monotonic() + ANSWER_S
    while len(looks) <= LOOKS and time.monotonic() < deadline:  # the first look was before the question
        if group.wait(_LOOK_AGAIN_S):
            return True
        look = _look()
        if look is not None:
            looks.add(look.number)
            if look.is_starting:
                return True
    return False


def _look() -> AutoscalerReading | None:
    if is_autoscaler_v2():
        status = get_cluster_status(ray.get_runtime_context().gcs_address)
        types = frozenset(node.ray_node_type_name for node in [*status.active_nodes, *status.idle_nodes])
        number = int(status.stats.autoscaler_version or 0)
        return (
            AutoscalerReading(number, types, bool(status.pending_launches or status.pending_nodes)) if number else None
        )
    told = _internal_kv_get(DEBUG_AUTOSCALING_STATUS)
    report = json.loads(told) if told else {}
    if "autoscaler_report" not in report:
        return None
    nodes = report["autoscaler_report"]
    is_starting = bool(nodes["pending_launches"] or nodes["pending_nodes"])
    return AutoscalerReading(report["time"], frozenset(nodes["active_nodes"]), is_starting)
