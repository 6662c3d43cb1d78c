"""reports/part-00000.parquet and on: one row a report, in few files, complete at every instant.

A part is rewritten as it grows and sealed at `ROWS_PER_PART` rows. A row stays in the part it was first written to, so
the union of the files holds each row once at every instant, and the same log gives the same files.

Files are put in place newest first. A metric that first appears mid-run is a new column, and so reaches the newest
part first and then the sealed ones, with nulls, the first part last. Readers take the columns of a glob from its first
file, whose columns are at every instant a part of every other's: no reader needs `union_by_name`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from orchestrator.results.columns import REPORT_HEAD, DriverPeriod, FreeNames, moment
from orchestrator.results.parquet_file import column_types, read_table, replace_table
from orchestrator.results.row_parts import empty_parts, part_name
from orchestrator.sweep import event as ev
from orchestrator.sweep.recordable import TEXT_SUFFIX

if TYPE_CHECKING:
    from orchestrator.storage.filesystem import FileSystem

FOLDER = "reports"
ROWS_PER_PART = 25_000
NUMBER, TEXT = pa.float64(), pa.string()
_ROWS_PER_CHUNK = 10_000
_Row: TypeAlias = dict[str, object]
_Key: TypeAlias = tuple[int, int, float]
"""Trial, attempt and fidelity: what tells one row from another."""


class ReportParts:
    """The report table of one sweep: `add` takes rows into memory, `write` puts them on disk."""

    def __init__(self, files: FileSystem, sweep_id: str, rows_per_part: int = ROWS_PER_PART) -> None:
        self._files = files
        self._sweep_id = sweep_id
        self._rows_per_part = rows_per_part
        self._metrics = self._metrics_on_disk()
        self._metrics_written = 0
        self._names = FreeNames(REPORT_HEAD)
        self._column_of: dict[tuple[str, bool], str] = {}
        self._reported: dict[tuple[int, int], set[float]] = {}
        self._index = 0
        self._part = self._schema.empty_table()
        self._waiting: list[_Row] = []
        self._again: dict[_Key, _Row] = {}
        self._changed: dict[int, pa.Table] = {}
        self._is_dirty = True

    def begin(self, trial: int, attempt: int) -> None:
        """Take note that an attempt may report from now on."""
        self._reported[trial, attempt] = set()

    def end(self, trial: int, attempt: int) -> None:
        """Take note that an attempt is over."""
        self._reported.pop((trial, attempt), None)

    def add(self, report: ev.Reported, stage: str, session: DriverPeriod) -> None:
        """Take a report in. One whose key is there already joins that row where it stands: the later values win."""
        row = self._row(report, stage, session)
        known = self._reported.get((report.trial, report.attempt))
        self._is_dirty = True
        if known is None or report.fidelity in known:  # of an attempt that is over, no driver writes one
            key = (report.trial, report.attempt, report.fidelity)
            self._again[key] = _joined(self._again.get(key, {}), row)
        else:
            known.add(report.fidelity)
            self._append(row)

    def write(self) -> bool:
        """Write what changed; returns whether anything was. Raises StorageError, and then forgets nothing."""
        if not self._is_dirty:
            return False
        self._settle()
        self._absorb()
        if self._part.num_rows or not self._index:
            self._put(self._index, self._part)
        is_wider = len(self._metrics) > self._metrics_written
        for index in reversed(range(self._index)):
            if index in self._changed or is_wider:
                self._put(index, self._sealed(index))
        self._changed.clear()
        self._metrics_written = len(self._metrics)
        self._is_dirty = False
        return True

    def empty_strays(self) -> None:
        """Empty parts beyond the newest: they hold what a restored, older log no longer knows. After a rebuild."""
        first = self._index if self._index and not self._part.num_rows else self._index + 1
        empty_parts(self._files, FOLDER, first, self._schema)

    @property
    def _schema(self) -> pa.Schema:
        return pa.schema({**REPORT_HEAD, **self._metrics})

    def _column(self, metric: str, arrow: pa.DataType) -> str:
        key = metric, arrow == TEXT
        if key not in self._column_of:
            name = f"{metric}{TEXT_SUFFIX}" if arrow == TEXT else metric
            self._column_of[key] = self._names.take("metric", name)
            self._metrics[self._column_of[key]] = arrow
        return self._column_of[key]

    def _metrics_on_disk(self) -> dict[str, pa.DataType]:
        # A rebuild must not take a column away from readers until the log gets to where the metric appeared.
        columns = column_types(self._files, part_name(FOLDER, 0))
        return {name: arrow for name, arrow in columns.items() if name not in REPORT_HEAD}

    def _row(self, report: ev.Reported, stage: str, session: DriverPeriod) -> _Row:
        row: _Row = {
            "sweep_id": self._sweep_id,
            "trial": report.trial,
            "attempt": report.attempt,
            "fidelity": report.fidelity,
            "t": moment(report.t),
            "stage": stage,
            "verdict": report.stop.value if report.stop else "continue",
            "checkpoint": report.checkpoint,
            "session": session.epoch,
            "code_hash": session.code_hash,
            "code_changed": session.code_changed,
        }
        for name, value in report.metrics.items():
            row[self._column(name, NUMBER)] = float(value)
        for name, text in report.texts.items():
            row[self._column(name, TEXT)] = text
        return row

    def _append(self, row: _Row) -> None:
        self._waiting.append(row)
        is_full = int(self._part.num_rows) + len(self._waiting) >= self._rows_per_part
        if is_full or len(self._waiting) >= _ROWS_PER_CHUNK:
            self._absorb()
        if is_full:
            self._changed[self._index] = self._part
            self._index += 1
            self._part = self._schema.empty_table()

    def _absorb(self) -> None:
        if self._waiting:
            rows = pa.Table.from_pylist(self._waiting, schema=self._schema)
            self._part = pa.concat_tables([self._with_all_columns(self._part), rows])
            self._waiting = []
        if self._part.column("trial").num_chunks > 64:
            self._part = self._part.combine_chunks()

    def _settle(self) -> None:
        """Join to their rows what was reported again; a key that turns out to be new is appended."""
        for key, row in list(self._again.items()):
            self._absorb()
            for index in range(self._index, -1, -1):
                table = self._part if index == self._index else self._sealed(index)
                if (at := _place_of(table, key)) >= 0:
                    self._replace(index, table, at, row)
                    break
            else:
                self._append(row)
            del self._again[key]

    def _replace(self, index: int, table: pa.Table, at: int, row: _Row) -> None:
        table = self._with_all_columns(table)
        (older,) = table.slice(at, 1).to_pylist()
        newer = pa.Table.from_pylist([_joined(older, row)], schema=self._schema)
        replaced = pa.concat_tables([table.slice(0, at), newer, table.slice(at + 1)]).combine_chunks()
        if index == self._index:
            self._part = replaced
        else:
            self._changed[index] = replaced

    def _sealed(self, index: int) -> pa.Table:
        return self._changed[index] if index in self._changed else read_table(self._files, part_name(FOLDER, index))

    def _with_all_columns(self, table: pa.Table) -> pa.Table:
        return pa.concat_tables([self._schema.empty_table(), table], promote_options="default")

    def _put(self, index: int, table: pa.Table) -> None:
        replace_table(self._files, part_name(FOLDER, index), self._with_all_columns(table))


def _joined(older: _Row, newer: _Row) -> _Row:
    return {**older, **{name: value for name, value in newer.items() if value is not None}}


def _place_of(table: pa.Table, key: _Key) -> int:
    """Return the number of the row with that key; -1 without one."""
    found = pc.equal(table.column("trial"), key[0])
    for name, value in zip(("attempt", "fidelity"), key[1:], strict=True):
        found = pc.and_(found, pc.equal(table.column(name), value))
    return int(pc.index(found, pa.scalar(value=True)).as_py())
