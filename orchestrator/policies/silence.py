"""The watch over attempts: who gives no sign of life, takes too long, or never begins. It decides; others act on it.

    silent     told at ten times the slowest interval between two reports of this sweep, and never under a minute
    hung       silent for `limits.silence`, or by default for thirty times that interval and never under an hour
    overtime   a trial that has taken `limits.trial` and a tenth more: a report would have ended it before
    unbegun    a worker that is not ready `limits.start` after the cluster had set its place aside

An attempt that has not reported is never ended for silence: its first epoch may have to fetch and compile. It is told
of, later than others. One with a single final score (`fidelity: none`) is never silent; and while no attempt reported
twice, there is no interval to go by. A report, a print, a checkpoint, and processes of it that are at work are signs of
life; so is waiting for an answer or for storage.

Time is passed in. A turn of the driver that took long (it was stopped, it waited for storage, the machine slept) is
nobody's silence: between two looks no more than `GAP_S` passes here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator import wording
from orchestrator.sweep.patience import Limits
from orchestrator.sweep.trial import Outcome

TOLD, TOLD_LEAST_S = 10.0, 60.0
"""Silence is told at so many times the slowest interval between two reports, and not before so many seconds."""
ENDED, ENDED_LEAST_S = 30.0, 3600.0
"""Likewise, where the sweep file says nothing: when it is ended."""
FIRST_TOLD_LEAST_S, FIRST_TOLD_S = 600.0, 1800.0
"""When it is told of one that has not reported yet: as above, but not before; where no interval is known."""
GAP_S = 10.0
"""The most that passes between two looks."""
OVERTIME = 1.1
"""A trial is ended by force at so many times `limits.trial`: until then its next report ends it in order."""
ASKED = 3.0
"""Who is silent for a third of what is told or ended is asked for a sign of life."""
ASK_LEAST_S, ASK_MOST_S = 1.0, 30.0
"""How often it is asked again."""


class SilenceBounds(NamedTuple):
    """How long silence is borne at present, in seconds."""

    told_s: float | None
    """When it is told; None: never."""
    ended_s: float | None
    """When the attempt is ended; None: never."""


class WatchFinding(NamedTuple):
    """What is to be said of an attempt, or to be done about it."""

    key: str
    """The attempt's."""
    text: str
    """What is said; why it ended, where it is to be ended."""
    outcome: Outcome | None = None
    """How it is to be ended; None where this is only told."""


@dataclass(slots=True)
class _Watched:
    """An attempt under watch; moments are seconds of the watch's own clock."""

    spent_before_s: float = 0.0
    """What earlier attempts of its trial took."""
    has_place_at: float | None = None
    placed_at: float | None = None
    alive_at: float = 0.0
    """Its newest sign of life."""
    asked_at: float = 0.0
    has_reported: bool = False
    is_told: bool = False
    is_ended: bool = False


def patience(limits: Limits, slowest_s: float | None) -> SilenceBounds:
    """Return how long silence is borne; `slowest_s` is the slowest interval seen, None before any."""
    ended_s = limits.silence
    if ended_s is None and slowest_s is not None:
        ended_s = max(ENDED_LEAST_S, ENDED * slowest_s)
    told_s = None if slowest_s is None else max(TOLD_LEAST_S, TOLD * slowest_s)
    if ended_s:
        told_s = min(told_s or ended_s, ended_s / 2)
    return SilenceBounds(told_s, ended_s or None)


def first_patience(slowest_s: float | None) -> SilenceBounds:
    """Return how long silence is borne of an attempt that has not reported yet; `slowest_s` as for `patience`."""
    return SilenceBounds(FIRST_TOLD_S if slowest_s is None else max(FIRST_TOLD_LEAST_S, TOLD * slowest_s), None)


