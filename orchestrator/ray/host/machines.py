"""What nodes have, which of them a trial may lie on, and how many trials they hold: arithmetic over descriptions.

A node **qualifies** where it meets every condition of `resources` and is large enough for a part of a trial, were it
empty. Ray places by the same conditions; what is said here is said before it is asked, in words.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator import wording
from orchestrator.sweep.machines import selects
from orchestrator.sweep.resources import Resources

ACCELERATOR = "accelerator_type:"
"""What Ray puts before an accelerator's name to make it a resource of its nodes, of which each has 1."""
ACCELERATOR_SHARE = 0.001
"""How much of that a trial takes on a node, as Ray's own `accelerator_type` does: it marks, and limits nothing."""
PRECISION = 1e-4
"""Ray counts resources in ten-thousandths."""
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Nodes:
    """A kind of node."""

    cpus: float
    """CPUs of one."""
    gpus: float
    """GPUs of one."""
    count: int = 1
    """How many there are, or may be."""
    memory: float = 0.0
    """Memory of one that Ray has to give, in bytes."""
    others: Mapping[str, float] = field(default_factory=dict)
    """Everything else that Ray has to give there, by name."""
    labels: Mapping[str, str] | None = None
    """Its labels; None where nobody tells them, as of nodes that an autoscaler may add."""
    names: tuple[str, ...] = ()
    """What it may be called by: the name for people first, Ray's id last; none where there is no such node yet."""

    @property
    def node_id(self) -> str:
        """Ray's id of a node that is there."""
        return self.names[-1]

    @property
    def runs_trials(self) -> bool:
        """Whether it has any CPU or GPU to give."""
        return self.cpus > 0 or self.gpus > 0

    @classmethod
    def holding(
        cls, held: Mapping[str, float], count: int = 1, labels: Mapping[str, str] | None = None,
        names: tuple[str, ...] = (),
    ) -> Nodes:  # fmt: skip
        """Return what has such resources, by Ray's names."""
        others = {name: amount for name, amount in held.items() if name not in ("CPU", "GPU", "memory")}
        amounts = held.get("CPU", 0.0), held.get("GPU", 0.0), count, held.get("memory", 0.0)
        return cls(*amounts, others, labels, names)


def places(nodes: Sequence[Nodes], resources: Resources) -> int:
    """Count the trials that those of `nodes` that qualify hold at once. A GPU is shared by trials that fit on it.

    A trial of n parts that is spread takes one on each of n different nodes. So t trials fit exactly if n * t parts do
    while no node takes more than t of them. Where its nodes have a label alike, it lies on those of one value.
    """
    fit = [node for node in nodes if next(_conditions(node, resources), None) is None]
    if resources.within is None or resources.nodes == 1:
        return _places(fit, resources)
    alike = defaultdict(list)
    for node in fit:
        alike[None if node.labels is None else node.labels[resources.within]].append(node)
    return sum(_places(group, resources) for group in alike.values())


def qualify(node: Nodes, resources: Resources) -> bool:
    """Say whether a part of a trial could lie on such a node, were it empty."""
    return next(unmet(node, resources), None) is None


def unmet(node: Nodes, resources: Resources) -> Iterator[str]:
    """Yield what a node lacks for a part of a trial: `no accelerator A100`, `2 GPUs instead of 4`."""
    yield from _conditions(node, resources)
    cpus, gpus = resources.each
    if node.cpus + PRECISION < cpus:
        yield f"{node.cpus:g} CPUs instead of {cpus:g}"
    if node.gpus + PRECISION < gpus:
        yield f"{node.gpus:g} GPUs instead of {gpus:g}"


def has_conditions(resources: Resources) -> bool:
    """Say whether a trial asks for more than CPUs and GPUs."""
    asks = resources.accelerator_named, resources.memory, resources.custom, resources.selectors, resources.avoid
    return any(asks) or resources.within is not None


def qualifying(nodes: Sequence[Nodes], resources: Resources) -> str:
    """Say which of the nodes that are there qualify: `2 of 5 nodes qualify: gpu1, gpu2`."""
    fit = [node.names[0] for node in nodes if node.names and qualify(node, resources)]
    there = f"{len(fit)} of {wording.counted(len(nodes), 'node')} {'qualifies' if len(fit) == 1 else 'qualify'}"
    return f"{there}: {wording.first_of(fit)}" if fit else there


