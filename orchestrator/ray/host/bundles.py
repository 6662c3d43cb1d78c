"""What is asked of Ray for the place of one trial: a bundle for each of its parts, and how they are to lie on nodes."""

from __future__ import annotations

from orchestrator.sweep.resources import Resources


def bundles_of(resources: Resources) -> list[dict[str, float]]:
    """Return what each part takes."""
    cpus, gpus = resources.each
    return [{kind: amount for kind, amount in (("CPU", cpus), ("GPU", gpus)) if amount}] * resources.nodes


def strategy_of(resources: Resources) -> str:
    """Return the strategy of its placement group."""
    return "STRICT_SPREAD" if resources.spread else "PACK"
