"""Stands in for the session's `report` while a user's function or class trains: checks what it reports, and sends it.

A report is checked where it is made, so that a mistake raises at the user's own line.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any, cast

from ray.tune import Checkpoint
from ray.tune.result import RESULT_DUPLICATE

from orchestrator.ray.worker.assignment import OUTSIDE_KEY, REPORT_KEY, Assignment, counter_of
from orchestrator.ray.worker.failure import ERROR, AttemptFailed
from orchestrator.ray.worker.firewall import Firewall
from orchestrator.ray.worker.given import TrialInfo
from orchestrator.ray.worker.outside_code import imported_from_outside
from orchestrator.ray.worker.reports import ReportError, read_report
from orchestrator.ray.worker.signs import waiting
from orchestrator.ray.worker.trainable import TrainableFile, name_of
from orchestrator.sweep.recordable import COUNTED, as_number


class Reporter:
    """Stands in for the session's `report`: checks what the user reports and remembers whether it was told to stop."""

    def __init__(self, assignment: Assignment, trial: TrialInfo, wall: Firewall, session: Any, *, counts: bool) -> None:
        self.is_stopped = False
        self.each = "ray.tune.report(...)"
        """What messages call a report."""
        self._wall = wall
        self._session = session
        self._counter = counter_of(assignment, trial)
        self._assignment = assignment
        self._send: Callable[..., None] = type(session).report.__get__(session)
        self._counts = counts
        self._count = 0
        self._returned = "NoneType"

    def report(self, metrics: Mapping[str, Any], checkpoint: Checkpoint | None = None) -> None:
        """Send a report and wait for the verdict; ends the training thread on STOP."""
        if self.is_stopped:
            sys.exit(0)  # the function caught the first SystemExit; it must not train on
        if self._wall.is_test:
            self._take_measured(metrics)
            return
        if not self._counts:
            self._count += 1
            self._pass_on(self._outside(), None)
            return
        _refuse_path(checkpoint)
        number = self._counter.count()
        said = self._wall.without(metrics)
        report = read_report(said, self._assignment.objective, self._assignment.fidelity, number, self.each)
        report = replace(report, is_withheld=self._wall.has_withheld)
        self._counter.see(report.fidelity)
        self._count += 1
        self._pass_on({REPORT_KEY: report, **self._outside()}, checkpoint)

    def is_measured(self, trial: TrialInfo, report: Mapping[str, Any]) -> bool:
        """Say whether a class need not be stepped further: in a test, once it has measured after a whole training.

        `report` is its newest. One that goes on from a checkpoint was trained before.
        """
        if not (self._wall.is_test and self._wall.has_measured):
            return False
        length = self._assignment.length
        reached = None if length is None else as_number(report.get(length))
        return trial.checkpoint is not None or reached is None or reached >= trial.max_fidelity

    def _take_measured(self, metrics: Mapping[str, Any]) -> None:
        """Keep what a report of a test says of the test set; whoever reports need not wait for anybody."""
        self._wall.take(metrics)
        self._count += 1
        if self._session.stop_event.is_set():
            self.is_stopped = True
            sys.exit(0)

    def _outside(self) -> dict[str, Any]:
        trainable = self._assignment.trainable
        if self._count > 1 or not isinstance(trainable, TrainableFile):
            return {}
        return {OUTSIDE_KEY: tuple(imported_from_outside(trainable.code_folder()).items())}

    def take_output(self, output: Any, trial: TrialInfo) -> None:
        """Take what the function returned: a generator of reports, a last report, or the result of one without any.

        A result is a number, or a dict that holds the objective: the report of a training that is done. A function that
        has reported has said its results; what else it returns is its own.
        """
        objective, fidelity = self._assignment.objective, self._assignment.fidelity
        self._returned = type(output).__name__
        if inspect.isgenerator(output):
            for reported in output:
                self.report(cast("Mapping[str, Any]", reported))
        elif isinstance(output, Mapping) and objective in output and self._is_report(output):
            self.report(output)
        elif self._has_no_score(trial) and (output := _result(output, objective)) is not None:
            try:
                self.report(output if fidelity is None else {fidelity: trial.max_fidelity, **output})
            except ReportError as error:
                raise ReportError(f"what {name_of(self._assignment.trainable)} returned: {error}") from None

    def _is_report(self, output: Mapping[str, Any]) -> bool:
        """Say whether a returned dict is one more report, beside those that were made."""
        fidelity = self._assignment.fidelity
        return fidelity in output or (fidelity in (None, COUNTED) and self._count > 0)

    def _has_no_score(self, trial: TrialInfo) -> bool:
        """Say whether what the function returns must be its result: nothing that it, or its checkpoint, said is."""
        return not self._count and (trial.checkpoint is None or self._assignment.fidelity is None)

    def close(self, *, fresh: bool) -> None:
        """Tell Tune that the function returned. One that began anew and reported nothing is told what it lacks."""
        if self._wall.is_test and self._counts:
            report = self._wall.measured(name_of(self._assignment.trainable))
            self._pass_on({REPORT_KEY: report}, None)
        elif fresh and self._counts and not self._count:
            raise AttemptFailed(ERROR, self._complaint())
        self._pass_on({RESULT_DUPLICATE: True}, None)

    def _complaint(self) -> str:
        objective = self._assignment.objective
        keys = [key for key in (self._assignment.fidelity, objective) if key not in (None, COUNTED)]
        names = f"{{{', '.join(f'{key!r}: ...' for key in keys)}}}"
        text = f"{name_of(self._assignment.trainable)} returned without a report; call ray.tune.report({names}) in it"
        if self._returned == "NoneType":
            return text
        return f"{text}, or return {objective!r} as a number or in a dict: what it returned is of type {self._returned}"

    def _pass_on(self, metrics: dict[str, Any], checkpoint: Checkpoint | None) -> None:
        try:
            with waiting() if self._counts else contextlib.nullcontext():  # who keeps pace waits for another rank
                self._send(metrics, checkpoint=checkpoint)
        except SystemExit:
            self.is_stopped = True
            raise


def _refuse_path(checkpoint: object) -> None:
    """Raise ReportError for what Ray Tune took for a checkpoint once, or never did."""
    if isinstance(checkpoint, str | PurePath | Mapping):  # Ray's own is an os.PathLike too
        kind = type(checkpoint).__name__
        raise ReportError(f"a checkpoint is a ray.tune.Checkpoint.from_directory(folder), and this is of type {kind}")


def _result(output: Any, objective: str) -> Mapping[str, Any] | None:
    """Return what a function returned as a report's numbers; None where it is no result."""
    if isinstance(output, Mapping):
        return {str(name): value for name, value in output.items()}
    is_truth = isinstance(output, bool) or str(getattr(output, "dtype", "")).endswith("bool")
    return None if is_truth or as_number(output) is None else {objective: output}
