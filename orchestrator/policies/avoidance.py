"""Which nodes to keep away from: those on which attempts keep dying while others do well elsewhere.

A node is avoided once the last `DEATHS` attempts on it died, of two trials at least, and another node has seen a report
since the first of those deaths. A death is a lost or a hung attempt, or an error that looks transient: a machine's
fault by its looks. A trial whose own fault it is dies elsewhere as well. A report from the node takes all back but that
attempts hung there: these had reported, too. That an attempt came to its end there takes this back, and attempts that
hang elsewhere meanwhile speak for the node: it is the training that hangs.

A trial that died twice in a row on one node goes on elsewhere, and so does one that hung there, which is repeated once
by default: whether it was the node or the trial shows there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.state.retries import DEATHS, is_transient
from orchestrator.sweep.trial import Outcome

TWICE = 2
"""Deaths of a trial on one node after which it goes on elsewhere."""

_AT_ITS_END = frozenset({Outcome.STOPPED, Outcome.RETURNED})


def is_death(outcome: Outcome, error: str | None) -> bool:
    """Say whether an attempt that ended so may have died of its machine."""
    return outcome in {Outcome.LOST, Outcome.HUNG} or (outcome is Outcome.ERROR and is_transient(error))


@dataclass(frozen=True, slots=True)
class _Death:
    trial: int
    at: int
    """The turn."""
    node_id: str
    has_hung: bool


@dataclass(slots=True)
class _Node:
    name: str
    """Host name, for people."""
    reported_at: int = 0
    """The newest turn at which an attempt on it reported; 0 before any."""
    deaths: list[_Death] = field(default_factory=list)
    """Those that nothing took back, in order."""


class Avoidance:
    """Remembers how attempts fared on each node, by Ray's id of it: a machine that was started again is another one."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._turn = 0
        self._deaths: dict[int, list[_Death]] = {}

    def report(self, node_id: str, name: str) -> None:
        """Take note that an attempt on the node reported."""
        self._turn += 1
        node = self._node(node_id, name)
        node.reported_at = self._turn
        if node.deaths:
            node.deaths = [death for death in node.deaths if death.has_hung]

    def end(self, node_id: str, name: str, trial: int, outcome: Outcome, error: str | None) -> None:
        """Take note that an attempt of a trial on the node ended."""
        self._turn += 1
        node = self._node(node_id, name)
        if outcome in _AT_ITS_END:
            node.deaths = [death for death in node.deaths if not death.has_hung]
        if not is_death(outcome, error):
            return  # what a driver or a verdict ended, and what failed by itself, says nothing of the machine
        death = _Death(trial, self._turn, node_id, outcome is Outcome.HUNG)
        node.deaths.append(death)
        self._deaths.setdefault(trial, []).append(death)

    def avoided(self) -> dict[str, str]:
        """Return the nodes to keep away from: id to name."""
        return {node_id: node.name for node_id, node in self._nodes.items() if self._is_bad(node_id, node)}

    def shunned_by(self, trial: int) -> frozenset[str]:
        """Return the node, if any, on which a trial died the last two times that it died, or hung the last time."""
        last = self._deaths.get(trial, [])[-TWICE:]
        if last and last[-1].has_hung:
            return frozenset({last[-1].node_id})
        nodes = {death.node_id for death in last}
        return frozenset(nodes) if len(last) == TWICE and len(nodes) == 1 else frozenset()

    def why(self, node_id: str) -> str:
        """Say why a node is avoided, in one sentence."""
        node = self._nodes[node_id]
        trials = ", ".join(map(str, sorted({death.trial for death in node.deaths})))
        hung = sum(death.has_hung for death in node.deaths)
        how = "hung" if hung == len(node.deaths) else f"died or hung ({hung})" if hung else "died"
        return (
            f"node {node.name} is avoided: the last {len(node.deaths)} attempts on it {how} (trials {trials}), "
            "while others do well elsewhere; look at that machine"
        )

    def _is_bad(self, node_id: str, node: _Node) -> bool:
        if len(node.deaths) < DEATHS or len({death.trial for death in node.deaths}) == 1:
            return False
        first, others = node.deaths[0].at, [other for at, other in self._nodes.items() if at != node_id]
        hang_elsewhere = any(death.has_hung and death.at > first for other in others for death in other.deaths)
        if hang_elsewhere and any(death.has_hung for death in node.deaths):
            return False
        return max((other.reported_at for other in others), default=0) > first

    def _node(self, node_id: str, name: str) -> _Node:
        return self._nodes.setdefault(node_id, _Node(name))
