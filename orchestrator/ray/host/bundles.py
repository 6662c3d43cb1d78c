"""What is asked of Ray for the place of one trial: a bundle for each of its parts, and how they are to lie on nodes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from orchestrator.sweep.resources import Resources


def bundles_of(resources: Resources) -> list[dict[str, float]]:
    """Return what each part takes."""
    cpus, gpus = resources.each
    return [{kind: amount for kind, amount in (("CPU", cpus), ("GPU", gpus)) if amount}] * resources.nodes


def away_from(avoided: Collection[str], bundles: int) -> dict[str, Any]:
    """Return what keeps a placement group of so many bundles off the nodes whose ids are `avoided`."""
    if not avoided:
        return {}
    selector = {"ray.io/node-id": f"!in({','.join(sorted(avoided))})"}
    return {"bundle_label_selector": [selector] * bundles}


def strategy_of(resources: Resources) -> str:
    """Return the strategy of its placement group."""
    return "STRICT_SPREAD" if resources.spread else "PACK"
