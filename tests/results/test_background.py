"""The thread beside a driver keeps its observers up to date, survives a full disk, tells what went wrong."""

from __future__ import annotations

import threading
import time

import duckdb
import pytest

from orchestrator.errors import JournalDamagedError, StorageError
from orchestrator.results.background import BackgroundFollower
from orchestrator.results.follower import Follower
from orchestrator.results.tables import Tables
from orchestrator.sweep import event as ev


def reports_of(events):
    return [event for event in events if isinstance(event, ev.Reported)]


def wait_until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def in_background(follower, warnings, period_s=0.01):
    return BackgroundFollower(follower, warnings.append, period_s)


def test_a_full_disk_is_told_once_and_following_goes_on(sweep, told, disk):
    warnings = []
    disk.is_full = True
    sweep.write(told[:100])
    following = in_background(sweep.tables(files=disk), warnings)
    wait_until(lambda: warnings)
    time.sleep(0.05)
    assert warnings == [
        "the tables fell behind the journal: reports/part-00000.parquet: the disk is full; free some space"
    ]
    disk.is_full = False
    wait_until(lambda: (sweep.folder / "best.json").exists())
    sweep.write(told[100:200])
    assert following.stop() == []
    assert sweep.query("select count(*) from {reports}")[0] == (len(reports_of(told[:200])),)


def test_a_disk_that_stays_full_is_told_at_the_end(sweep, told, disk, capsys):
    disk.is_full = True
    sweep.write(told[:100])
    (problem,) = BackgroundFollower(sweep.tables(files=disk)).stop()
    assert problem == (
        "the tables fell behind the journal: reports/part-00000.parquet: the disk is full; free some space"
    )
    assert capsys.readouterr().err == f"warning: {problem}\n"


def test_a_log_without_a_plan_is_told(sweep):
    warnings = []
    sweep.write([ev.DriverStarted(0.0, 1, "host:17", "c0de", {})])
    following = in_background(sweep.tables(), warnings)
    (problem,) = following.stop()
    assert isinstance(following.error, JournalDamagedError)
    assert problem.startswith("the tables fell behind the journal: journal: it does not begin with a plan")
    assert warnings == [problem]


def test_a_damaged_log_is_told_and_ends_the_thread(sweep, told):
    warnings = []
    sweep.write(told[:100])
    journal = sweep.folder / "journal" / "000001.jsonl"
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 1
    journal.write_bytes(data)
    following = in_background(sweep.tables(), warnings)
    wait_until(lambda: following.error is not None)
    (problem,) = following.stop()
    assert isinstance(following.error, JournalDamagedError)
    assert problem.startswith("the tables fell behind the journal: journal/000001.jsonl: damaged at byte")
    assert warnings == [problem]
    assert not (sweep.folder / "trials").exists()


def test_a_log_that_cannot_be_read_for_a_while_is_told_once_and_read_later(sweep, told):
    warnings, storage = [], Unreachable(sweep.files)
    sweep.write(told[:100])
    following = in_background(sweep.tables(files=storage), warnings)
    wait_until(lambda: warnings)
    time.sleep(0.05)
    assert warnings == ["the tables fell behind the journal: the bucket cannot be reached"]
    assert following.error is None
    storage.is_away = False
    wait_until(lambda: (sweep.folder / "best.json").exists())
    assert following.stop() == []


def test_a_record_that_does_not_add_up_is_told_as_an_error_of_our_own(sweep, told):
    sweep.write([*told[:2], ev.AttemptStarted(1.0, 99, 0)])
    following = in_background(sweep.tables(), [])
    (problem,) = following.stop()
    assert isinstance(following.error, IndexError)
    assert problem.startswith("the tables fell behind the journal, by an error of Stepladder's own: IndexError(")


def test_an_observer_that_fails_is_told_beside_tables_that_are_written(sweep, told):
    warnings = []
    sweep.write(told)
    follower = Follower(sweep.files, [Broken(), Tables(sweep.files, sweep.location)])
    following = in_background(follower, warnings)
    assert following.stop() == warnings == [
        "the broken sink fell behind the journal and stays there, by an error: KeyError('epoch')"
    ]  # fmt: skip
    assert following.error is None
    assert sweep.query("select count(*) from {reports}")[0] == (len(reports_of(told)),)


def test_what_another_driver_keeps_now_is_left_alone(sweep, told):
    sweep.write(told[:100])
    following = BackgroundFollower(sweep.tables(), period_s=1000.0)
    wait_until((sweep.folder / "best.json").exists, 240)
    kept = (sweep.folder / "reports/part-00000.parquet").read_bytes()
    sweep.write(told[100:])
    assert following.stop(is_ours=False) == []
    assert (sweep.folder / "reports/part-00000.parquet").read_bytes() == kept


class Broken:
    """An observer that cannot take the first report."""

    name = "the broken sink"

    def take(self, event, state):
        if isinstance(event, ev.Reported):
            raise KeyError("epoch")

    def flush(self):
        pass

    def close(self):
        pass


class Unreachable:
    """A file system whose files cannot be read while it `is_away`."""

    def __init__(self, files):
        self._files = files
        self.is_away = True

    def __getattr__(self, name):
        return getattr(self._files, name)

    def read(self, name, offset=0):
        if self.is_away:
            raise StorageError("the bucket cannot be reached")
        return self._files.read(name, offset)


def write_slowly(sweep, events, stop):
    """Write the log in small frames and the tables after each, until all is written or `stop` is set."""
    tables = sweep.tables(rows_per_part=60, attempts_per_part=15, trials_per_part=9)
    for batch in [events[i : i + 4] for i in range(0, len(events), 4)]:
        if stop.is_set():
            return
        sweep.write(batch)
        tables.advance()


@pytest.mark.thorough
@pytest.mark.parametrize("reads", [40, 300], ids=["a connection a query", "one connection"])
def test_duckdb_reads_at_any_instant(sweep, told, reads):
    sweep.write(told[:20])
    sweep.tables().advance()
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
            attempts, keys = connection.execute(
                f"select count(*), count(distinct (trial, attempt)) from '{folder}/attempts/*.parquet'"
            ).fetchone()
            assert attempts == keys
            stages = connection.execute(
                f"select stage, count(*), count(distinct trial), max(score) from '{folder}/trials/*.parquet' group by 1"
            ).fetchall()
            assert all(trials == numbers for _, trials, numbers, _ in stages)
            counts.append((reports, attempts, sum(trials for _, trials, _, _ in stages)))
    finally:
        stop.set()
        writing.join()
    for table in zip(*counts, strict=True):
        assert list(table) == sorted(table)
    assert len(set(counts)) > 5
