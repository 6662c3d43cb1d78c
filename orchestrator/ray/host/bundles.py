"""What is asked of Ray for the place of one trial: a bundle for each of its parts, and how they are to lie on nodes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from orchestrator.ray.host.machines import ACCELERATOR, ACCELERATOR_SHARE
from orchestrator.sweep.resources import Resources

NODE_ID = "ray.io/node-id"
"""Ray's label of every node; as a key of a topology, the nodes themselves."""


def bundles_of(resources: Resources) -> list[dict[str, float]]:
    """Return what each part takes."""
    cpus, gpus = resources.each
    amounts = {"CPU": cpus, "GPU": gpus, "memory": (resources.memory or 0) / resources.nodes}
    amounts |= {name: amount / resources.nodes for name, amount in (resources.custom or {}).items()}
    if resources.accelerator_named is not None:
        amounts[ACCELERATOR + resources.accelerator_named] = ACCELERATOR_SHARE
    return [{kind: amount for kind, amount in amounts.items() if amount}] * resources.nodes


def how_placed(resources: Resources, avoided: Collection[str] = ()) -> dict[str, Any]:
    """Return how its placement group is to lie: the labels of its nodes, which are none of those `avoided` by id."""
    strategy = "STRICT_SPREAD" if resources.spread else "PACK"
    if resources.within is None:
        lie: dict[str, Any] = {"strategy": strategy}
    else:  # Ray knows one of the two: a strategy over nodes, or one for each label
        lie = {"strategy": None, "topology_strategy": {NODE_ID: strategy, resources.within: "STRICT_PACK"}}
    selector = resources.selectors
    if avoided:
        selector[NODE_ID] = f"!in({','.join(sorted(avoided))})"
    return lie | ({"bundle_label_selector": [selector] * resources.nodes} if selector else {})
