"""What a lost worker died of: its last words are read on its node before its attempt's end is written down.

Ray tells that a worker is gone, never why. A training that ended its own process made an error; one that crashed is
lost by a signal that is named. Where nothing was left, or the node does not answer in time, Ray's own word stands.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import ray

from orchestrator.ray.host.bridge import Bridge
from orchestrator.ray.host.on_nodes import answer, run_on_nodes
from orchestrator.ray.worker.last_words import LastWords, last_words
from orchestrator.sweep.trial import Outcome

PATIENCE_S = 15.0
"""How long a node may take to answer: the start of a process is in it, and a dead node never does."""


@dataclass(slots=True)
class _Inquest:
    key: str
    text: str
    """What Ray said."""
    until: float
    asked: list[Any]


class Inquests:
    """Those that are open; each ends its attempt."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._open: dict[str, _Inquest] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._open

    def open(self, key: str, outcome: Outcome, text: str) -> bool:
        """Begin one where an attempt was lost by itself; False where there is nothing to find out."""
        live = self._bridge.live.get(key)
        if live is None or outcome is not Outcome.LOST or not live.processes:
            return False
        if live.was_killed or live.fault is not None:
            return False
        asked = run_on_nodes(last_words, live.processes)
        self._open[key] = _Inquest(key, text, time.monotonic() + PATIENCE_S, asked)
        return True

    def settle(self, now: float) -> None:
        """End the attempts whose inquests are done, or take too long, at `now` in monotonic seconds."""
        for inquest in list(self._open.values()):
            ready, owed = ray.wait(inquest.asked, num_returns=len(inquest.asked), timeout=0)
            words = next((said for said in map(answer, ready) if said is not None), None)
            if words is not None or not owed or now >= inquest.until:
                del self._open[inquest.key]
                self._bridge.ended(inquest.key, *_verdict(words, inquest.text))


def _verdict(words: LastWords | None, text: str) -> tuple[Outcome, str]:
    if words is None:
        return Outcome.LOST, text
    return (Outcome.ERROR, words.text) if words.is_own_exit else (Outcome.LOST, f"the worker was lost: {words.text}")