class SilenceWatch:
    """Watches the attempts of one driver. Every method takes the present, by a clock that nobody sets back."""

    def __init__(self, limits: Limits, now_s: float, *, reports_once: bool = False) -> None:
        """Watch from `now_s` on; `reports_once` says that a training has one final score (`fidelity: none`)."""
        self._limits = limits
        self._reports_once = reports_once
        self._watched: dict[str, _Watched] = {}
        self._last_s = now_s
        self._clock_s = 0.0

    def begin(self, key: str, now_s: float, spent_before_s: float = 0.0) -> None:
        """Watch an attempt from now on; its trial's earlier ones took `spent_before_s`."""
        self._watched[key] = _Watched(spent_before_s, alive_at=self._at(now_s))

    def take_place(self, key: str, now_s: float) -> None:
        """Take note that the cluster has set the attempt's place aside."""
        at, watched = self._at(now_s), self._watched.get(key)
        if watched is not None and watched.has_place_at is None:
            watched.has_place_at = at

    def take_begun(self, key: str, now_s: float) -> None:
        """Take note that its worker is ready."""
        at, watched = self._at(now_s), self._watched.get(key)
        if watched is not None:
            watched.placed_at = watched.alive_at = at

    def take_report(self, key: str, now_s: float) -> None:
        """Take note of a report."""
        if key in self._watched:
            self._watched[key].has_reported = True
            self.take_life(key, now_s)

    def take_life(self, key: str, now_s: float) -> None:
        """Take note of another sign of life."""
        at, watched = self._at(now_s), self._watched.get(key)
        if watched is not None:
            watched.alive_at, watched.is_told = at, False

    def end(self, key: str) -> None:
        """Forget an attempt."""
        self._watched.pop(key, None)

    def to_ask(self, now_s: float, slowest_s: float | None) -> list[str]:
        """Return whom to ask now for a sign of life; `slowest_s` as for `patience`."""
        at, found = self._at(now_s), []
        for has_reported, borne in self._bounds(slowest_s).items():
            first_s = min((moment for moment in borne if moment), default=math.inf) / ASKED
            again_s = min(max(ASK_LEAST_S, first_s), ASK_MOST_S)
            found += [
                key
                for key, watched in self._watched.items()
                if watched.placed_at is not None
                and watched.has_reported is has_reported
                and at - watched.alive_at >= first_s
                and at - watched.asked_at >= again_s
            ]
        for key in found:
            self._watched[key].asked_at = at
        return found

    def look(self, now_s: float, slowest_s: float | None) -> list[WatchFinding]:
        """Return what is found now, each once; `slowest_s` as for `patience`."""
        at, borne = self._at(now_s), self._bounds(slowest_s)
        findings = []
        for key, watched in self._watched.items():
            finding = self._finding(key, watched, at, borne[watched.has_reported], slowest_s)
            if finding is not None:
                watched.is_told, watched.is_ended = True, finding.outcome is not None
                findings.append(finding)
        return findings

    def silent(self, now_s: float) -> dict[str, float]:
        """Return for how many seconds those are silent of whom that was told."""
        at = self._at(now_s)
        return {key: at - watched.alive_at for key, watched in self._watched.items() if watched.is_told}

    def _finding(
        self, key: str, watched: _Watched, at: float, borne: SilenceBounds, slowest_s: float | None
    ) -> WatchFinding | None:
        if watched.is_ended:
            return None
        if watched.placed_at is None:
            return self._unbegun(key, watched, at)
        limit_s = self._limits.trial
        taken_s = watched.spent_before_s + at - watched.placed_at
        if limit_s is not None and taken_s >= OVERTIME * limit_s:
            text = (
                f"the trial took {wording.duration(taken_s)}, longer than limits.trial ({wording.duration(limit_s)}), "
                "and made no report at which it could end"
            )
            return WatchFinding(key, text, Outcome.OVERTIME)
        if not watched.has_reported:
            return _before_a_report(key, watched, at - watched.alive_at, borne, limit_s)
        return _of_silence(key, watched, at - watched.alive_at, borne, slowest_s)

    def _bounds(self, slowest_s: float | None) -> dict[bool, SilenceBounds]:
        """Return how long silence is borne, by whether an attempt has reported."""
        if self._reports_once:
            return dict.fromkeys((False, True), SilenceBounds(None, None))
        return {False: first_patience(slowest_s), True: patience(self._limits, slowest_s)}

    def _unbegun(self, key: str, watched: _Watched, at: float) -> WatchFinding | None:
        limit_s = self._limits.start
        if not limit_s or watched.has_place_at is None or at - watched.has_place_at < limit_s:
            return None
        text = f"its worker was not ready {wording.duration(limit_s)} after its place was (limits.start)"
        return WatchFinding(key, text, Outcome.LOST)

    def _at(self, now_s: float) -> float:
        """Return the present by the watch's own clock."""
        self._clock_s += min(max(0.0, now_s - self._last_s), GAP_S)
        self._last_s = now_s
        return self._clock_s


def _of_silence(
    key: str, watched: _Watched, silent_s: float, borne: SilenceBounds, slowest_s: float | None
) -> WatchFinding | None:
    if borne.ended_s is not None and silent_s >= borne.ended_s:
        text = (
            f"it gave no sign of life for {wording.duration(silent_s)} (limits.silence): no report, no print, no "
            "checkpoint, and no process of it at work"
        )
        return WatchFinding(key, text, Outcome.HUNG)
    if borne.told_s is None or silent_s < borne.told_s or watched.is_told:
        return None
    usual = "" if slowest_s is None else f"; reports came {_short(slowest_s)} apart at most"
    then = (
        "it is not ended (limits.silence)"
        if borne.ended_s is None
        else f"it is ended after {wording.duration(borne.ended_s)} without a sign of life (limits.silence)"
    )
    return WatchFinding(key, f"silent for {wording.duration(silent_s)}{usual}; {then}")


def _before_a_report(
    key: str, watched: _Watched, silent_s: float, borne: SilenceBounds, limit_s: float | None
) -> WatchFinding | None:
    if borne.told_s is None or silent_s < borne.told_s or watched.is_told:
        return None
    then = "limits.trial would end it" if limit_s is None else f"limits.trial ends it ({wording.duration(limit_s)})"
    return WatchFinding(
        key,
        f"silent for {wording.duration(silent_s)}, and has not reported yet: no print, no file, and no process of it "
        f"at work; it may compile or compute, and is not ended for silence before a first report; {then}",
    )


def _short(seconds: float) -> str:
    return wording.duration(seconds) if seconds >= 1 else "less than 1s"
