"""A sweep as Parquet, made from the journal while it runs: `select ... from 'runs/digits/trials/*.parquet'`.

    trials/trials.parquet          one row a trial, see `orchestrator.results.columns`
    reports/part-00000.parquet     one row a report, see `orchestrator.results.report_parts`
    best.json                      see `orchestrator.results.best`

The journal is the truth: the tables can be thrown away and made again, and they hold committed records only. DuckDB,
pandas and Polars can read them at any instant without locking anything (see `orchestrator.results.parquet_file`), and
within a table keys are unique and counts never fall, across crashes too. In reports, a number that was not finite is
NaN or infinite and one that was not reported is null; in trials, the objective's columns are finite or null.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable

import pyarrow as pa

from orchestrator.control.fold import SweepState
from orchestrator.errors import JournalDamagedError, StorageError
from orchestrator.results.best import write_best
from orchestrator.results.columns import DriverPeriod, Paid, TrialColumns
from orchestrator.results.diagnoses import Curves
from orchestrator.results.parquet_file import replace_table
from orchestrator.results.report_parts import ROWS_PER_PART, ReportParts
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.journal import JournalReader
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Trial

TRIALS = "trials/trials.parquet"
PERIOD_S = 1.0
MAX_SHARE = 0.05
"""Largest part of the time that refreshing may take: a refresh of 0.2 s is followed by a pause of 4 s."""


class Tables:
    """The tables of one sweep. It follows the journal on its own and shares nothing with whoever writes it."""

    def __init__(self, files: FileSystem, folder: Location, rows_per_part: int = ROWS_PER_PART) -> None:
        self._files = files
        self._folder = folder
        self._rows_per_part = rows_per_part
        self._reader = JournalReader(files)
        self._unread: deque[ev.Event] = deque()
        self._content: _Content | None = None

    def refresh(self) -> bool:
        """Bring the files up to the journal's last committed record; returns whether anything was written.

        Raises StorageError where a file cannot be written; the next call then goes on from there. Raises
        JournalDamagedError as the reader does.
        """
        self._unread.extend(self._reader.read_new())
        if self._content is None:
            if not self._unread:
                return False
            first = self._unread.popleft()
            if not isinstance(first, ev.SweepPlanned):
                raise ValueError("the journal does not begin with a plan")
            self._content = _Content(self._files, first, self._rows_per_part)
        while True:
            if self._content.reports.is_full:
                self._content.reports.write()
            if not self._unread:
                return self._content.write(self._folder)
            self._content.take(self._unread.popleft())


class _Content:
    """What the files hold, in memory."""

    def __init__(self, files: FileSystem, first: ev.SweepPlanned, rows_per_part: int) -> None:
        self.state = SweepState(first)
        self.reports = ReportParts(files, self.state.plan.sweep_id, rows_per_part)
        self._files = files
        self._columns = TrialColumns(self.state.plan)
        self._curves = Curves(self.state.plan)
        self._session = DriverPeriod()
        self._sessions: dict[int, DriverPeriod] = {}
        self._gpu_s: defaultdict[int, float] = defaultdict(float)
        self._rows: list[tuple[object, ...]] = []
        self._touched: set[int] = set()
        self._is_dirty = True
        self._is_first = True

    def take(self, event: ev.Event) -> None:
        """Take one record in."""
        state = self.state
        if isinstance(event, ev.Reported):
            trial = state.trials[event.trial]
            is_new = event.fidelity > trial.attempts[event.attempt].fidelity
            self.reports.add(event, trial.stage, self._session, is_new=is_new)
        state.apply(event)
        self._curves.take(event, state.trials)
        self._is_dirty = True
        if isinstance(event, ev.DriverStarted):
            has_changed = event.code_hash != state.plan.provenance.code_hash
            self._session = DriverPeriod(event.epoch, event.code_hash, has_changed)
        elif isinstance(event, ev.Heartbeat):
            self._touched.update(trial for trial, _ in event.running)
        elif isinstance(event, ev.TrialProposed | ev.AttemptStarted | ev.AttemptPlaced | ev.Reported | ev.AttemptEnded):
            self._touched.add(event.trial)
            self._sessions[event.trial] = self._session
        if isinstance(event, ev.AttemptEnded):
            charged_s = state.trials[event.trial].attempts[event.attempt].charged_s
            self._gpu_s[event.trial] += charged_s * state.plan.spec.resources.gpus

    def write(self, folder: Location) -> bool:
        """Write what changed: the reports first, so that a trial's row never counts a report that is not there."""
        if not self._is_dirty:
            return False
        self.reports.write()
        replace_table(self._files, TRIALS, self._trial_table())
        winner = self.state.winner()
        diagnosis = self._curves.diagnoses.get(winner.number) if winner else None
        write_best(self._files, self.state, folder, diagnosis)
        if self._is_first:
            self.reports.empty_strays()
        self._is_first = self._is_dirty = False
        return True

    def _trial_table(self) -> pa.Table:
        self._rows += [()] * (len(self.state.trials) - len(self._rows))
        for number in self._touched:
            trial = self.state.trials[number]
            known = self._sessions.get(number, DriverPeriod()), self._curves.diagnoses.get(number)
            self._rows[number] = self._columns.row(trial, self._paid(trial), *known)
        self._touched.clear()
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(self._columns.schema)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._columns.schema, strict=True)]
        return pa.table(arrays, schema=self._columns.schema)

    def _paid(self, trial: Trial) -> Paid:
        worker_s = sum(attempt.charged_s for attempt in trial.attempts)
        gpu_s = self._gpu_s[trial.number]
        if trial.is_open and trial.attempt.placed_t is not None and trial.attempt.seen_t is not None:
            open_s = max(0.0, trial.attempt.seen_t - trial.attempt.placed_t)
            worker_s, gpu_s = worker_s + open_s, gpu_s + open_s * self.state.plan.spec.resources.gpus
        return Paid(worker_s, gpu_s)


