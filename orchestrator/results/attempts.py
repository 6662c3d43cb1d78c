"""attempts/part-00000.parquet and on: one row an attempt, what it cost and how it ended.

(trial, attempt) is the key. What the log does not know, or not yet, is null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from orchestrator.results.columns import MOMENT, DriverPeriod, moment
from orchestrator.results.row_parts import ROWS_PER_PART, RowParts
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Attempt

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.filesystem import FileSystem

FOLDER = "attempts"

ATTEMPT_COLUMNS = {
    "sweep_id": pa.string(),
    "trial": pa.int64(),
    "attempt": pa.int64(),
    "node": pa.string(),
    "gpu_ids": pa.string(),
    "decided": MOMENT,
    "reserved": MOMENT,
    "started": MOMENT,
    "first_report": MOMENT,
    "ended": MOMENT,
    "released": MOMENT,
    "outcome": pa.string(),
    "error": pa.string(),
    "cause": pa.string(),
    "from_fidelity": pa.float64(),
    "to_fidelity": pa.float64(),
    "spent_s": pa.float64(),
    "session": pa.int64(),
    "code_hash": pa.string(),
    "outside_hash": pa.string(),
    "gpu_memory_bytes": pa.int64(),
    "gpu_busy_percent": pa.float64(),
    "checkpoints_s": pa.float64(),
}
"""Moments are in UTC. `decided` is when the decision to start it was on disk, `reserved` when its GPUs were set aside,
`started` when a worker took it, `ended` when its end was written down: by the next driver where the driver died, and
`released`, when its GPUs were free again (a moment later, where its process has to end first), is then null. `outcome`
is a value of `orchestrator.sweep.trial.Outcome`, `cause` what ended it beside the training: a cap, a request, a
signal, a driver's death. It went on from `from_fidelity`, 0 from the start, and reported `to_fidelity` at most, null
before its first report. `spent_s` are the seconds charged to the budget, known once it ended. `session` is the number
of the driver that started it, `code_hash` the training code it ran: of a program, as the attempt found it.
`outside_hash` is of what a function imported from outside its pinned code and the installed packages; null where that
is nothing. `gpu_memory_bytes` is the most memory that was in use on one of its GPUs, `gpu_busy_percent` the mean part
of the time in which they computed, both sampled up to its last report (of several processes those of rank 0's), known
once it ended, where NVIDIA's driver is. `checkpoints_s` is how long its training waited for checkpoints to be put, up
to its last report; null where none was put, and before its end.

Logs of format 1 hold neither `reserved` nor `cause`.
"""


MOST_LEAVING = 10_000
"""How many attempts that ended are kept in mind, of which it may still be told when their places were free."""


@dataclass(slots=True)
class _Open:
    """What the state does not keep of an attempt that has not ended."""

    number: int
    """Its row."""
    period: DriverPeriod
    """What was in force when it was started."""
    first_report_t: float | None = None
    """When it first reported, seconds since the epoch; None before."""
    gpu_use: tuple[int | None, float | None] = (None, None)
    """Bytes and per cent, as its end says."""


class AttemptTable:
    """The table of one sweep's attempts: `take` takes records into memory, `write` puts rows on disk."""

    def __init__(self, files: FileSystem, sweep_id: str, rows_per_part: int = ROWS_PER_PART) -> None:
        self._sweep_id = sweep_id
        self._parts = RowParts(files, FOLDER, pa.schema(ATTEMPT_COLUMNS), rows_per_part)
        self._open: dict[tuple[int, int], _Open] = {}
        self._ended: dict[tuple[int, int], _Open] = {}
        self._touched: set[tuple[int, int]] = set()

    def take(self, event: ev.Event, state: SweepState, period: DriverPeriod) -> None:
        """Take one record in, after `state` took it; `period` is what was in force when it was written."""
        if isinstance(event, ev.PlaceHeld):
            self._take_held(event, state)
        if not isinstance(event, ev.AttemptStarted | ev.AttemptPlaced | ev.Reported | ev.AttemptEnded):
            return
        key = event.trial, event.attempt
        if isinstance(event, ev.AttemptStarted):
            self._open[key] = _Open(len(self._parts), period)
            self._put(key, state)
        if key not in self._open:  # it ended, and no driver writes anything more of it
            return
        if isinstance(event, ev.Reported) and self._open[key].first_report_t is None:
            self._open[key].first_report_t = event.t
        self._touched.add(key)
        if isinstance(event, ev.AttemptEnded):
            self._open[key].gpu_use = event.gpu_memory_bytes, event.gpu_busy_percent
            # Written by the driver that had it, its resources are free; a dead driver's were free at some time before.
            self._put(key, state, released_t=event.t if event.charged_until is None else None)
            self._touched.discard(key)
            self._ended[key] = self._open.pop(key)
            if len(self._ended) > MOST_LEAVING:
                del self._ended[next(iter(self._ended))]

    def _take_held(self, event: ev.PlaceHeld, state: SweepState) -> None:
        if event.trial is None or event.attempt is None:
            return
        known = self._ended.pop((event.trial, event.attempt), None)
        if known is not None:
            attempt = state.trial(event.trial).attempts[event.attempt]
            self._parts.put(known.number, self._row(event.trial, attempt, known, event.t))

    def write(self, state: SweepState) -> None:
        """Write what changed. Raises StorageError, and then forgets nothing."""
        for key in self._touched:
            self._put(key, state)
        self._touched.clear()
        self._parts.write()

    def empty_strays(self) -> None:
        """Empty parts that hold what a restored, older log no longer knows. After a rebuild."""
        self._parts.empty_strays()

    def _put(self, key: tuple[int, int], state: SweepState, released_t: float | None = None) -> None:
        known, attempt = self._open[key], state.trial(key[0]).attempts[key[1]]
        self._parts.put(known.number, self._row(key[0], attempt, known, released_t))

    def _row(self, trial: int, attempt: Attempt, known: _Open, released_t: float | None) -> tuple[object, ...]:
        has_ended, has_reported = attempt.ended_t is not None, known.first_report_t is not None
        return (
            self._sweep_id,
            trial,
            attempt.number,
            attempt.node,
            attempt.gpu_ids,
            moment(attempt.started_t),
            _moment(attempt.reserved_t),
            _moment(attempt.placed_t),
            _moment(known.first_report_t),
            _moment(attempt.ended_t),
            _moment(released_t) if attempt.placed_t is not None else None,
            attempt.outcome.value if attempt.outcome else None,
            attempt.error,
            attempt.cause,
            attempt.resumed_from,
            attempt.fidelity if has_reported else None,
            attempt.charged_s if has_ended else None,
            known.period.epoch,
            attempt.code_hash or known.period.code_hash,
            attempt.outside_hash,
            *known.gpu_use,
            attempt.checkpoints_s,
        )


def _moment(t: float | None) -> int | None:
    return None if t is None else moment(t)
