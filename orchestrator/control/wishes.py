"""What a driver was asked for, obeyed: `stop` lets what runs go on, for `limits.stop` at most; `cancel` leaves now."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator import wording
from orchestrator.control.controller import Controller
from orchestrator.storage.requests import DriverRequest


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

    def look(self, now_s: float) -> None:
        """Leave where what runs was let go on for long enough at `now_s`."""
        limit_s = self._controller.state.plan.spec.limits.stop
        if self._asked is not DriverRequest.STOP or limit_s is None or now_s - self._since_s < limit_s:
            return
        if self._controller.stop_requested is None:
            self._tell("limits.stop is over: leaving now; what runs goes on from its checkpoint with `resume`")
        self._controller.request_stop(self._asked)
