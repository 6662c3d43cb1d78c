"""What of the trials' reports is in no table, told once a sweep."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.ray.worker.reports import WorkerReport


class LeftOut:
    """Remembers what was told."""

    def __init__(self, say: Callable[..., None]) -> None:
        """Tell by `say`, as a logger's method takes it."""
        self._say = say
        self._told: set[str] = set()
        self._has_told_of_test = False

    def tell(self, trial: int, report: WorkerReport) -> None:
        """Say what is neither a number nor a text, and that something of the test set is held back."""
        if report.is_withheld and not self._has_told_of_test:
            self._has_told_of_test = True
            self._say("what trials report of the test set stays in their workers; `stepladder test` measures it once")
        new = {name: kind for name, kind in report.left_out.items() if name not in self._told}
        if new:
            self._told.update(new)
            said = ", ".join(f"{name} ({kind})" for name, kind in new.items())
            self._say("trial %d reported what is neither a number nor text, so it is in no table: %s", trial, said)
