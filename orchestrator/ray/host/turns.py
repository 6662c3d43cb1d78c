"""Turns of several sweeps on one cluster: an actor that each driver tells what it holds, and asks for its share.

The actor is named, belongs to whichever driver came first, and ends with it; then the next one who asks starts another.
It is told everything anew with each question, so nothing is lost with it. Where it does not answer, a driver goes on as
if it were alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayError

from orchestrator.policies.fair_shares import PlaceClaim, fair_share
from orchestrator.ray.worker import ahead

NAME, NAMESPACE = "stepladder-turns", "stepladder"
ASK_S = 1.0
"""How often a driver asks."""
STALE_S = 10.0
"""A driver that has not asked for so long has left, or hangs: it has no turn."""
ANSWER_S = 20.0
"""How long the first answer is waited for, the actor's start included, with one place meanwhile."""
SETTLE_S = 3.0
"""What a cluster had within this time it still has: a place that changes hands is counted nowhere for a moment."""


class PlaceShare(NamedTuple):
    """What a driver may hold."""

    places: int
    others: int
    """How many other sweeps want places there."""


class TurnKeeper:
    """The actor. What goes in and out is plain data, so that drivers of several versions share it."""

    def __init__(self) -> None:
        self._claims: dict[str, tuple[PlaceClaim, float]] = {}
        self._totals: deque[tuple[float, float, float]] = deque()

    def turn(self, told: Mapping[str, Any]) -> tuple[int, int]:
        """Take a claim (the fields of `PlaceClaim`); returns how many places it may hold, and how many share."""
        now = time.monotonic()
        mine = PlaceClaim(**told)
        self._claims[mine.sweep] = mine, now
        self._claims = {name: entry for name, entry in self._claims.items() if now - entry[1] <= STALE_S}
        others = [claim for name, (claim, _) in self._claims.items() if name != mine.sweep and claim.wanted]
        if not others:
            return mine.wanted, 0
        free = ray.available_resources()
        cpus, gpus = free.get("CPU", 0.0), free.get("GPU", 0.0)
        # There is room in all, and yet no place of theirs in it: it lies in pieces, on several nodes.
        others = [replace(c, is_stuck=c.is_stuck and c.cpus <= cpus and c.gpus <= gpus) for c in others]
        return fair_share(mine, others, *self._total(now, cpus, gpus)), len(others)

    def _total(self, now: float, cpus: float, gpus: float) -> tuple[float, float]:
        """Return the CPUs and GPUs that the sweeps hold, with those that are free."""
        claims = [claim for claim, _ in self._claims.values()]
        cpus += sum(claim.held * claim.cpus for claim in claims)
        gpus += sum(claim.held * claim.gpus for claim in claims)
        self._totals.append((now, cpus, gpus))
        while now - self._totals[0][0] > SETTLE_S:
            self._totals.popleft()
        return max(total[1] for total in self._totals), max(total[2] for total in self._totals)

    def leave(self, sweep: str) -> None:
        """Forget a sweep whose driver leaves."""
        self._claims.pop(sweep, None)


class Turns:
    """A driver's end of it. It never waits for an answer."""

    def __init__(self, sweep: str, now: float) -> None:
        """Take part from `now` on, as `sweep`: a name that no other sweep has, such as its folder."""
        self.sweep = sweep
        self._since = now
        self._keeper: Any = None
        self._asked: Any = None
        self._asked_at = float("-inf")
        self._turn: PlaceShare | None = None

    @property
    def others(self) -> int:
        """How many other sweeps want places, as far as is known."""
        return 0 if self._turn is None else self._turn.others

    def places(self, claim: PlaceClaim, now: float) -> int:
        """Return how many places may be held at `now`, in monotonic seconds, by what was answered last."""
        try:
            self._hear()
            if self._asked is None and now - self._asked_at >= ASK_S:
                self._ask(claim, now)
        except (RayError, ValueError):  # its owner left and took it along, or two started one at once
            self._keeper = self._asked = None
        if self._turn is None:
            return claim.wanted if now - self._since >= ANSWER_S else min(1, claim.wanted)
        return self._turn.places if self._turn.others else claim.wanted

    def leave(self) -> None:
        """Tell that the driver leaves."""
        if self._keeper is not None:
            self._keeper.leave.remote(self.sweep)

    def _hear(self) -> None:
        if self._asked is not None and ray.wait([self._asked], timeout=0)[0]:
            asked, self._asked = self._asked, None
            self._turn = PlaceShare(*ray.get(asked))

    def _ask(self, claim: PlaceClaim, now: float) -> None:
        self._asked_at = now
        if self._keeper is None:
            options = {"name": NAME, "namespace": NAMESPACE, "get_if_exists": True, "num_cpus": 0, **ahead.apart()}
            self._keeper = ray.remote(TurnKeeper).options(**options).remote()
        self._asked = self._keeper.turn.remote(asdict(claim))
