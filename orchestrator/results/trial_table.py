"""trials/part-00000.parquet and on: one row a trial, in the order in which the log proposes them.

A row may change long after its neighbours: a trial is opened again, withdrawn, loses its checkpoint, is confirmed. It
then changes where it lies, so that no reader sees it twice or misses it, and its part alone is written again.

A folder in which all rows lie in one file, as version 0.1 wrote it, keeps them there: nothing can move rows from one
file to another at one instant.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import TYPE_CHECKING

from orchestrator.results.columns import DriverPeriod, Paid, TrialColumns
from orchestrator.results.row_parts import ROWS_PER_PART, RowParts
from orchestrator.sweep import event as ev

if TYPE_CHECKING:
    from orchestrator.curves.diagnosis import Diagnosis
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.filesystem import FileSystem
    from orchestrator.sweep.plan import Plan
    from orchestrator.sweep.trial import Trial

FOLDER = "trials"
WHOLE = "trials/trials.parquet"
"""Where all rows lie in a folder that version 0.1 began."""


class TrialTable:
    """The table of one sweep's trials: `take` notes what changed, `write` puts rows on disk."""

    def __init__(self, files: FileSystem, plan: Plan, rows_per_part: int = ROWS_PER_PART) -> None:
        self._files = files
        self._rows_per_part = rows_per_part
        self._columns = TrialColumns(plan)
        self._parts: RowParts | None = None
        self._places: dict[int, int] = {}  # trial to row
        self._sessions: dict[int, DriverPeriod] = {}
        self._gpu_s: defaultdict[int, float] = defaultdict(float)
        self._scored: set[int] = set()
        self._touched: set[int] = set()

    def take(self, event: ev.Event, state: SweepState, period: DriverPeriod) -> None:
        """Take one record in, after `state` took it; `period` is what was in force when it was written."""
        gpus = state.plan.spec.resources.gpus
        if isinstance(event, ev.Heartbeat):
            self._touched.update(trial for trial, _ in event.running)
        elif isinstance(event, ev.TrialProposed | ev.AttemptStarted | ev.AttemptPlaced | ev.Reported | ev.AttemptEnded):
            self._touched.add(event.trial)
            self._sessions[event.trial] = period
        elif isinstance(event, ev.TrialReopened | ev.TrialWithdrawn | ev.CheckpointRemoved):
            self._touched.add(event.trial)
        elif isinstance(event, ev.PlaceHeld) and event.trial is not None:
            self._touched.add(event.trial)
            self._gpu_s[event.trial] += event.seconds * gpus
        elif isinstance(event, ev.SpecAmended):
            self._columns = TrialColumns(state.plan)  # a space that grew may need other types
            self._touched.update(self._places)
            if self._parts is not None:
                self._parts.change_types(self._columns.schema)
        if isinstance(event, ev.TrialProposed):
            self._places[event.trial] = len(self._places)
        elif isinstance(event, ev.AttemptEnded):
            self._gpu_s[event.trial] += state.trial(event.trial).attempts[event.attempt].charged_s * gpus

    def write(self, state: SweepState, diagnoses: dict[int, Diagnosis]) -> None:
        """Write the parts with a changed row. Raises StorageError, and then forgets nothing."""
        if self._parts is None:
            self._parts = self._begun()
        scores = found.scores if (found := state.confirmation()) else {}
        self._touched |= self._scored | scores.keys()
        self._scored = set(scores)
        places = {self._places[number]: number for number in self._touched if number in self._places}
        for place, number in sorted(places.items()):
            trial = state.trial(number)
            known = self._sessions.get(number, DriverPeriod()), diagnoses.get(number)
            self._parts.put(place, self._columns.row(trial, self._paid(trial, state), *known, scores.get(number)))
        self._touched.clear()
        self._parts.write()

    def empty_strays(self) -> None:
        """Empty parts that hold what a restored, older log no longer knows. After a rebuild."""
        if self._parts is not None:
            self._parts.empty_strays()

    def _begun(self) -> RowParts:
        if self._files.exists(WHOLE):
            return RowParts(self._files, FOLDER, self._columns.schema, sys.maxsize, WHOLE)
        return RowParts(self._files, FOLDER, self._columns.schema, self._rows_per_part)

    def _paid(self, trial: Trial, state: SweepState) -> Paid:
        worker_s = sum(attempt.charged_s for attempt in trial.attempts)
        gpu_s = self._gpu_s[trial.number]
        if trial.is_open and trial.attempt.placed_s is not None and trial.attempt.seen_s is not None:
            open_s = max(0.0, trial.attempt.seen_s - trial.attempt.placed_s)
            worker_s, gpu_s = worker_s + open_s, gpu_s + open_s * state.plan.spec.resources.gpus
        return Paid(worker_s, gpu_s)
