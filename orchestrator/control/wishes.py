"""What a driver was asked for, obeyed: `stop` lets what runs go on, for `limits.stop` at most; `cancel` leaves now.

What people ask about single trials is ruled on in the order in which they asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestrator import wording
from orchestrator.control.controller import Controller
from orchestrator.errors import UsageError
from orchestrator.policies.asking import answer_to, told_of
from orchestrator.policies.changes import with_settings
from orchestrator.storage.requests import DriverRequest
from orchestrator.storage.wishes import Wish


class Wishes:
    """Obeys what is asked, once each, and tells of it."""

    def __init__(self, controller: Controller, tell: Callable[[str], None]) -> None:
        self._controller = controller
        self._tell = tell
        self._asked: DriverRequest | None = None
        self._since_s = 0.0

    def take(self, asked: DriverRequest | None, now_s: float) -> None:
        """Take what is asked at `now_s`, by a clock that nobody sets back; None asks for nothing."""
        if asked is None or asked is self._asked:
            return
        self._asked, self._since_s = asked, now_s
        if asked is DriverRequest.CANCEL:
            self._tell("cancel requested: leaving now")
            self._controller.request_stop(asked)
            return
        limit_s = self._controller.state.plan.spec.limits.stop
        most = "" if limit_s is None else f", within {wording.duration(limit_s)} (limits.stop)"
        self._tell(f"stop requested: no new trials, {len(self._controller.state.open)} running finish{most}")
        self._controller.drain(asked)

    def take_wishes(self, found: Iterable[tuple[str, Wish | None]], t: float, m: float | None) -> None:
        """Rule on what people ask about single trials, by name, the oldest first.

        It is `t` seconds since the epoch and `m` by the monotonic clock. What must wait is looked at again next time.
        """
        for name, wish in found:
            answer = answer_to(self._controller.state, name, wish, t, m)
            if answer is not None:
                self._controller.write_down(answer)
                self._tell(told_of(wish, answer))

    def set(self, settings: Mapping[str, Any] | None, t: float, m: float | None) -> None:
        """Go on under other settings of the resources, recorded at `t` and `m`; None were asked for by nobody."""
        if not settings:
            return  # asked at every poll: to compare a spec with itself costs more than the rest of a step
        try:
            amended = with_settings(self._controller.state, settings, t, m)
        except UsageError as error:  # who asked was told: this was asked by another version, or by hand
            self._tell(f"set: {error}")
            return
        if amended is not None:
            self._controller.write_down(amended)
            self._tell(f"set: {'; '.join(amended.changes)}")

    def look(self, now_s: float) -> None:
        """Leave where what runs was let go on for long enough at `now_s`."""
        limit_s = self._controller.state.plan.spec.limits.stop
        if self._asked is not DriverRequest.STOP or limit_s is None or now_s - self._since_s < limit_s:
            return
        if self._controller.stop_requested is None:
            self._tell("limits.stop is over: leaving now; what runs goes on from its checkpoint with `resume`")
        self._controller.request_stop(self._asked)
