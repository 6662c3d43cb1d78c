"""What a person should know of the reports of a sweep: those that are kept and judge nothing, once each kind.

A comparison is by a fidelity that rises. What does not fit it is kept in the log and the tables, and said.
"""

from __future__ import annotations

from orchestrator.control.answers import Report
from orchestrator.sweep.spec import Fidelity
from orchestrator.sweep.trial import Attempt, Trial

MANY_REPEATS = 20
"""More reports at one fidelity than steps of an epoch (training, validation, test) explain."""


class ReportRemarks:
    """Looks at each report before it is taken, and keeps what there is to say."""

    def __init__(self, fidelity: Fidelity) -> None:
        """Look at reports whose place is told by `fidelity`."""
        self._fidelity = fidelity
        self._metric = fidelity.unit
        self._untold: list[str] = []
        self._kinds: set[str] = set()

    def see(self, trial: Trial, report: Report) -> None:
        """Look at a report of the trial's current attempt."""
        attempt = trial.attempt
        begins_anew = not self._fidelity.once and report.fidelity <= attempt.resumed_from
        if not attempt.has_reported and attempt.resumed_from and begins_anew:
            self._say(
                "resumed",
                f"trial {trial.number} went on from the checkpoint of {self._metric} {attempt.resumed_from:g} and "
                f"reports {self._at(report)}: its counter began again; save it in the checkpoint and load it from "
                "there",
            )
        if attempt.is_highest(report.fidelity):
            return
        if report.fidelity < attempt.fidelity:
            self._say(
                "below", f"trial {trial.number}: {self._at(report)} came after {attempt.fidelity:g}: kept, not judged"
            )
        elif attempt.repeats >= MANY_REPEATS:
            self._say("repeats", self._many(trial, attempt))

    def take(self) -> list[str]:
        """Return what was not said yet."""
        untold, self._untold = self._untold, []
        return untold

    def _at(self, report: Report) -> str:
        return f"{self._metric} {report.fidelity:g}"

    def _many(self, trial: Trial, attempt: Attempt) -> str:
        if self._fidelity.once:
            return (
                f"trial {trial.number} made more than {MANY_REPEATS} reports, of which the last is its score "
                "(`fidelity: none`); to compare trials on the way, write their number as `fidelity: {max: N}`"
            )
        return (
            f"trial {trial.number} made more than {MANY_REPEATS} reports at {self._metric} {attempt.fidelity:g}, which "
            "are one row of the tables; leave out `fidelity.metric` and each report counts"
        )

    def _say(self, kind: str, text: str) -> None:
        if kind not in self._kinds:
            self._kinds.add(kind)
            self._untold.append(text)
