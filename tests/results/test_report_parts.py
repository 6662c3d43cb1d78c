"""The report files grow, are sealed, gain columns and are built anew, and are whole at every instant."""

from __future__ import annotations

import msgspec
import pyarrow.parquet as pq
import pytest

from orchestrator.errors import StorageError
from orchestrator.results.tables import Tables
from orchestrator.sweep import event as ev


def reports_of(events):
    return [event for event in events if isinstance(event, ev.Reported)]


def test_parts_are_sealed_and_the_union_stays_whole(sweep, told):
    tables = sweep.tables(rows_per_part=20)
    written, seen = 0, set()
    for batch in [told[i : i + 37] for i in range(0, len(told), 37)]:
        sweep.write(batch)
        tables.refresh()
        written += len(reports_of(batch))
        keys = sweep.query("select trial, attempt, fidelity from {reports}")
        assert len(keys) == len(set(keys)) == written
        assert seen <= set(keys)
        seen = set(keys)
    sizes = [pq.read_metadata(file).num_rows for file in sorted((sweep.folder / "reports").glob("*.parquet"))]
    assert sizes[:-1] == [20] * (len(sizes) - 1)
    assert 1 <= sizes[-1] <= 20


def test_a_new_metric_reaches_the_older_parts_too(sweep, told):
    reports = reports_of(told)
    first_late = next(i for i, event in enumerate(told) if isinstance(event, ev.Reported) and "late" in event.metrics)
    tables = sweep.tables(rows_per_part=5)
    sweep.write(told[:first_late])
    tables.refresh()
    parts = sorted((sweep.folder / "reports").glob("*.parquet"))
    assert len(parts) > 1
    assert all("late" not in pq.read_schema(part).names for part in parts)
    sweep.write(told[first_late : first_late + 1])
    tables.refresh()
    parts = sorted((sweep.folder / "reports").glob("*.parquet"))
    assert all(pq.read_schema(part).names[-1] == "late" for part in parts)
    assert sweep.query("select count(*), count(late) from {reports}")[0] == (
        len([event for event in told[:first_late] if isinstance(event, ev.Reported)]) + 1,
        1,
    )
    assert reports[0].metrics.keys() == {"score", "loss", "epoch"}


def test_a_rebuild_gives_the_same_files(sweep, told, tmp_path):
    tables = sweep.tables(rows_per_part=30)
    for batch in [told[i : i + 41] for i in range(0, 300, 41)]:
        sweep.write(batch)
        tables.refresh()
    grown = sweep.content()
    assert sweep.tables(rows_per_part=30).refresh() is True
    assert sweep.content() == grown
    for file in sweep.folder.rglob("*.parquet"):
        file.unlink()
    sweep.tables(rows_per_part=30).refresh()
    assert sweep.content() == grown


class Recording:
    """The sweep's file system, which looks at all report files after each one that is put in place."""

    def __init__(self, sweep):
        self._files, self._sweep = sweep.files, sweep
        self.counts, self.late = [], []

    def __getattr__(self, name):
        return getattr(self._files, name)

    def replace(self, name, data):
        self._files.replace(name, data)
        if name.startswith("reports/"):
            keys = self._sweep.query("select trial, attempt, fidelity from {reports}")
            assert len(keys) == len(set(keys))
            self.counts.append(len(keys))
            self.late.append(any(column == "late" for column, *_ in self._sweep.query("describe from {reports}")))


def test_between_any_two_files_counts_never_fall_and_columns_never_go(sweep, told):
    recording = Recording(sweep)
    for batch in [told[i : i + 97] for i in range(0, len(told), 97)]:
        sweep.write(batch)
        Tables(recording, sweep.location, rows_per_part=30).refresh()  # each a driver that begins anew
    assert recording.counts == sorted(recording.counts)
    assert recording.counts[-1] == len(reports_of(told))
    assert recording.late == sorted(recording.late)
    assert recording.late[-1]


def test_parts_beyond_a_restored_log_are_emptied(sweep, told):
    sweep.write(told)
    sweep.tables(rows_per_part=30).refresh()
    (sweep.folder / "journal" / "000001.jsonl").unlink()
    sweep.restore()
    sweep.write(told[:100])
    sweep.tables(rows_per_part=30).refresh()
    assert sweep.query("select count(*) from {reports}")[0] == (len(reports_of(told[:100])),)


def test_a_damaged_part_is_replaced(sweep, told):
    sweep.write(told)
    sweep.tables().refresh()
    whole = sweep.content()
    part = sweep.folder / "reports" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-9])
    sweep.tables().refresh()
    assert sweep.content() == whole


def test_a_key_that_the_log_holds_twice_keeps_the_last(sweep, told):
    reports = [event for event in reports_of(told) if event.stop is None]
    again = [
        msgspec.structs.replace(event, metrics=event.metrics | {"loss": -5.0}) for event in (reports[0], reports[40])
    ]
    tables = sweep.tables(rows_per_part=30)
    sweep.write(told[:250])
    tables.refresh()
    before = sweep.query("select count(*) from {reports}")[0]
    sweep.write(again)
    tables.refresh()
    assert sweep.query("select count(*) from {reports}")[0] == before
    found = sweep.query("select trial, attempt, fidelity from {reports} where loss = -5")
    assert set(found) == {(event.trial, event.attempt, event.fidelity) for event in again}


def test_a_full_disk_loses_nothing(sweep, told, disk):
    tables = Tables(disk, sweep.location, rows_per_part=30)
    for index, batch in enumerate(told[i : i + 41] for i in range(0, len(told), 41)):
        sweep.write(batch)
        disk.is_full = index % 3 != 0
        if disk.is_full:
            with pytest.raises(StorageError, match="the disk is full"):
                tables.refresh()
        else:
            tables.refresh()
    disk.is_full = False
    tables.refresh()
    grown = sweep.content()
    sweep.tables(rows_per_part=30).refresh()
    assert sweep.content() == grown
    assert sweep.query("select count(*) from {reports}")[0] == (len(reports_of(told)),)
