"""The thread beside a driver keeps the tables fresh, survives a full disk, tells what went wrong."""

from __future__ import annotations

import threading
import time

import duckdb
import pytest

from orchestrator.errors import JournalDamagedError
from orchestrator.results.tables import Tables, TableWriter
from orchestrator.sweep import event as ev


def reports_of(events):
    return [event for event in events if isinstance(event, ev.Reported)]


def wait_until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_writer_warns_once_of_a_full_disk_and_goes_on(sweep, told, disk):
    warnings = []
    disk.is_full = True
    sweep.write(told[:100])
    writer = TableWriter(sweep.location, warnings.append, Tables(disk, sweep.location), period_s=0.01)
    wait_until(lambda: warnings)
    time.sleep(0.05)
    assert len(warnings) == 1
    assert "the tables are behind the journal" in warnings[0]
    assert "the disk is full; free some space" in warnings[0]
    disk.is_full = False
    wait_until(lambda: (sweep.folder / "best.json").exists())
    sweep.write(told[100:200])
    assert writer.stop() == []
    assert sweep.query("select count(*) from {reports}")[0] == (len(reports_of(told[:200])),)


def test_a_disk_that_stays_full_is_told_at_the_end(sweep, told, disk, capsys):
    disk.is_full = True
    sweep.write(told[:100])
    (problem,) = TableWriter(sweep.location, tables=Tables(disk, sweep.location)).stop()
    assert problem == "the tables are behind the journal: reports/part-00000.parquet: the disk is full; free some space"
    assert capsys.readouterr().err == f"warning: {problem}\n"


def test_the_writer_keeps_an_error_of_its_own(sweep):
    sweep.write([ev.DriverStarted(0.0, 1, "host:17", "c0de", {})])
    writer = TableWriter(sweep.location)
    (problem,) = writer.stop()
    assert isinstance(writer.error, ValueError)
    assert "by an error of Stepladder's own" in problem
    assert "the journal does not begin with a plan" in problem


def test_the_writer_tells_of_a_damaged_journal(sweep, told):
    sweep.write(told[:100])
    journal = sweep.folder / "journal" / "000001.jsonl"
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 1
    journal.write_bytes(data)
    writer = TableWriter(sweep.location)
    (problem,) = writer.stop()
    assert isinstance(writer.error, JournalDamagedError)
    assert "damaged at byte" in problem


def write_slowly(sweep, events, stop):
    """Write the log in small frames and the tables after each, until all is written or `stop` is set."""
    tables = sweep.tables(rows_per_part=60)
    for batch in [events[i : i + 4] for i in range(0, len(events), 4)]:
        if stop.is_set():
            return
        sweep.write(batch)
        tables.refresh()


@pytest.mark.thorough
@pytest.mark.parametrize("reads", [40, 300], ids=["a connection a query", "one connection"])
def test_duckdb_reads_at_any_instant(sweep, told, reads):
    sweep.write(told[:20])
    sweep.tables().refresh()
    folder, stop = sweep.folder.as_posix(), threading.Event()
    writing = threading.Thread(target=write_slowly, args=(sweep, told[20:], stop))
    writing.start()
    connection = duckdb.connect()
    counts = []
    try:
        for _ in range(reads):
            connection = duckdb.connect() if reads == 40 else connection
            reports, keys = connection.execute(
                f"select count(*), count(distinct (trial, attempt, fidelity)) from '{folder}/reports/*.parquet'"
            ).fetchone()
            assert reports == keys
            stages = connection.execute(
                f"select stage, count(*), count(distinct trial), max(score) from '{folder}/trials/*.parquet' group by 1"
            ).fetchall()
            assert all(trials == numbers for _, trials, numbers, _ in stages)
            counts.append((reports, sum(trials for _, trials, _, _ in stages)))
    finally:
        stop.set()
        writing.join()
    assert [count for count, _ in counts] == sorted(count for count, _ in counts)
    assert [count for _, count in counts] == sorted(count for _, count in counts)
    assert len(set(counts)) > 5
