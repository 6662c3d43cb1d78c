"""A log that is read on as it grows comes to the state that a reading of the whole comes to."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from sweeps import cliff, make_plan

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.errors import JournalDamagedError, SweepNotFoundError
from orchestrator.state.fold import replay
from orchestrator.state.reading import LogReading
from orchestrator.storage.journal import JournalWriter
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev


@pytest.fixture(scope="module")
def events() -> list[ev.Event]:
    return simulate_plan(make_plan(budget={"trials": 12}), cliff, SimulatedCluster(workers=3))[1].events


def reading_of(folder: Path) -> LogReading:
    location = Location.parse(str(folder))
    return LogReading(location, location.files())


def written(folder: Path, epoch: int, records: list[ev.Event]) -> JournalWriter:
    journal = JournalWriter(Location.parse(str(folder)).files(), epoch)
    for record in records:
        journal.append(record)
    journal.commit()
    return journal


def test_each_record_is_folded_once(tmp_path: Path, events: list[ev.Event]):
    journal, reading = JournalWriter(Location.parse(str(tmp_path)).files(), 1), reading_of(tmp_path)
    state = None
    for piece in (events[:1], events[1:40], events[40:90], events[90:]):
        for record in piece:
            journal.append(record)
        journal.commit()
        before, state = state, reading.go_on()
        assert before in (None, state), "the same state went on"
    whole = replay(events)
    assert (state.trials, state.spend, state.last_t) == (whole.trials, whole.spend, whole.last_t)
    assert reading_of(tmp_path).go_on().trials == whole.trials


def test_what_was_read_behind_a_newer_drivers_seal_does_not_count(tmp_path: Path, events: list[ev.Event]):
    journal = written(tmp_path, 1, events[:30])
    sealed = journal.mark.bytes
    for record in events[30:60]:
        journal.append(record)
    journal.commit()
    reading = reading_of(tmp_path)
    assert reading.go_on().last_t == events[59].t
    second = ev.DriverStarted(events[29].t, 2, "other:1", "c0de", {}, sealed={"000001.jsonl": sealed}, format=2)
    written(tmp_path, 2, [second])
    state = reading.go_on()
    assert state.trials == replay(events[:30]).trials
    assert [session.epoch for session in state.sessions] == [2]
    assert reading.offsets["000001.jsonl"] == sealed


def test_where_there_is_no_sweep_it_says_so(tmp_path: Path):
    with pytest.raises(SweepNotFoundError, match="there is no sweep; start one with `stepladder run SWEEP_FILE`"):
        reading_of(tmp_path).go_on()


def test_damage_is_told_with_the_sweeps_folder_in_front(tmp_path: Path, events: list[ev.Event]):
    written(tmp_path, 1, events[:30])
    reading = reading_of(tmp_path)
    reading.go_on()
    written(tmp_path, 2, [events[5]])  # the log goes on with what cannot follow
    with pytest.raises(JournalDamagedError) as told:
        reading.go_on()
    assert str(told.value).startswith(f"{tmp_path}/journal: its records do not follow from one another (AssertionError")


@pytest.mark.parametrize("bracket", [40_000, 2**40])
def test_a_bracket_that_no_plan_has_is_told_as_damage(tmp_path: Path, events: list[ev.Event], bracket: int):
    written(tmp_path, 1, [replace(e, bracket=bracket) if isinstance(e, ev.TrialProposed) else e for e in events])
    with pytest.raises(JournalDamagedError, match=r"its records do not follow from one another \(OverflowError"):
        reading_of(tmp_path).go_on()
