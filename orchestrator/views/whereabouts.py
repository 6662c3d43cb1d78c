"""In a line each: the nodes that a sweep is at work on, those that it lost, and the time that is left."""

from __future__ import annotations

from orchestrator import wording
from orchestrator.results.whereabouts import NodeUse, Whereabouts

SHOWN = 8
"""How many nodes are named; the others are counted."""


def whereabouts_rows(found: Whereabouts, now: float, unit: str) -> list[tuple[str, str]]:
    """Return the lines of a status, each with its label.

    `now` is in seconds since the epoch, `unit` what one of the fidelity is called.
    """
    busy = [node for node in found.nodes if node.trials]
    rows = [("nodes", "; ".join(_busy(node) for node in busy[:SHOWN]) + _more(busy))] if busy else []
    rows += [("lost", _lost(node, now)) for node in found.nodes if node.lost_t is not None]
    if found.trials_per_h is not None and found.fidelity_per_h is not None:
        rows += [("pace", hourly(found.trials_per_h, found.fidelity_per_h, unit))]
    rows += [] if found.left_s is None else [("left", f"about {wording.duration(found.left_s)}")]
    return rows


def hourly(trials: float, fidelity: float, unit: str) -> str:
    """Return in words what an hour brings: `12.5 trials and 310 epochs an hour`."""
    return f"{wording.counted(round(trials, 1), 'trial')} and {wording.counted(round(fidelity), unit)} an hour"


def _busy(node: NodeUse) -> str:
    gpus = f" on {wording.counted(len(node.gpus), 'GPU')} ({', '.join(node.gpus)})" if node.gpus else ""
    return f"{node.node}: {wording.counted(len(node.trials), 'trial')}{gpus}"


def _more(nodes: list[NodeUse]) -> str:
    rest = nodes[SHOWN:]
    trials = sum(len(node.trials) for node in rest)
    return f"; and {wording.counted(trials, 'trial')} on {wording.counted(len(rest), 'other node')}" if rest else ""


def _lost(node: NodeUse, now: float) -> str:
    ago = wording.duration(now - (node.lost_t or now))
    back = ", and it is at work again" if node.trials else ""
    return f"{node.node}: {wording.counted(node.lost, 'attempt')} died there, the last {ago} ago{back}"