def infeasible(present: Sequence[Nodes], declared: Sequence[Nodes], resources: Resources) -> str:
    """Say what a trial asks for, what the nodes have, or lack of it, and what to do."""
    nodes = declared or present
    asked = f"{resources.cpus:g} CPUs and {resources.gpus:g} GPUs"
    several = resources.nodes > 1
    head = f"no {'nodes' if several else 'node'} can hold a trial: it asks for {asked}"
    if several:
        each = "{:g} CPUs and {:g} GPUs".format(*resources.each)
        head += f", as {resources.nodes} times {each}" + (" on a node each" if resources.spread else "")
    if has_conditions(resources):
        lacks = _lacking(nodes, resources)
        if not lacks:
            lacks = "each node would do, but too few of them do together"
        return f"{head}, {wording.machines(resources)}; {lacks}. {_remedy(resources)}"
    counted = Counter[str]()
    for node in nodes:
        counted[f"{node.cpus:g} CPUs and {node.gpus:g} GPUs"] += node.count
    if not several:
        kinds = "; ".join(sorted(counted)) or "none of either"
        return (
            f"{head}, and the nodes have {kinds}. "
            "Lower resources.cpus or resources.gpus in the sweep file, or use a cluster with larger nodes"
        )
    there = "; ".join(f"{counted[kind]} with {kind}" for kind in sorted(counted)) or "none"
    return (
        f"{head}, and the nodes are {there}. Lower resources.nodes, resources.cpus or resources.gpus in the sweep "
        "file, or use a larger cluster"
    )


def _conditions(node: Nodes, resources: Resources) -> Iterator[str]:
    """Yield what a node lacks but for CPUs and GPUs."""
    for name in sorted(set(resources.avoid or ()) & set(node.names)):
        yield f"it is in resources.avoid, as {name}"
    wanted = resources.accelerator_named
    if wanted is not None and not node.others.get(ACCELERATOR + wanted):
        has = [name.removeprefix(ACCELERATOR) for name in sorted(node.others) if name.startswith(ACCELERATOR)]
        yield f"accelerator {' and '.join(has)} instead of {wanted}" if has else f"no accelerator {wanted}"
    memory = (resources.memory or 0) / resources.nodes
    if node.memory < memory:
        yield f"{node.memory / _GIB:.3g} GiB of memory instead of {memory / _GIB:.3g}"
    for name, amount in (resources.custom or {}).items():
        if node.others.get(name, 0.0) + PRECISION < amount / resources.nodes:
            yield f"{node.others.get(name, 0.0):g} {name} instead of {amount / resources.nodes:g}"
    if node.labels is None:
        return
    for key, selector in resources.selectors.items():
        if not selects(selector, value := node.labels.get(key)):
            yield f"no label {key}" if value is None else f"{key} is {value}"
    if resources.within is not None and resources.within not in node.labels:
        yield f"no label {resources.within}"


def _lacking(nodes: Sequence[Nodes], resources: Resources) -> str:
    """Say what nodes lack, those that lack the same together."""
    found = defaultdict[str, list[Nodes]](list)
    for node in nodes:
        if said := ", ".join(unmet(node, resources)):
            found[said].append(node)
    told = []
    for said, alike in found.items():
        names = [node.names[0] for node in alike if node.names]
        counted = wording.counted(sum(node.count for node in alike), "node")
        told.append(f"{wording.first_of(names) if names else counted}: {said}")
    return "; ".join(told)


def _remedy(resources: Resources) -> str:
    """Say what to change."""
    keys = {
        "accelerator": resources.accelerator_named, "memory": resources.memory, "custom": resources.custom,
        "labels": resources.labels, "spot": resources.spot == "never", "avoid": resources.avoid,
        "within": resources.within, "gpus": resources.gpus, "cpus": resources.cpus,
    }  # fmt: skip
    asked = [f"resources.{key}" for key, value in keys.items() if value]
    listed = f"{', '.join(asked[:-1])} or {asked[-1]}"
    return f"Change {listed} in the sweep file, or use a cluster that has such nodes"


def _places(nodes: Sequence[Nodes], resources: Resources) -> int:
    parts = [(_parts_on(node, resources), node.count) for node in nodes]
    if not resources.spread:
        return _all_parts(parts) // resources.nodes

    def fit(trials: int) -> bool:
        return sum(min(held, trials) * count for held, count in parts) >= trials * resources.nodes

    return bisect.bisect_left(range(1, _all_parts(parts) // resources.nodes + 1), x=True, key=lambda t: not fit(t))


def _parts_on(node: Nodes, resources: Resources) -> int:
    cpus, gpus = resources.each
    by_cpu = _fit(node.cpus, cpus) if cpus else math.inf
    by_gpu: float = math.inf
    if gpus >= 1:
        by_gpu = _fit(node.gpus, gpus)
    elif gpus > 0:
        by_gpu = int(node.gpus) * _fit(1.0, gpus)
    others = [(node.memory, (resources.memory or 0) / resources.nodes)]
    for name, amount in (resources.custom or {}).items():
        others.append((node.others.get(name, 0.0), amount / resources.nodes))
    if resources.accelerator_named is not None:
        others.append((node.others.get(ACCELERATOR + resources.accelerator_named, 0.0), ACCELERATOR_SHARE))
    return int(min(by_cpu, by_gpu, *(_fit(there, asked) for there, asked in others if asked)))


def _all_parts(parts: Sequence[tuple[int, int]]) -> int:
    return sum(held * count for held, count in parts)


def _fit(whole: float, part: float) -> int:
    return int(whole / part + PRECISION)
