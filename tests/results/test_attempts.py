"""One row an attempt: what the log says of it and nothing else, in parts that only their own changes rewrite."""

from __future__ import annotations

import shutil
from datetime import UTC
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from orchestrator.control.recovery import ended_by_crash
from orchestrator.results.columns import moment
from orchestrator.results.follower import Follower
from orchestrator.results.tables import Tables
from orchestrator.state.fold import replay
from orchestrator.storage.journal import JournalReader
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome

KEPT = Path(__file__).parents[1] / "formats" / "format_1"
OLD = sorted(path.parent for path in KEPT.rglob("journal"))


def rows_of(folder):
    """The table's rows by (trial, attempt), each of which is there once; moments in microseconds."""
    tables = [pq.read_table(file) for file in sorted((folder / "attempts").glob("*.parquet"))]
    rows = [row for table in tables for row in table.to_pylist()]
    found = {(row["trial"], row["attempt"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def micros(t):
    return None if t is None else moment(t)


def read(found):
    """Microseconds since the epoch of a timestamp as it comes out of Parquet, in UTC without saying so."""
    return None if found is None else moment(found.replace(tzinfo=UTC).timestamp())


def check(folder, events):
    """Every row against the state of the same log."""
    rows, state = rows_of(folder), replay(events)
    attempts = {(trial.number, attempt.number): attempt for trial in state.trials for attempt in trial.attempts}
    assert rows.keys() == attempts.keys()
    assert attempts
    first = {}
    for event in events:
        if isinstance(event, ev.Reported):
            first.setdefault((event.trial, event.attempt), event.t)
    for key, attempt in attempts.items():
        row = rows[key]
        times = {name: read(row[name]) for name in ("decided", "started", "ended")}
        assert times == {
            "decided": micros(attempt.started_t),
            "started": micros(attempt.placed_t),
            "ended": micros(attempt.ended_t),
        }
        assert read(row["first_report"]) == micros(first.get(key))
        assert (row["node"], row["gpu_ids"], row["error"]) == (attempt.node, attempt.gpu_ids, attempt.error)
        assert row["outcome"] == (attempt.outcome.value if attempt.outcome else None)
        assert row["from_fidelity"] == attempt.resumed_from
        assert row["to_fidelity"] == (attempt.fidelity if key in first else None)
        assert row["spent_s"] == (None if attempt.ended_t is None else attempt.charged_s)
        assert row["released"] in (None, row["ended"])
        assert row["sweep_id"] == state.plan.sweep_id
        assert (read(row["reserved"]), row["cause"]) == (micros(attempt.reserved_t), attempt.cause)
        assert attempt.code_hash in (None, row["code_hash"])
        assert row["outside_hash"] == attempt.outside_hash
    return rows


def test_rows_hold_what_the_log_says(sweep, told):
    sweep.write(told)
    sweep.tables().advance()
    rows = check(sweep.folder, told)
    assert {row["outcome"] for row in rows.values()} == {"stopped", "lost"}
    assert max(attempt for _, attempt in rows) == 1
    again = [row for (_, attempt), row in rows.items() if attempt == 1]
    assert {row["from_fidelity"] for row in again} == {2.0}
    assert {(row["session"], row["code_hash"]) for row in rows.values()} == {(1, "c0de")}
    assert all(row["released"] == row["ended"] for row in rows.values())


@pytest.mark.thorough
def test_rows_hold_what_the_log_says_at_any_record(sweep, told):
    tables = sweep.tables(attempts_per_part=9)
    for at in range(0, 240, 17):
        sweep.write(told[at : at + 17])
        tables.advance()
        if at > 17:
            check(sweep.folder, told[: at + 17])


def test_what_is_not_known_yet_is_null(sweep, told):
    tables = sweep.tables()
    asked = (
        "select started is null, first_report is null, ended is null, released is null, outcome, to_fidelity, spent_s,"
        " node, gpu_ids, epoch_us(first_report) from {attempts}"
    )
    known = []
    for event in (
        ev.AttemptStarted(1.0, 0, 0),
        ev.AttemptPlaced(10.0, 0, 0),
        ev.AttemptPlaced(11.0, 0, 0, "node-1", "0,1", None, "0dd", "abc"),
        ev.Reported(20.0, 0, 0, 3.0, {"score": 0.5}),
        ev.Reported(30.0, 0, 0, 4.0, {"score": 0.5}),
        ev.Heartbeat(40.0, [(0, 0)]),
        ev.AttemptEnded(50.0, 0, 0, Outcome.RETURNED),
    ):
        if not known:
            proposed = ev.TrialProposed(1.0, 0, {"learning_rate": 0.1}, "tier-1", "baseline", [], None, 0)
            sweep.write([ev.SweepPlanned(0.0, ev.FORMAT, told[0].plan), proposed])
        sweep.write([event])
        tables.advance()
        known += sweep.query(asked)
    reported = (False, False, True, True, None)
    assert known == [
        (True, True, True, True, None, None, None, None, None, None),
        (False, True, True, True, None, None, None, None, None, None),
        (False, True, True, True, None, None, None, "node-1", "0,1", None),
        (*reported, 3.0, None, "node-1", "0,1", 20_000_000),
        (*reported, 4.0, None, "node-1", "0,1", 20_000_000),
        (*reported, 4.0, None, "node-1", "0,1", 20_000_000),
        (False, False, False, False, "returned", 4.0, 40.0, "node-1", "0,1", 20_000_000),
    ]


def test_a_place_that_was_held_beyond_the_end_is_released_later_and_paid_for(sweep, told):
    sweep.write(told)
    tables = sweep.tables()
    tables.advance()
    ended = next(event for event in told if isinstance(event, ev.AttemptEnded))
    before = rows_of(sweep.folder)[ended.trial, ended.attempt]
    t = told[-1].t
    held = [ev.PlaceHeld(t + 1, 2.5, ended.trial, ended.attempt), ev.PlaceHeld(t + 2, 7.0)]
    sweep.write(held)
    tables.advance()
    rows = rows_of(sweep.folder)
    row = rows.pop((ended.trial, ended.attempt))
    assert row == before | {"released": row["released"], "spent_s": before["spent_s"] + 2.5}
    assert read(row["released"]) == micros(t + 1)
    assert all(row["released"] == row["ended"] for row in rows.values())
    cost, state = replay(told).spend, replay([*told, *held])
    assert state.spend.worker_s == pytest.approx(cost.worker_s + 9.5)
    of_trial = dict(sweep.query("select trial, worker_s from {trials}"))
    assert of_trial[ended.trial] == pytest.approx(sum(a.charged_s for a in state.trials[ended.trial].attempts))


def test_an_attempt_of_a_driver_that_died_was_released_nobody_knows_when(sweep, told):
    cut = next(i for i, event in enumerate(told) if i > 150 and isinstance(event, ev.AttemptEnded))
    events = [*told[:cut]]
    state = replay(events)
    t = state.last_t + 3600
    sweep.write(events)
    sweep.tables().advance()
    sealed = {"000001.jsonl": (sweep.folder / "journal" / "000001.jsonl").stat().st_size}
    added = [ev.DriverStarted(t, 2, "host:18", "beef", {}, [], sealed), *ended_by_crash(state, t)]
    resumed = next(iter(state.open))
    number = len(state.trials[resumed].attempts)
    added += [ev.AttemptStarted(t, resumed, number), ev.AttemptEnded(t + 9, resumed, number, Outcome.LOST, "no node")]
    sweep.take_over()
    sweep.write(added)
    sweep.tables().advance()
    rows = check(sweep.folder, [*events, *added])
    died = [row for row in rows.values() if row["error"] == "the driver died"]
    assert {(row["trial"], row["session"], row["code_hash"]) for row in died} == {
        (trial, 1, "c0de") for trial in state.open
    }
    assert {row["released"] for row in died} == {None}
    assert {read(row["ended"]) for row in died} == {micros(t)}
    assert all(row["spent_s"] < 3600 for row in died)
    never_placed = rows[resumed, number]
    assert (never_placed["session"], never_placed["code_hash"], never_placed["spent_s"]) == (2, "beef", 0.0)
    assert (never_placed["started"], never_placed["released"], never_placed["error"]) == (None, None, "no node")


def test_the_error_is_the_one_that_the_state_gives(sweep, told):
    sweep.write(
        [
            ev.SweepPlanned(0.0, ev.FORMAT, told[0].plan),
            ev.TrialProposed(1.0, 0, {"learning_rate": 0.1}, "tier-1", "baseline", [], None, 0),
            ev.AttemptStarted(1.0, 0, 0),
            ev.AttemptPlaced(2.0, 0, 0),
            ev.AttemptEnded(3.0, 0, 0, Outcome.RETURNED),
        ]
    )
    sweep.tables().advance()
    ((error, outcome),) = sweep.query("select error, outcome from {attempts}")
    assert (error, outcome) == ("the training function returned without reporting a value", "returned")


@pytest.mark.parametrize("folder", OLD, ids=lambda folder: str(folder.relative_to(KEPT)))
def test_old_logs_give_the_same_table(folder: Path, tmp_path: Path):
    shutil.copytree(folder / "journal", tmp_path / "journal")
    location = Location.parse(tmp_path)
    follower = Follower(location.files(), [Tables(location.files(), location, attempts_per_part=20)])
    assert follower.advance() is True
    assert follower.problems == {}
    check(tmp_path, JournalReader(location.files()).read_new())


class Recording:
    """The sweep's file system, which looks at the attempts after each of their files that is put in place."""

    def __init__(self, sweep):
        self._files, self._sweep = sweep.files, sweep
        self.counts, self.written = [], []

    def __getattr__(self, name):
        return getattr(self._files, name)

    def replace(self, name, data):
        self._files.replace(name, data)
        if name.startswith("attempts/"):
            keys = self._sweep.query("select trial, attempt from {attempts}")
            assert len(keys) == len(set(keys))
            self.counts.append(len(keys))
            self.written.append(name)


@pytest.mark.thorough
def test_between_any_two_files_keys_are_unique_and_counts_never_fall(sweep, told):
    recording = Recording(sweep)
    for batch in [told[i : i + 61] for i in range(0, len(told), 61)]:
        sweep.write(batch)
        sweep.tables(files=recording, attempts_per_part=7).advance()  # each a driver that begins anew
    assert recording.counts == sorted(recording.counts)
    assert recording.counts[-1] == sum(isinstance(event, ev.AttemptStarted) for event in told)


@pytest.mark.thorough
def test_no_trial_names_an_attempt_that_is_not_there(sweep, told):
    class Looking(Recording):
        def replace(self, name, data):
            super().replace(name, data)
            if name.startswith("trials/"):
                missing = "select trial from {trials} where attempt is not null and (trial, attempt) not in ({others})"
                others = "select (trial, attempt) from {attempts}"
                assert self._sweep.query(missing.replace("{others}", others)) == []

    tables = sweep.tables(files=Looking(sweep), attempts_per_part=7)
    for batch in [told[i : i + 61] for i in range(0, len(told), 61)]:
        sweep.write(batch)
        tables.advance()
    assert tables.problems == {}


def test_only_parts_with_a_change_are_written_again(sweep, told):
    recording = Recording(sweep)
    sweep.write(told)
    tables = sweep.tables(files=recording, attempts_per_part=7)
    tables.advance()
    assert recording.written == sorted(recording.written, reverse=True)
    assert len(recording.written) > 5
    recording.written.clear()
    number = len(replay(told).trials)
    sweep.write(
        [
            ev.TrialProposed(1e6, number, {"learning_rate": 0.1}, "tier-1", "uniform", [], None, 0),
            ev.AttemptStarted(1e6, number, 0),
            ev.AttemptPlaced(1e6, number, 0),
        ]
    )
    tables.advance()
    assert len(recording.written) == 1


@pytest.mark.thorough
def test_a_rebuild_gives_the_same_files_and_empties_what_a_restored_log_does_not_know(sweep, told):
    tables = sweep.tables(attempts_per_part=7)
    for batch in [told[i : i + 41] for i in range(0, len(told), 41)]:
        sweep.write(batch)
        tables.advance()
    grown = sweep.content()
    sweep.tables(attempts_per_part=7).advance()
    assert sweep.content() == grown
    (sweep.folder / "journal" / "000001.jsonl").unlink()
    sweep.restore()
    sweep.write(told[:100])
    sweep.tables(attempts_per_part=7).advance()
    check(sweep.folder, told[:100])


def test_a_full_disk_loses_no_attempt(sweep, told, disk):
    tables = sweep.tables(files=disk, attempts_per_part=7)
    for index, batch in enumerate(told[i : i + 41] for i in range(0, len(told), 41)):
        sweep.write(batch)
        disk.is_full = index % 3 != 0
        tables.advance()
        assert bool(tables.problems) is disk.is_full
    disk.is_full = False
    tables.advance()
    check(sweep.folder, told)
