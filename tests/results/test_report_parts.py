"""The report files grow, are sealed, gain columns and are built anew, and are whole at every instant."""

from __future__ import annotations

import msgspec
import pyarrow.parquet as pq
import pytest

from orchestrator.results.columns import DriverPeriod
from orchestrator.results.report_parts import ReportParts
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.sweep import event as ev


def reports_of(events):
    return [event for event in events if isinstance(event, ev.Reported)]


@pytest.mark.thorough
def test_parts_are_sealed_and_the_union_stays_whole(sweep, told):
    tables = sweep.tables(rows_per_part=20)
    written, seen = 0, set()
    for batch in [told[i : i + 37] for i in range(0, len(told), 37)]:
        sweep.write(batch)
        tables.advance()
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
    tables.advance()
    parts = sorted((sweep.folder / "reports").glob("*.parquet"))
    assert len(parts) > 1
    assert all("late" not in pq.read_schema(part).names for part in parts)
    sweep.write(told[first_late : first_late + 1])
    tables.advance()
    parts = sorted((sweep.folder / "reports").glob("*.parquet"))
    assert all(pq.read_schema(part).names[-1] == "late" for part in parts)
    assert sweep.query("select count(*), count(late) from {reports}")[0] == (
        len([event for event in told[:first_late] if isinstance(event, ev.Reported)]) + 1,
        1,
    )
    assert reports[0].metrics.keys() == {"score", "loss", "epoch"}


@pytest.mark.thorough
def test_a_thousand_metrics_a_report_and_now_and_then_another_one(tmp_path):
    """Gradient norms by layer, say: each column is there, and hundreds of such rows are written in seconds."""
    parts = ReportParts(LocalFileSystem(tmp_path), "s")
    norms = {f"grad/layer.{layer}/norm": float(layer) for layer in range(1000)}
    for number in range(200):
        metrics = {"loss": 1.0, **norms, **({f"late {number}": 1.0} if number % 50 == 0 else {})}
        event = ev.Reported(1.0 + number, number // 20, 0, float(number % 20 + 1), metrics)
        parts.add(event, "tier-1", DriverPeriod())
        if number % 100 == 99:
            parts.write()  # seconds, so a write whose cost grows with each column ends at the limit of a test
    table = pq.read_table(tmp_path / "reports" / "part-00000.parquet")
    assert table.num_rows == 200
    assert {f"late {number}" for number in range(0, 200, 50)} | norms.keys() <= set(table.column_names)


@pytest.mark.thorough
def test_a_rebuild_gives_the_same_files(sweep, told, tmp_path):
    tables = sweep.tables(rows_per_part=30)
    for batch in [told[i : i + 41] for i in range(0, 300, 41)]:
        sweep.write(batch)
        tables.advance()
    grown = sweep.content()
    assert sweep.tables(rows_per_part=30).advance() is True
    assert sweep.content() == grown
    for file in sweep.folder.rglob("*.parquet"):
        file.unlink()
    sweep.tables(rows_per_part=30).advance()
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


@pytest.mark.thorough
def test_between_any_two_files_counts_never_fall_and_columns_never_go(sweep, told):
    recording = Recording(sweep)
    for batch in [told[i : i + 97] for i in range(0, len(told), 97)]:
        sweep.write(batch)
        sweep.tables(30, recording).advance()  # each a driver that begins anew
    assert recording.counts == sorted(recording.counts)
    assert recording.counts[-1] == len(reports_of(told))
    assert recording.late == sorted(recording.late)
    assert recording.late[-1]


def test_parts_beyond_a_restored_log_are_emptied(sweep, told):
    sweep.write(told)
    sweep.tables(rows_per_part=30).advance()
    (sweep.folder / "journal" / "000001.jsonl").unlink()
    sweep.restore()
    sweep.write(told[:100])
    sweep.tables(rows_per_part=30).advance()
    assert sweep.query("select count(*) from {reports}")[0] == (len(reports_of(told[:100])),)


def test_a_damaged_part_is_replaced(sweep, told):
    sweep.write(told)
    sweep.tables().advance()
    whole = sweep.content()
    part = sweep.folder / "reports" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-9])
    sweep.tables().advance()
    assert sweep.content() == whole


def test_a_key_that_the_log_holds_twice_keeps_the_last(sweep, told):
    reports = [event for event in reports_of(told) if event.stop is None]
    again = [
        msgspec.structs.replace(event, metrics=event.metrics | {"loss": -5.0}) for event in (reports[0], reports[40])
    ]
    tables = sweep.tables(rows_per_part=30)
    sweep.write(told[:250])
    tables.advance()
    before = sweep.query("select count(*) from {reports}")[0]
    sweep.write(again)
    tables.advance()
    assert sweep.query("select count(*) from {reports}")[0] == before
    found = sweep.query("select trial, attempt, fidelity from {reports} where loss = -5")
    assert set(found) == {(event.trial, event.attempt, event.fidelity) for event in again}


def test_a_full_disk_loses_nothing(sweep, told, disk):
    tables = sweep.tables(30, disk)
    for index, batch in enumerate(told[i : i + 41] for i in range(0, len(told), 41)):
        sweep.write(batch)
        disk.is_full = index % 3 != 0
        tables.advance()
        assert ("the disk is full" in tables.problems.get("the tables", "")) is disk.is_full
    disk.is_full = False
    tables.advance()
    assert tables.problems == {}
    grown = sweep.content()
    sweep.tables(rows_per_part=30).advance()
    assert sweep.content() == grown
    assert sweep.query("select count(*) from {reports}")[0] == (len(reports_of(told)),)


