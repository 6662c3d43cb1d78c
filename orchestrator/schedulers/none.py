"""Every trial is trained in full: for objectives whose early values say nothing about the end."""

from __future__ import annotations

from typing import Any

from orchestrator.schedulers import Scheduler
from orchestrator.schedulers._rungs import require_finite
from orchestrator.sweep.domains import Record
from orchestrator.sweep.plan import Bracket
from orchestrator.sweep.spec import Fidelity


class NoScheduler(Scheduler):
    """Never stops a trial."""

    @classmethod
    def plan(cls, fidelity: Fidelity, options: Record) -> tuple[Bracket, ...]:  # noqa: ARG003 - no choice to make
        """Return one bracket without rungs."""
        return (Bracket(rungs=(), share=1.0),)

    def show(self, trial: int, bracket: int, fidelity: float, value: float) -> bool:  # noqa: ARG002 - one bracket
        """Return False. Raises ValueError for a value that is not finite."""
        require_finite(trial, fidelity, value)
        return False

    def snapshot(self) -> Any:
        """Return None: it takes note of nothing."""
        return None


MEMBER = NoScheduler
