"""Who holds which worker's place: what a place is held for beside attempts is paid for as well.

a worker starts, gets a trial, ends, and its place is free       its start and its end are the attempt's
a worker never got ready, or none was to be started              the place was held for nobody
a worker that is used again waits for a trial                    the next attempt's, or else nobody's
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ray.air.execution._internal.tracked_actor import TrackedActor

from orchestrator.control.answers import HeldPlace
from orchestrator.ray.host.live_attempt import LiveAttempt


class Holders:
    """The holders of one driver's places."""

    def __init__(self, tell: Callable[[Sequence[HeldPlace]], None]) -> None:
        """Have `tell` take what is paid beside attempts."""
        self._tell = tell
        self._attempts: dict[TrackedActor, LiveAttempt] = {}
        self._free_since: dict[TrackedActor, float] = {}

    def take(self, actor: TrackedActor, attempt: LiveAttempt) -> None:
        """Take note that an attempt is on a worker from now on."""
        self._attempts[actor] = attempt
        self._free_since.pop(actor, None)

    def leave(self, actor: TrackedActor, now: float) -> None:
        """Take note that a worker that is used again is nobody's from `now` on, monotonic seconds."""
        self._attempts.pop(actor, None)
        self._free_since[actor] = now

    def free(self, actor: TrackedActor, since: float) -> None:
        """Take note that a worker's place, held since `since`, is free."""
        now, attempt = time.monotonic(), self._attempts.pop(actor, None)
        since = self._free_since.pop(actor, since)
        self._tell([HeldPlace(now - since)] if attempt is None else attempt.free(now))

    def unused(self, seconds: float) -> None:
        """Take note that a place was held for so long and no worker began to start there."""
        self._tell([HeldPlace(seconds)])