class TableWriter:
    """A thread that refreshes the tables every second beside a driver, less often where that takes 5 % of the time.

    A file that cannot be written (the disk is full, say) is said once and tried again: the journal is the truth. Any
    other error ends the thread. Nothing is lost in silence: `stop` tells what is wrong at the end.
    """

    def __init__(
        self,
        folder: Location,
        warn: Callable[[str], None] | None = None,
        tables: Tables | None = None,
        period_s: float = PERIOD_S,
    ) -> None:
        self.error: BaseException | None = None
        """What ended the thread; None while all is well."""
        self._tables = tables or Tables(folder.files(), folder)
        self._warn = warn or _say
        self._period_s = period_s
        self._problem: str | None = None
        self._has_warned = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stepladder-tables", daemon=True)
        self._thread.start()

    def stop(self) -> list[str]:
        """Refresh once more and end. Returns what is wrong with the files now, one sentence each."""
        self._stop.set()
        self._thread.join()
        self._guarded()
        return [] if self._problem is None else [self._problem]

    def _run(self) -> None:
        pause_s = 0.0
        while not self._stop.wait(pause_s) and self.error is None:
            begun = time.monotonic()
            self._guarded()
            pause_s = max(self._period_s, (time.monotonic() - begun) * (1 / MAX_SHARE - 1))

    def _guarded(self) -> None:
        if self.error is not None:
            return
        try:
            self._tables.refresh()
            self._problem = None
        except StorageError as error:
            self._problem = f"the tables are behind the journal: {error}"
            if isinstance(error, JournalDamagedError):
                self.error = error
            elif not self._has_warned:
                self._has_warned = True
                self._warn(self._problem)
        except BaseException as error:  # noqa: BLE001 - kept in `error` and told by `stop`
            self.error = error
            self._problem = f"the tables are behind the journal, by an error of Stepladder's own: {error!r}"


def _say(message: str) -> None:
    sys.stderr.write(f"warning: {message}\n")
