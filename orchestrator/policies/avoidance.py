"""Which nodes to keep away from: those on which attempts keep dying while others do well elsewhere.

A node is avoided once the last `DEATHS` attempts on it died, of two trials at least, and another node has seen a report
since the first of those deaths. A death is a lost or a hung attempt, or an error that looks transient: a machine's
fault by its looks. A trial whose own fault it is dies elsewhere as well. A report from the node takes all back.

A trial that died twice in a row on one node goes on elsewhere: whether it was the node or the trial shows there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.state.retries import DEATHS, is_transient
from orchestrator.sweep.trial import Outcome

TWICE = 2
"""Deaths of a trial on one node after which it goes on elsewhere."""


def is_death(outcome: Outcome, error: str | None) -> bool:
    """Say whether an attempt that ended so may have died of its machine."""
    return outcome in {Outcome.LOST, Outcome.HUNG} or (outcome is Outcome.ERROR and is_transient(error))


@dataclass(slots=True)
class _Node:
    name: str
    """Host name, for people."""
    reported_at: int = 0
    """The newest turn at which an attempt on it reported; 0 before any."""
    first_death_at: int = 0
    """The turn of the first death of the present run."""
    dead_trials: list[int] = field(default_factory=list)
    """The trials of that run, in order."""


class Avoidance:
    """Remembers how attempts fared on each node, by Ray's id of it: a machine that was started again is another one."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._turn = 0
        self._deaths: dict[int, list[str]] = {}

    def report(self, node_id: str, name: str) -> None:
        """Take note that an attempt on the node reported."""
        self._turn += 1
        node = self._node(node_id, name)
        node.reported_at = self._turn
        node.dead_trials.clear()

    def end(self, node_id: str, name: str, trial: int, outcome: Outcome, error: str | None) -> None:
        """Take note that an attempt of a trial on the node ended."""
        self._turn += 1
        node = self._node(node_id, name)
        if not is_death(outcome, error):
            return  # what a driver or a verdict ended, and what failed by itself, says nothing of the machine
        if not node.dead_trials:
            node.first_death_at = self._turn
        node.dead_trials.append(trial)
        self._deaths.setdefault(trial, []).append(node_id)

    def avoided(self) -> dict[str, str]:
        """Return the nodes to keep away from: id to name."""
        return {node_id: node.name for node_id, node in self._nodes.items() if self._is_bad(node_id, node)}

    def shunned_by(self, trial: int) -> frozenset[str]:
        """Return the node, if any, on which a trial died the last two times that it died."""
        last = self._deaths.get(trial, [])[-TWICE:]
        return frozenset(last) if len(last) == TWICE and len(set(last)) == 1 else frozenset()

    def why(self, node_id: str) -> str:
        """Say why a node is avoided, in one sentence."""
        node = self._nodes[node_id]
        trials = ", ".join(map(str, sorted(set(node.dead_trials))))
        return (
            f"node {node.name} is avoided: the last {len(node.dead_trials)} attempts on it died (trials {trials}), "
            "while others do well elsewhere; look at that machine"
        )

    def _is_bad(self, node_id: str, node: _Node) -> bool:
        others = (other.reported_at for other_id, other in self._nodes.items() if other_id != node_id)
        return (
            len(node.dead_trials) >= DEATHS
            and len(set(node.dead_trials)) > 1
            and max(others, default=0) > node.first_death_at
        )

    def _node(self, node_id: str, name: str) -> _Node:
        return self._nodes.setdefault(node_id, _Node(name))
