"""Asks the worker of the baseline whether its training function was entered: for the first run, which waits for that.

A report says so as well, and sooner. A program, and the ranks of a trial of several processes, count as entered once
they are placed: what they import is their own affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ray

from orchestrator.ray.host.bridge import Bridge
from orchestrator.ray.host.live_attempt import LiveAttempt
from orchestrator.ray.host.loop import SweepRun
from orchestrator.ray.host.on_nodes import answer


@dataclass(slots=True)
class EntryWatch:
    """Asks one question at a time, once a second, until it is answered with yes."""

    bridge: Bridge
    run: SweepRun
    is_seen_inside: bool
    """Whether the worker knows: one function in one process."""
    _asked: tuple[str, Any] | None = None
    """Of which attempt it was asked, and what Ray owes."""

    def look(self, _: float) -> None:
        """Hear an answer and ask again; called about once a second, and costs nothing once all is let go."""
        awaited = self.bridge.awaited()
        if awaited is None:
            self._asked = None
        elif not self.is_seen_inside:
            self.bridge.entered(awaited.key)
        elif self._asked is None or self._asked[0] != awaited.key:
            self._ask(awaited)
        elif ray.wait([self._asked[1]], timeout=0)[0]:
            if answer(self._asked[1]):
                self.bridge.entered(awaited.key)
            else:
                self._ask(awaited)

    def _ask(self, attempt: LiveAttempt) -> None:
        worker = self.run.worker_of(attempt)
        self._asked = None if worker is None else (attempt.key, worker.has_entered.remote())