def reported_again(told):
    """The log with some reports said twice: at once and some records later, some with a metric that is new then."""
    events = list(told[:260])
    for at in range(250, 20, -31):
        original = next(event for event in events[at:] if isinstance(event, ev.Reported))
        extra = {"loss": -5.0} | ({"said_again": 1.0} if at % 2 else {})
        again = msgspec.structs.replace(original, metrics=original.metrics | extra, stop=None)
        place = events.index(original) + (1 if at % 3 else 9)
        events.insert(place, again)
    return events


@pytest.mark.thorough
def test_the_files_do_not_depend_on_when_they_are_written(make_sweep, told, tmp_path):
    events = reported_again(told)
    contents = []
    for size in (len(events), 97, 11):
        sweep = make_sweep(tmp_path / str(size))
        tables = sweep.tables(rows_per_part=30)
        for batch in [events[i : i + size] for i in range(0, len(events), size)]:
            sweep.write(batch)
            tables.advance()
        assert tables.problems == {}
        contents.append({name: rows for name, rows in sweep.content().items() if name.startswith("reports/")})
    keys = {(e.trial, e.attempt, e.fidelity) for e in reports_of(events)}
    assert len(keys) < len(reports_of(events))
    assert sum(map(len, contents[0].values())) == len(keys)
    assert contents[0] == contents[1] == contents[2]


def test_a_row_said_again_in_a_sealed_part_with_a_new_metric_leaves_every_glob_readable(sweep, told):
    recording = Recording(sweep)
    tables = sweep.tables(30, recording)
    sweep.write(told[:250])
    tables.advance()
    first = reports_of(told)[0]
    sweep.write([msgspec.structs.replace(first, metrics=first.metrics | {"brand_new": 7.0})])
    tables.advance()
    assert tables.problems == {}
    assert sweep.query("select trial, attempt, fidelity from {reports} where brand_new = 7") == [
        (first.trial, first.attempt, first.fidelity)
    ]


def test_a_counter_that_goes_back_keeps_every_row_in_the_order_of_the_log(sweep, told):
    events = [
        *told[:2],
        ev.TrialProposed(1.0, 0, {"learning_rate": 0.1}, "tier-1", "baseline", [], None, 0),
        ev.AttemptStarted(1.0, 0, 0),
        *[ev.Reported(2.0 + i, 0, 0, float(epoch), {"score": 0.5}) for i, epoch in enumerate([1, 3, 0, 2, 5, 4])],
    ]
    sweep.write(events)
    sweep.tables(rows_per_part=4).advance()
    assert sweep.query("select fidelity from {reports} order by t") == [(float(n),) for n in (1, 3, 0, 2, 5, 4)]


@pytest.mark.parametrize("is_written_between", [False, True])
def test_reports_at_one_fidelity_join_in_one_row(sweep, told, is_written_between):
    first = next(at for at, event in enumerate(told) if isinstance(event, ev.Reported))
    said = told[first]
    training = msgspec.structs.replace(said, metrics={"score": 0.1, "train_loss": 2.0}, checkpoint="ck/1", stop=None)
    validation = msgspec.structs.replace(training, metrics={"score": 0.4, "auc": 0.7}, checkpoint=None)
    test = msgspec.structs.replace(training, metrics={"score": 0.5, "test_auc": 0.6}, checkpoint=None)
    tables = sweep.tables()
    sweep.write([*told[:first], training])
    if is_written_between:
        tables.advance()
    sweep.write([validation, test])
    tables.advance()
    assert sweep.query("select score, train_loss, auc, test_auc, checkpoint from {reports}") == [
        (0.5, 2.0, 0.7, 0.6, "ck/1")
    ]
    assert sweep.query(f"select reports from {{trials}} where trial = {said.trial}") == [(1,)]


def test_a_name_that_is_a_number_and_a_text_has_two_columns_whichever_came_first(sweep, told):
    first = next(at for at, event in enumerate(told) if isinstance(event, ev.Reported))
    said = msgspec.structs.replace(told[first], stop=None)
    reports = [
        msgspec.structs.replace(said, fidelity=1.0, metrics={"score": 0.1}, texts={"note": "warm", "phase": "one"}),
        msgspec.structs.replace(said, fidelity=2.0, metrics={"score": 0.2, "note": 7.0, "phase.text": 3.0}),
        msgspec.structs.replace(said, fidelity=2.0, metrics={"score": 0.3}, texts={"note": "hot"}),
        msgspec.structs.replace(said, fidelity=3.0, metrics={"score": 0.4, "note": 8.0}, texts={"note": "NaN"}),
    ]
    tables = sweep.tables(rows_per_part=2)
    sweep.write([*told[:first], reports[0]])
    tables.advance()
    sweep.write(reports[1:])
    tables.advance()
    columns = 'fidelity, score, note, "note.text", "phase.text", "metric.phase.text"'
    expected = [
        (1.0, 0.1, None, "warm", "one", None),
        (2.0, 0.3, 7.0, "hot", None, 3.0),
        (3.0, 0.4, 8.0, "NaN", None, None),
    ]
    assert sweep.query(f"select {columns} from {{reports}} order by fidelity") == expected
    grown = sweep.content()
    for file in sweep.folder.rglob("*.parquet"):
        file.unlink()
    sweep.tables(rows_per_part=2).advance()
    assert sweep.query(f"select {columns} from {{reports}} order by fidelity") == expected
    assert sweep.content() == grown
