"""A sweep as Parquet, made from the journal while it runs: `select ... from 'runs/digits/trials/*.parquet'`.

    trials/part-00000.parquet      one row a trial, see `orchestrator.results.trial_table`
    reports/part-00000.parquet     one row a report, see `orchestrator.results.report_parts`
    attempts/part-00000.parquet    one row an attempt, see `orchestrator.results.attempts`
    best.json                      see `orchestrator.results.best`

The journal is the truth: the tables can be thrown away and made again, and they hold committed records only. DuckDB,
pandas and Polars can read them at any instant without locking anything (see `orchestrator.results.parquet_file`), and
within a table keys are unique and counts never fall, across crashes too. In reports, a number that was not finite is
NaN or infinite and one that was not reported is null; in trials, the objective's columns are finite or null.
"""

from __future__ import annotations

from orchestrator.results import report_parts
from orchestrator.results.attempts import AttemptTable
from orchestrator.results.best import write_best
from orchestrator.results.columns import DriverPeriod
from orchestrator.results.diagnoses import Curves
from orchestrator.results.report_parts import ReportParts
from orchestrator.results.row_parts import ROWS_PER_PART
from orchestrator.results.trial_table import TrialTable
from orchestrator.state.fold import SweepState
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev


class Tables:
    """The tables of one sweep, an observer of `orchestrator.results.follower`."""

    name = "the tables"

    def __init__(
        self,
        files: FileSystem,
        folder: Location,
        rows_per_part: int = report_parts.ROWS_PER_PART,
        attempts_per_part: int = ROWS_PER_PART,
        trials_per_part: int = ROWS_PER_PART,
    ) -> None:
        """Keep the tables in `files`; `folder` is where that is, as best.json says it."""
        self._files = files
        self._folder = folder
        self._rows_per_part = rows_per_part
        self._attempts_per_part = attempts_per_part
        self._trials_per_part = trials_per_part
        self._content: _Content | None = None

    def take(self, event: ev.Event, state: SweepState) -> None:
        """Take one record in."""
        if self._content is None:
            self._content = _Content(
                state,
                ReportParts(self._files, state.plan.sweep_id, self._rows_per_part),
                AttemptTable(self._files, state.plan.sweep_id, self._attempts_per_part),
                TrialTable(self._files, state.plan, self._trials_per_part),
            )
        self._content.take(event)

    def flush(self) -> None:
        """Bring the files up to the records taken.

        Raises StorageError where one cannot be written; the next call then goes on from there.
        """
        if self._content is not None:
            self._content.write(self._files, self._folder)

    def close(self) -> None:
        """Do nothing: no file is kept open between two refreshes."""


class _Content:
    """What the files hold, in memory."""

    def __init__(self, state: SweepState, reports: ReportParts, attempts: AttemptTable, trials: TrialTable) -> None:
        self._state = state
        self._reports = reports
        self._attempts = attempts
        self._trials = trials
        self._curves = Curves(state.plan)
        self._period = DriverPeriod()
        self._is_first = True

    def take(self, event: ev.Event) -> None:
        """Take one record in, after the state did."""
        state = self._state
        if isinstance(event, ev.DriverStarted):
            has_changed = event.code_hash != state.plan.provenance.code_hash
            self._period = DriverPeriod(event.epoch, event.code_hash, has_changed)
        self._curves.take(event, state.trials)
        self._trials.take(event, state, self._period)
        self._attempts.take(event, state, self._period)
        self._take_report(event)

    def _take_report(self, event: ev.Event) -> None:
        if isinstance(event, ev.AttemptStarted):
            self._reports.begin(event.trial, event.attempt)
        elif isinstance(event, ev.Reported):
            self._reports.add(event, self._state.trial(event.trial).stage, self._period)
        elif isinstance(event, ev.AttemptEnded):
            self._reports.end(event.trial, event.attempt)

    def write(self, files: FileSystem, folder: Location) -> None:
        """Write what changed: a trial's row never counts a report, or names an attempt, that is not there."""
        self._reports.write()
        self._attempts.write(self._state)
        self._trials.write(self._state, self._curves.diagnoses)
        winner = self._state.winner()
        diagnosis = self._curves.diagnoses.get(winner.number) if winner else None
        write_best(files, self._state, folder, diagnosis)
        if self._is_first:
            for table in (self._reports, self._attempts, self._trials):
                table.empty_strays()
        self._is_first = False
