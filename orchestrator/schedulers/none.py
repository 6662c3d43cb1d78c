"""Every trial is trained in full: for objectives whose early values say nothing about the end."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from orchestrator.schedulers import Scheduler
from orchestrator.schedulers._rungs import require_finite
from orchestrator.sweep.domains import Record
from orchestrator.sweep.judgement import Judgement
from orchestrator.sweep.plan import Bracket
from orchestrator.sweep.spec import Fidelity


class NoScheduler(Scheduler):
    """Never stops a trial."""

    @classmethod
    @override
    def plan(cls, fidelity: Fidelity, options: Record) -> tuple[Bracket, ...]:
        """Return one bracket without rungs."""
        return (Bracket(rungs=(), share=1.0),)

    @override
    def show(self, trial: int, bracket: int, fidelity: float, value: float) -> Judgement | None:
        """Return None: it has no rungs. Raises ValueError for a value that is not finite."""
        require_finite(trial, fidelity, value)
        return None

    def snapshot(self) -> Any:
        """Return None: it takes note of nothing."""
        return None


MEMBER = NoScheduler
