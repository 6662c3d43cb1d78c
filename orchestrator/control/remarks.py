"""What a person should know of the reports of a sweep: those that are kept and judge nothing, once each kind.

A comparison is by a fidelity that rises. What does not fit it is kept in the log and the tables, and said.
"""

from __future__ import annotations

from orchestrator.control.answers import Report
from orchestrator.sweep.trial import Attempt, Trial

MANY_REPEATS = 20
"""More reports at one fidelity than steps of an epoch (training, validation, test) explain."""


class ReportRemarks:
    """Looks at each report before it is taken, and keeps what there is to say."""

    def __init__(self, metric: str) -> None:
        self._metric = metric
        self._untold: list[str] = []
        self._kinds: set[str] = set()

    def see(self, trial: Trial, report: Report) -> None:
        """Look at a report of the trial's current attempt."""
        attempt, at = trial.attempt, f"{self._metric} {report.fidelity:g}"
        if not attempt.has_reported and attempt.resumed_from and report.fidelity <= attempt.resumed_from:
            self._say(
                "resumed",
                f"trial {trial.number} went on from the checkpoint of {self._metric} {attempt.resumed_from:g} and "
                f"reports {at}: its counter began again; save it in the checkpoint and load it from there",
            )
        if attempt.is_highest(report.fidelity):
            return
        if report.fidelity < attempt.fidelity:
            self._say("below", f"trial {trial.number}: {at} came after {attempt.fidelity:g}: kept, not judged")
        elif attempt.repeats >= MANY_REPEATS:
            self._say("repeats", self._many(trial, attempt))

    def take(self) -> list[str]:
        """Return what was not said yet."""
        untold, self._untold = self._untold, []
        return untold

    def _many(self, trial: Trial, attempt: Attempt) -> str:
        return (
            f"trial {trial.number} made more than {MANY_REPEATS} reports at {self._metric} {attempt.fidelity:g}, which "
            "are one row of the tables; with `fidelity: {metric: training_iteration}` each report counts"
        )

    def _say(self, kind: str, text: str) -> None:
        if kind not in self._kinds:
            self._kinds.add(kind)
            self._untold.append(text)
