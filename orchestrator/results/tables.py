"""A sweep as Parquet, made from the journal while it runs: `select ... from 'runs/digits/trials/*.parquet'`.

    trials/trials.parquet          one row a trial, see `orchestrator.results.columns`
    reports/part-00000.parquet     one row a report, see `orchestrator.results.report_parts`
    attempts/part-00000.parquet    one row an attempt, see `orchestrator.results.attempts`
    best.json                      see `orchestrator.results.best`

The journal is the truth: the tables can be thrown away and made again, and they hold committed records only. DuckDB,
pandas and Polars can read them at any instant without locking anything (see `orchestrator.results.parquet_file`), and
within a table keys are unique and counts never fall, across crashes too. In reports, a number that was not finite is
NaN or infinite and one that was not reported is null; in trials, the objective's columns are finite or null.
"""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa

from orchestrator.control.fold import SweepState
from orchestrator.results import report_parts
from orchestrator.results.attempts import AttemptTable
from orchestrator.results.best import write_best
from orchestrator.results.columns import DriverPeriod, Paid, TrialColumns
from orchestrator.results.diagnoses import Curves
from orchestrator.results.parquet_file import replace_table
from orchestrator.results.report_parts import ReportParts
from orchestrator.results.row_parts import ROWS_PER_PART, table_of
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Trial

TRIALS = "trials/trials.parquet"


class Tables:
    """The tables of one sweep, an observer of `orchestrator.results.follower`."""

    name = "the tables"

    def __init__(
        self,
        files: FileSystem,
        folder: Location,
        rows_per_part: int = report_parts.ROWS_PER_PART,
        attempts_per_part: int = ROWS_PER_PART,
    ) -> None:
        """Keep the tables in `files`; `folder` is where that is, as best.json says it."""
        self._files = files
        self._folder = folder
        self._rows_per_part = rows_per_part
        self._attempts_per_part = attempts_per_part
        self._content: _Content | None = None

    def take(self, event: ev.Event, state: SweepState) -> None:
        """Take one record in."""
        if self._content is None:
            self._content = _Content(self._files, state, self._rows_per_part, self._attempts_per_part)
        self._content.take(event)

    def flush(self) -> None:
        """Bring the files up to the records taken.

        Raises StorageError where one cannot be written; the next call then goes on from there.
        """
        if self._content is not None:
            self._content.write(self._folder)

    def close(self) -> None:
        """Do nothing: no file is kept open between two refreshes."""


class _Content:
    """What the files hold, in memory."""

    def __init__(self, files: FileSystem, state: SweepState, rows_per_part: int, attempts_per_part: int) -> None:
        self._files = files
        self._state = state
        self._reports = ReportParts(files, state.plan.sweep_id, rows_per_part)
        self._attempts = AttemptTable(files, state.plan.sweep_id, attempts_per_part)
        self._columns = TrialColumns(state.plan)
        self._curves = Curves(state.plan)
        self._session = DriverPeriod()
        self._sessions: dict[int, DriverPeriod] = {}
        self._gpu_s: defaultdict[int, float] = defaultdict(float)
        self._rows: dict[int, tuple[object, ...]] = {}
        self._scored: set[int] = set()
        self._touched: set[int] = set()
        self._is_first = True

    def take(self, event: ev.Event) -> None:
        """Take one record in, after the state did."""
        state = self._state
        if isinstance(event, ev.DriverStarted):
            has_changed = event.code_hash != state.plan.provenance.code_hash
            self._session = DriverPeriod(event.epoch, event.code_hash, has_changed)
        elif isinstance(event, ev.Heartbeat):
            self._touched.update(trial for trial, _ in event.running)
        elif isinstance(event, ev.TrialProposed | ev.AttemptStarted | ev.AttemptPlaced | ev.Reported | ev.AttemptEnded):
            self._touched.add(event.trial)
            self._sessions[event.trial] = self._session
        elif isinstance(event, ev.TrialReopened | ev.TrialWithdrawn | ev.CheckpointRemoved):
            self._touched.add(event.trial)
        elif isinstance(event, ev.PlaceHeld) and event.trial is not None:
            self._touched.add(event.trial)
            self._gpu_s[event.trial] += event.seconds * state.plan.spec.resources.gpus
        elif isinstance(event, ev.SpecAmended):
            self._columns = TrialColumns(state.plan)  # a space that grew may need other types
            self._touched.update(range(len(state.trials)))
        self._curves.take(event, state.trials)
        self._attempts.take(event, state, self._session)
        self._take_report(event)
        if isinstance(event, ev.AttemptEnded):
            charged_s = state.trial(event.trial).attempts[event.attempt].charged_s
            self._gpu_s[event.trial] += charged_s * state.plan.spec.resources.gpus

    def _take_report(self, event: ev.Event) -> None:
        if isinstance(event, ev.AttemptStarted):
            self._reports.begin(event.trial, event.attempt)
        elif isinstance(event, ev.Reported):
            self._reports.add(event, self._state.trial(event.trial).stage, self._session)
        elif isinstance(event, ev.AttemptEnded):
            self._reports.end(event.trial, event.attempt)

    def write(self, folder: Location) -> None:
        """Write what changed: a trial's row never counts a report, or names an attempt, that is not there."""
        self._reports.write()
        self._attempts.write(self._state)
        replace_table(self._files, TRIALS, self._trial_table())
        winner = self._state.winner()
        diagnosis = self._curves.diagnoses.get(winner.number) if winner else None
        write_best(self._files, self._state, folder, diagnosis)
        if self._is_first:
            self._reports.empty_strays()
            self._attempts.empty_strays()
        self._is_first = False

    def _trial_table(self) -> pa.Table:
        scores = found.scores if (found := self._state.confirmation()) else {}
        self._touched |= self._scored | scores.keys()
        self._scored = set(scores)
        for number in self._touched:
            trial = self._state.trial(number)
            known = self._sessions.get(number, DriverPeriod()), self._curves.diagnoses.get(number)
            self._rows[number] = self._columns.row(trial, self._paid(trial), *known, scores.get(number))
        self._touched.clear()
        return table_of([self._rows[trial.number] for trial in self._state.everyone()], self._columns.schema)

    def _paid(self, trial: Trial) -> Paid:
        worker_s = sum(attempt.charged_s for attempt in trial.attempts)
        gpu_s = self._gpu_s[trial.number]
        if trial.is_open and trial.attempt.placed_s is not None and trial.attempt.seen_s is not None:
            open_s = max(0.0, trial.attempt.seen_s - trial.attempt.placed_s)
            worker_s, gpu_s = worker_s + open_s, gpu_s + open_s * self._state.plan.spec.resources.gpus
        return Paid(worker_s, gpu_s)
