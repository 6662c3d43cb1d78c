"""How many machines a sweep fills, and how large each is: from `resources` alone, for launchers that ask for machines.

parts     a trial has `resources.nodes`, and `max_concurrent` trials run at once
a node    holds as many parts as its GPUs do (of `gpus_per_node`, where that is told), without GPUs as its CPUs do
nodes     as many as hold all parts
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator.errors import UsageError
from orchestrator.launchers import Submission
from orchestrator.sweep.resources import Resources

CPUS_PER_NODE = 16
"""CPUs that are taken of one node for trials without GPUs, unless it is told how many it has."""


@dataclass(frozen=True, slots=True)
class MachineShape:
    """Machines of one size."""

    nodes: int
    """How many."""
    cpus: int
    """CPUs of each."""
    gpus: int
    """GPUs of each."""
    memory: int | None
    """Bytes of memory of each; None where nobody asks for any."""
    parts: int
    """How many parts of trials one holds."""


def shape_of(resources: Resources, where: str, gpus_per_node: int | None, cpus_per_node: int | None) -> MachineShape:
    """Return what is to be asked for; `where` is the key whose `gpus_per_node` that is, for messages.

    Raises UsageError where it is not said how many trials run at once, and where a node is too small for a part.
    """
    if resources.max_concurrent is None:
        raise UsageError(
            "resources.max_concurrent is not set, and machines are asked for by it: say how many trials run at once, "
            "e.g. resources.max_concurrent=8"
        )
    cpus, gpus = resources.each
    parts = resources.max_concurrent * resources.nodes
    if gpus:
        held = gpus_per_node or math.ceil(gpus)
        each = int(held / gpus + 1e-4) if gpus >= 1 else held * int(1 / gpus + 1e-4)
        has, takes = f"{where}.gpus_per_node {held}", f"{gpus:g} GPUs"
    else:
        held = cpus_per_node or max(CPUS_PER_NODE, math.ceil(cpus))
        each = int(held / cpus + 1e-4)
        has, takes = f"{where}.cpus_per_node {held}", f"{cpus:g} CPUs"
    if not each:
        raise UsageError(
            f"{has}: a trial takes {takes} on one node; lower that, or set resources.nodes: it then comes in parts"
        )
    each = min(each, parts)
    nodes = math.ceil(parts / each)
    if resources.spread and nodes < resources.nodes:
        nodes, each = resources.nodes, math.ceil(parts / resources.nodes)
    memory = None if resources.memory is None else math.ceil(resources.memory / resources.nodes * each)
    whole = math.ceil(gpus * each) if gpus >= 1 else _shared(gpus, each)
    return MachineShape(nodes, max(1, math.ceil(cpus * each)), whole, memory, each)


def refuse_unknown(submission: Submission, cluster: str, *, places_by: str) -> None:
    """Raise UsageError for conditions that a cluster of this kind, started for the sweep alone, cannot meet.

    `places_by` says what to write instead.
    """
    resources = submission.resources
    if submission.other_kinds:
        raise UsageError(
            f"{cluster} is asked for machines of one kind, and {' and '.join(submission.other_kinds)} asks for another"
            "; send the sweep to a Ray cluster that has both (--address), or remove that"
        )
    for key, asked in (("labels", resources.labels), ("custom", resources.custom), ("within", resources.within)):
        if asked:
            raise UsageError(
                f"resources.{key}: {cluster} starts a Ray of the sweep's own, whose nodes have none; {places_by}, or "
                "send the sweep to a Ray cluster that has it (--address)"
            )


def _shared(gpus: float, parts: int) -> int:
    """Return how many GPUs that many parts share, of which each holds as many whole parts as fit."""
    return math.ceil(parts / int(1 / gpus + 1e-4)) if gpus else 0
