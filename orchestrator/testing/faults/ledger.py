"""What drivers told the world, and so may never take back: what was started, stopped and ended, and what was reported.

A start, a STOP and an end are acknowledged when they are answered. A report that was answered with CONTINUE is
acknowledged once a turn of the loop has ended half a second later (`COMMIT_S`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from orchestrator.control.controller import COMMIT_S
from orchestrator.sweep import event as ev


class Fact(NamedTuple):
    """One thing that was told."""

    what: str
    """start, stop, end or report."""
    trial: int
    """Number of the trial."""
    attempt: int
    """Number of the attempt."""
    fidelity: float = 0.0
    """Of a stop and a report."""


class ToldLedger:
    """The facts of one sweep, whoever drove it."""

    def __init__(self) -> None:
        self._facts: dict[Fact, None] = {}
        self._waiting: list[tuple[float, Fact]] = []

    def take(self, fact: Fact) -> None:
        """Take note of what was told just now, for good."""
        self._facts[fact] = None

    def take_report(self, fact: Fact, now_s: float) -> None:
        """Take note of a report that was answered from memory at `now_s`."""
        self._waiting.append((now_s, fact))

    def turned(self, now_s: float) -> None:
        """Take note that a turn of the loop ended in order that began at `now_s`."""
        due = [fact for at, fact in self._waiting if at <= now_s - COMMIT_S]
        self._waiting = [entry for entry in self._waiting if entry[0] > now_s - COMMIT_S]
        self._facts.update(dict.fromkeys(due))

    def driver_left(self) -> None:
        """Forget what the driver that is gone had not acknowledged."""
        self._waiting.clear()

    def missing(self, events: Iterable[ev.Event]) -> list[Fact]:
        """Return the facts that a log does not hold."""
        held = {fact for event in events for fact in _facts_of(event)}
        return [fact for fact in self._facts if fact not in held]


def _facts_of(event: ev.Event) -> list[Fact]:
    match event:
        case ev.AttemptStarted():
            return [Fact("start", event.trial, event.attempt)]
        case ev.AttemptEnded():
            return [Fact("end", event.trial, event.attempt)]
        case ev.Reported():
            report = Fact("report", event.trial, event.attempt, event.fidelity)
            return [report, report._replace(what="stop")] if event.stop is not None else [report]
    return []
