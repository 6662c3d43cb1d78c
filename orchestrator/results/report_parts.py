"""reports/part-00000.parquet and on: one row a report, in few files, complete at every instant.

A part is rewritten as it grows and sealed at `ROWS_PER_PART` rows. A row stays in the part it was first written to, so
the union of the files holds each row once at every instant, and the same log gives the same files.

A metric that first appears mid-run is a new column: the newest part gets it first, then the sealed ones are rewritten
with nulls, last part first. Readers take the columns of a glob from its first file, whose columns are at every instant
a part of every other's: no reader needs `union_by_name`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from orchestrator.results.columns import REPORT_HEAD, DriverPeriod, free_name, moment
from orchestrator.results.parquet_file import column_names, read_table, replace_table
from orchestrator.sweep import event as ev

if TYPE_CHECKING:
    from orchestrator.storage.filesystem import FileSystem

FOLDER = "reports"
ROWS_PER_PART = 25_000
_ROWS_PER_CHUNK = 10_000
_KEY = ("trial", "attempt", "fidelity")


class ReportParts:
    """The report table of one sweep: `add` takes rows in, `write` puts them on disk."""

    def __init__(self, files: FileSystem, sweep_id: str, rows_per_part: int = ROWS_PER_PART) -> None:
        self._files = files
        self._sweep_id = sweep_id
        self._rows_per_part = rows_per_part
        self._metrics = self._metrics_on_disk()
        self._metrics_written = 0
        self._column_of: dict[str, str] = {}
        self._index = 0
        self._part = self._schema.empty_table()
        self._waiting: list[dict[str, object]] = []
        self._is_dirty = True

    @property
    def is_full(self) -> bool:
        """Say whether the newest part must be written before another row is added."""
        return int(self._part.num_rows) + len(self._waiting) >= self._rows_per_part

    def add(self, report: ev.Reported, stage: str, session: DriverPeriod, *, is_new: bool = True) -> None:
        """Take a report in. `is_new` False: its key may be there already; the later report then replaces it."""
        row: dict[str, object] = {
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
            row[self._column_of.get(name) or self._new_column(name)] = float(value)
        self._is_dirty = True
        if is_new or not self._replaced(row):
            self._waiting.append(row)
            if len(self._waiting) >= _ROWS_PER_CHUNK:
                self._absorb()

    def write(self) -> bool:
        """Write what changed; returns whether anything was. Raises StorageError, and then forgets nothing."""
        if not self._is_dirty:
            return False
        self._absorb()
        self._put(self._index, self._part)
        if len(self._metrics) > self._metrics_written:
            for index in reversed(range(self._index)):
                self._put(index, self._with_all_columns(self._read(index)))
            self._metrics_written = len(self._metrics)
        if self.is_full:
            self._index += 1
            self._part = self._schema.empty_table()
        self._is_dirty = False
        return True

    def empty_strays(self) -> None:
        """Empty parts beyond the newest: they hold what a restored, older log no longer knows. After a rebuild."""
        newest = _name(self._index)
        for name in self._files.names(FOLDER):
            if name.startswith("part-") and name.endswith(".parquet") and f"{FOLDER}/{name}" > newest:
                replace_table(self._files, f"{FOLDER}/{name}", self._schema.empty_table())

    @property
    def _schema(self) -> pa.Schema:
        return pa.schema({**REPORT_HEAD, **dict.fromkeys(self._metrics, pa.float64())})

    def _new_column(self, metric: str) -> str:
        column = self._column_of[metric] = free_name("metric", metric, REPORT_HEAD)
        self._metrics.setdefault(column)
        return column

    def _metrics_on_disk(self) -> dict[str, None]:
        # A rebuild must not take a column away from readers until the log gets to where the metric appeared.
        return dict.fromkeys(name for name in column_names(self._files, _name(0)) if name not in REPORT_HEAD)

    def _absorb(self) -> None:
        if self._waiting:
            rows = pa.Table.from_pylist(self._waiting, schema=self._schema)
            self._part = pa.concat_tables([self._with_all_columns(self._part), rows])
            self._waiting = []
        if self._part.column("trial").num_chunks > 64:
            self._part = self._part.combine_chunks()

    def _with_all_columns(self, table: pa.Table) -> pa.Table:
        return pa.concat_tables([self._schema.empty_table(), table], promote_options="default")

    def _replaced(self, row: dict[str, object]) -> bool:
        self._absorb()
        for index in range(self._index, -1, -1):
            table = self._part if index == self._index else self._read(index)
            others = table.filter(pc.invert(_has_key(table, row)))
            if others.num_rows < table.num_rows:
                newest = pa.Table.from_pylist([row], schema=self._schema)
                replaced = pa.concat_tables([self._with_all_columns(others), newest])
                if index == self._index:
                    self._part = replaced
                else:
                    self._put(index, replaced)
                return True
        return False

    def _read(self, index: int) -> pa.Table:
        return read_table(self._files, _name(index))

    def _put(self, index: int, table: pa.Table) -> None:
        replace_table(self._files, _name(index), table)


def _name(index: int) -> str:
    return f"{FOLDER}/part-{index:05d}.parquet"


def _has_key(table: pa.Table, row: dict[str, object]) -> pa.ChunkedArray:
    found = pc.equal(table.column(_KEY[0]), row[_KEY[0]])
    for name in _KEY[1:]:
        found = pc.and_(found, pc.equal(table.column(name), row[name]))
    return found
