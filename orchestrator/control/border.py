"""The last wall before the log: a report, or a text, that no record can hold ends its attempt, never the sweep.

A worker checks what it sends (`orchestrator.ray.worker.reports`). Here is checked what any host hands on, before the
state or the journal takes anything of it. The cost of a report is that of its metrics, however many came before.
"""

from __future__ import annotations

import math

from orchestrator.control.answers import Report
from orchestrator.secrecy import mask_forms
from orchestrator.sweep import recordable
from orchestrator.sweep.trial import Outcome

MOST_NAMES = 10_000
"""Different metrics that one driver takes: each is a column of the reports' table."""


class Border:
    """Checks what a sweep's attempts say, and remembers which were refused."""

    def __init__(self, objective: str) -> None:
        """Take reports that hold `objective`."""
        self._objective = objective
        self._names: set[str] = set()  # columns
        self._looked_at: set[str] = set()  # metrics, each of which is one of them
        self._refused: dict[tuple[int, int], str] = {}

    def admits(self, report: Report) -> bool:
        """Say whether the log can hold a report. One that it cannot hold ends its attempt, and is told why."""
        key = report.trial, report.attempt
        if key in self._refused:
            return False
        problem = self._problem(report)
        if problem is not None:
            self._refused[key] = f"the report at {report.fidelity!r} cannot be recorded: {problem}"
        return problem is None

    def ending(self, trial: int, attempt: int, outcome: Outcome, error: str | None) -> tuple[Outcome, str | None]:
        """Return how an attempt ended: by an error where a report of it was refused, whatever its host says.

        An error is recorded without the credentials in it: a library that cannot connect likes to quote the whole URL.
        """
        refused = self._refused.pop((trial, attempt), None)
        if refused is not None and outcome in {Outcome.STOPPED, Outcome.RETURNED, Outcome.ERROR}:
            return Outcome.ERROR, refused
        return outcome, None if error is None else mask_forms(recordable.cleaned(error))

    def _problem(self, report: Report) -> str | None:
        if self._objective not in report.metrics:
            return f"it lacks the objective, {self._objective!r}"
        if not math.isfinite(report.fidelity) or report.fidelity < 0:
            return "its fidelity is no finite number from 0 on"
        if report.checkpoint is not None and recordable.cleaned(report.checkpoint) != report.checkpoint:
            return f"its checkpoint {recordable.shown(report.checkpoint)} has a name that no log can hold"
        if self._has_only_known(report):
            return None
        if (problem := recordable.report_problem(report.metrics, report.texts)) is not None:
            return problem
        columns = [*report.metrics, *(f"{name}{recordable.TEXT_SUFFIX}" for name in report.texts)]
        new = [name for name in columns if name not in self._names]
        if len(new) + len(self._names) > MOST_NAMES:
            return f"{MOST_NAMES:,} different metrics were reported before {recordable.shown(new[0])}; name fewer"
        self._names.update(new)
        self._looked_at.update(report.metrics)
        return None

    def _has_only_known(self, report: Report) -> bool:
        """Say whether it holds floats alone, by names that were looked at: as a rule all but the first do."""
        metrics = report.metrics
        if report.texts or len(metrics) > recordable.MOST_METRICS:
            return False
        return metrics.keys() <= self._looked_at and set(map(type, metrics.values())) == {float}
