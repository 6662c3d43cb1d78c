"""Speaks up when nothing has happened for long: trials wait although there is room, or because there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orchestrator.ray.host.live_attempt import LiveAttempt


class Watchdog:
    """Says once per `patience_s` of silence what every live attempt is doing."""

    def __init__(self, patience_s: float, has_room: Callable[[], bool], say: Callable[[str], None]) -> None:
        self._patience_s = patience_s
        self._has_room = has_room
        self._say = say
        self._quiet_until = 0.0

    def look(self, now: float, last_event: float, live: Iterable[LiveAttempt], describe: Callable[[str], str]) -> None:
        """Speak up if due. `now` and `last_event` are monotonic seconds; `describe` says what Tune thinks of a key."""
        attempts = list(live)
        if not attempts or now - last_event < self._patience_s or now < self._quiet_until:
            return
        self._quiet_until = now + self._patience_s
        if self._has_room():
            why = "although resources are idle"
        elif any(attempt.is_placed for attempt in attempts):
            return  # all places are taken and at work
        else:
            why = "because no node has room for one"
        lines = [
            f"  {attempt.key}: {'running' if attempt.is_placed else 'not placed'} for {now - attempt.since:.0f} s; "
            f"Tune: {describe(attempt.key)}"
            for attempt in attempts
        ]
        silence = f"no trial started, reported or ended for {(now - last_event) / 60:.0f} min, {why}:"
        self._say("\n".join([silence, *lines]))
