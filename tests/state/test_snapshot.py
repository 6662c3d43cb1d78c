"""A snapshot beside the log changes nothing but how long it takes, whatever becomes of it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec
import pytest
from sweeps import cliff, make_plan, smooth

from orchestrator.control import snapshot_keeper
from orchestrator.control.answers import Report, ResumeTrial, StartTrial
from orchestrator.control.session import Session, create, read_events, reopen
from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.control.snapshot_keeper import SnapshotPace
from orchestrator.errors import JournalDamagedError, StorageError
from orchestrator.planning.making import make_scheduler
from orchestrator.state import snapshot
from orchestrator.state.fold import SweepState, replay
from orchestrator.state.reading import LogReading, _life_of, read_sweep, reports_of
from orchestrator.state.snapshot import decoded, encoded
from orchestrator.storage import filesystem
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.journal import JournalReader, JournalWriter
from orchestrator.storage.location import Location
from orchestrator.storage.snapshot_file import NAME
from orchestrator.sweep import event as ev
from orchestrator.sweep.plan import Plan
from orchestrator.testing.faults.drawing import draw
from orchestrator.testing.same_state import differences

FORMAT_1 = Path(__file__).parents[1] / "formats/format_1"
EACH = SnapshotPace(on_leaving=1, at_work=1, growth=0.0)
PLAN = make_plan(budget={"trials": 4}, scheduler="asha", searcher="random")


def on_disk(events: list[ev.Event]) -> list[ev.Event]:
    """The records as a log holds them."""
    return [msgspec.json.decode(msgspec.json.encode(event), type=ev.Event) for event in events]


def gone_on(events: list[ev.Event], at: int, *, stays: bool = True) -> SweepState:
    """What the log comes to by way of a snapshot after `at` records, for a driver or for who only looks."""
    state = decoded(encoded(replay(events[:at])), stays=stays)
    for event in events[at:]:
        state.apply(event)
    return state


def drawn(seed: int) -> list[ev.Event]:
    """The log of a sweep that was drawn by chance, some of whose machines are lost."""
    sweep, dice = draw(Random(f"{seed}/sweep")), Random(f"{seed}/fates")
    lost = {(dice.randrange(8), 0, float(dice.randint(1, 4))) for _ in range(3)}
    cluster = SimulatedCluster(
        workers=sweep.places,
        seconds=lambda _: sweep.pace_s,
        loses=lambda *where: where in lost,
        noise=sweep.task.luck,
        fails=sweep.task.error,
    )
    return on_disk(simulate_plan(sweep.plan, sweep.task.height, cluster)[1].events)


def of_format_1(folder: Path) -> list[ev.Event]:
    return JournalReader(Location.parse(str(folder)).files()).read_new()


@pytest.mark.thorough
@pytest.mark.parametrize("first", range(0, 24, 8))
def test_of_sweeps_by_chance_snapshot_and_the_rest_come_to_what_the_log_does(first: int):
    for seed in range(first, first + 8):
        events, dice = drawn(seed), Random(seed)
        whole = replay(events)
        for at in {1, len(events), *(dice.randint(1, len(events)) for _ in range(4))}:
            assert differences(gone_on(events, at), whole) == [], (seed, at)
            assert differences(gone_on(events, at, stays=False), whole) == [], (seed, at)


@pytest.mark.parametrize(
    "changes",
    [
        {"confirm": {"share": 0.3}},
        {"promote": 2, "scheduler": {"name": "asha"}},
        {"try": [{"learning_rate": 0.05}, {"momentum": 0.6}]},
        {"constraints": {"seconds": {"max": 12.0}}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_wherever_the_log_is_cut_nothing_is_lost(changes, monkeypatch: pytest.MonkeyPatch):
    def measured(config, fidelity):
        return {"score": cliff(config, fidelity), "seconds": 300 * float(config["momentum"]) / 20}

    plan = make_plan(searcher={"name": "random"}, budget={"trials": 14}, fidelity={"min": 1, "max": 9}, **changes)
    events = on_disk(simulate_plan(plan, measured, SimulatedCluster(workers=3))[1].events)
    amended = ev.SpecAmended(
        events[-1].t, plan.spec.model_copy(update={"budget": plan.spec.budget.model_copy(update={"trials": 20})}
        ).model_dump(mode="json"), ["budget.trials: 14 -> 20"], [], m=events[-1].m,
    )  # fmt: skip
    events += on_disk([amended, ev.TrialReopened(events[-1].t, 3, m=events[-1].m)])
    whole = replay(events)
    for at in range(1, len(events) + 1, 17):
        for stays in (True, False):
            monkeypatch.setattr(snapshot, "_PIECE", 3)
            assert differences(gone_on(events, at, stays=stays), whole) == [], (at, stays)
    assert differences(gone_on(events, len(events)), whole) == []


@pytest.mark.parametrize("journal", sorted(FORMAT_1.rglob("journal")), ids=lambda path: path.parent.name)
def test_logs_of_format_1_go_on_from_one_too(journal: Path):
    events = of_format_1(journal.parent)
    whole = replay(events)
    for at in (1, len(events) // 3, len(events) // 2, len(events)):
        assert differences(gone_on(events, at), whole) == [], at


def test_the_modules_that_make_a_state_are_of_the_rooms_that_name_its_form():
    rooms = {made.__module__.split(".")[1] for made in (SweepState, make_scheduler, Plan, ev.StageEntered)}
    assert rooms == set(snapshot._ROOMS)


def test_everything_that_a_state_consists_of_is_kept():
    """Whoever gives a state another field says here how a snapshot keeps it, or that it is made again when asked."""
    state = replay(on_disk(simulate_plan(PLAN, smooth, SimulatedCluster(workers=2))[1].events))
    plain = set(snapshot._Plain.__struct_fields__)
    by_number = {
        "planned",
        "plan",
        "trials",
        "open",
        "waiting",
        "unsaid",
        "open_time",
        "ended_time",
        "course",
        "telling",
    }
    by_number |= {"late", "_board"}
    made_again = {"_contenders", "started_t"}
    assert plain | by_number | made_again == vars(state).keys()


def test_a_difference_would_be_seen():
    events = drawn(3)
    one, other = replay(events), replay(events)
    for change in ("spend.fidelity", "trials.1.attempts.0.seen_t", "late.values", "telling"):
        one, other = replay(events), replay(events)
        match change:
            case "spend.fidelity":
                other.spend.fidelity += 1.0
            case "trials.1.attempts.0.seen_t":
                other.trials[1].attempts[0].seen_t = 0.0
            case "late.values":
                other.late.values[0] += 1.0
            case "telling":
                other.telling._best = 12.5
        assert differences(one, one) == []
        assert any(change in said for said in differences(one, other)), change


@dataclass
class Swept:
    """A sweep in a folder, whose driver left a snapshot."""

    path: Path

    @property
    def folder(self) -> Location:
        return Location.parse(str(self.path))

    @property
    def file(self) -> Path:
        return self.path / NAME

    def reading(self) -> tuple[LogReading, SweepState]:
        reading = LogReading(self.folder, self.folder.files())
        return reading, reading.go_on()


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots are written after every step, also of a small sweep."""
    monkeypatch.setattr(snapshot_keeper, "USUAL_PACE", EACH)


@pytest.fixture
def swept(tmp_path: Path, always: None) -> Swept:
    found = Swept(tmp_path / "runs/test")
    session = create(found.folder, PLAN, b"name: test\n")
    train(session)
    train(session)
    session.close("SIGINT")
    return found


def train(session: Session) -> None:
    step = session.controller.next_step()
    assert isinstance(step, StartTrial | ResumeTrial)
    session.controller.on_placed(step.trial, step.attempt)
    session.controller.on_report(Report(step.trial, step.attempt, 3.0, {"score": 0.5 + step.trial}, None))
    session.controller.commit()
    session.on_step()


def told(caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    return (record.getMessage() for record in caplog.records if NAME in record.getMessage())


def test_who_comes_next_goes_on_from_it(swept: Swept):
    reading, state = swept.reading()
    assert reading.kept_records == reading.records == len(read_events(swept.folder))
    assert differences(state, replay(read_events(swept.folder))) == []
    session, _ = reopen(swept.folder, PLAN)
    assert isinstance(session.controller.next_step(), ResumeTrial)
    assert session.snapshots._before.kept == reading.records
    session.release()


def test_a_driver_that_is_killed_leaves_one_too(swept: Swept):
    session, _ = reopen(swept.folder, PLAN)
    train(session)
    known = swept.file.read_bytes()
    step = session.controller.next_step()
    session.files.close()  # as a killed process: no word in the log, its lease not given back
    assert swept.file.read_bytes() == known
    reading, state = swept.reading()
    events = read_events(swept.folder)
    assert 0 < reading.kept_records < reading.records == len(events), f"{step} came after it"
    assert differences(state, replay(events)) == []


def test_a_short_sweep_has_none(tmp_path: Path):
    session = create(Location.parse(tmp_path / "small"), PLAN, b"name: test\n")
    train(session)
    session.close("SIGINT")
    assert not (tmp_path / "small" / NAME).exists()


def test_it_is_written_as_the_log_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(snapshot_keeper, "USUAL_PACE", SnapshotPace(on_leaving=1_000, at_work=12, growth=1.0))
    found = Swept(tmp_path / "runs/test")
    session = create(found.folder, PLAN, b"name: test\n")
    written = []
    for _ in range(4):
        train(session)
        written.append(found.reading()[0].kept_records)
    session.release()
    assert written[0] == 0 < written[2]
    assert len(set(written)) == 2, "the second comes when the log is twice as long"


@pytest.mark.parametrize("harm", ["flipped", "cut", "empty", "longer", "foreign", "newer", "noise", "other code"])
def test_whatever_became_of_it_the_log_says_the_same(
    swept: Swept, harm: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    content, dice = swept.file.read_bytes(), Random(harm)
    whole = replay(read_events(swept.folder))
    if harm == "foreign":
        other = create(Location.parse(tmp_path / "other"), make_plan(budget={"trials": 9}), b"name: test\n")
        train(other)
        other.close("SIGINT")
    harmed = {
        "flipped": [_flipped(content, dice.randrange(len(content))) for _ in range(15)],
        "cut": [content[: dice.randrange(1, len(content))] for _ in range(15)],
        "empty": [b""],
        "longer": [content + b"\n", content * 2],
        "foreign": [(tmp_path / "other" / NAME).read_bytes()] if harm == "foreign" else [],
        "newer": [content.replace(b"stepladder snapshot ", b"stepladder snapshot2 ")],
        "noise": [dice.randbytes(900)],
        "other code": [content],
    }[harm]
    if harm == "other code":
        monkeypatch.setattr(snapshot, "form", lambda: "9.9.9-00000000")
    assert harmed
    for bad in harmed:
        swept.file.write_bytes(bad)
        reading, state = swept.reading()
        assert (reading.kept_records, differences(state, whole)) == (0, [])
        assert (reading.unused is None) == (harm == "empty")
    caplog.set_level(logging.WARNING)
    reopen(swept.folder, PLAN)[0].close("SIGINT")
    assert len(list(told(caplog))) == (harm != "empty")
    caplog.clear()
    reopen(swept.folder, PLAN)[0].close("SIGINT")
    assert not list(told(caplog)), "the first that told it wrote another one"


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


def test_the_driver_says_why_it_takes_longer(swept: Swept, caplog: pytest.LogCaptureFixture):
    swept.file.write_bytes(b"no snapshot")
    reopen(swept.folder, PLAN)[0].close("SIGINT")
    assert list(told(caplog)) == [
        f"{swept.folder}/snapshot.bin: it is damaged, or of another version; the log was read instead, which comes to "
        "the same"
    ]


@pytest.mark.parametrize("harm", ["flipped", "cut", "missing"])
def test_a_damaged_log_is_refused_as_without_it(swept: Swept, harm: str):
    journal = swept.path / "journal/000001.jsonl"
    content = journal.read_bytes()
    if harm == "missing":
        journal.unlink()
    else:
        journal.write_bytes(content[:200] if harm == "cut" else _flipped(content, 300))
    with pytest.raises(JournalDamagedError) as with_it:
        read_sweep(swept.folder)
    swept.file.unlink()
    with pytest.raises(JournalDamagedError) as without:
        read_sweep(swept.folder)
    assert str(with_it.value) == str(without.value)


def test_a_log_of_another_history_is_read_whole(swept: Swept, tmp_path: Path):
    """A folder that was put back from a copy: its log is shorter, whole, and without the promise of a lease."""
    shutil.rmtree(swept.path / "journal")
    events = read_events_of_another(swept)
    reading, state = swept.reading()
    assert (reading.kept_records, reading.unused) == (0, "the log does not begin with what it was made from")
    assert differences(state, replay(events)) == []


def read_events_of_another(swept: Swept) -> list[ev.Event]:
    events = on_disk(simulate_plan(PLAN, smooth, SimulatedCluster(workers=1))[1].events)
    journal = JournalWriter(swept.folder.files(), 1)
    for event in events:
        journal.append(event)
    journal.commit()
    return events


def test_what_a_replaced_driver_kept_of_its_own_does_not_count(swept: Swept):
    """Its snapshot reaches beyond the place where the next driver sealed its file."""
    session, _ = reopen(swept.folder, PLAN)
    sealed = {path.name: path.stat().st_size for path in (swept.path / "journal").glob("*.jsonl")}
    train(session)
    session.release()
    last = max(sealed)
    second = ev.DriverStarted(2e9, 3, "other:1", "c0de", {}, sealed=sealed, format=2)
    journal = JournalWriter(swept.folder.files(), 3)
    journal.append(second)
    for path in swept.path.glob("journal/lease*"):
        path.unlink()  # a mark of the replaced driver's would promise what was sealed away
    journal.commit()
    reading, state = swept.reading()
    assert reading.kept_records == 0
    assert reading.unused == "the end of the log goes on from another place"
    assert differences(state, replay(read_events(swept.folder))) == []
    assert reading.offsets[last] == sealed[last]


def test_a_record_that_came_to_lie_in_between_is_read_in_its_place(swept: Swept):
    """Of a driver that a listing did not show when the next began: it comes before what the snapshot holds."""
    session, _ = reopen(swept.folder, PLAN)
    train(session)
    session.close("SIGINT")
    (swept.path / "journal/000002.jsonl").rename(swept.path / "journal/000003.jsonl")
    places = JournalReader(swept.folder.files()).places
    assert places.files == {}
    reader = JournalReader(swept.folder.files())
    kept = snapshot.kept_state(swept.folder.files())
    assert isinstance(kept, snapshot.Kept)
    assert not reader.begin_at(kept.places)


class Full(LocalFileSystem):
    """A disk that takes no snapshot."""

    def replace(self, name: str, data: bytes) -> None:
        if name == NAME:
            raise StorageError("snapshot.bin: no space left")
        super().replace(name, data)


def test_a_snapshot_that_cannot_be_written_stops_nothing(swept: Swept, caplog, monkeypatch: pytest.MonkeyPatch):
    known = swept.file.read_bytes()
    monkeypatch.setattr(Location, "files", lambda self: Full(self.path))
    session, _ = reopen(swept.folder, PLAN)
    train(session)
    session.close("SIGINT")
    assert swept.file.read_bytes() == known
    assert next(told(caplog)) == (
        "the snapshot fell behind the log, and whoever opens this sweep reads more of that: snapshot.bin: no space left"
    )
    monkeypatch.undo()
    assert differences(swept.reading()[1], replay(read_events(swept.folder))) == []


def test_a_sweep_that_no_snapshot_can_hold_is_read_from_its_log(swept: Swept):
    state = read_sweep(swept.folder)
    state.trials[0].config["learning_rate"] = 2**70
    with pytest.raises(StorageError, match=r"^snapshot\.bin: this sweep holds what a snapshot cannot \(.*\)$"):
        snapshot.keep(swept.folder.files(), state, 1, JournalReader(swept.folder.files()).places)


def test_of_one_trial_every_report_is_found_and_no_other_is_decoded(swept: Swept):
    events = read_events(swept.folder)
    for trial in (0, 1, 2):
        own = [event for event in events if isinstance(event, ev.Reported) and event.trial == trial]
        assert reports_of(swept.folder, trial) == own
        for known in read_sweep(swept.folder).trials[trial : trial + 1]:
            assert reports_of(swept.folder, trial, known) == own
    assert reports_of(swept.folder, 1)


@pytest.mark.parametrize("clock", ["goes on", "is set back", "stands"])
def test_of_a_trial_that_was_read_every_report_is_found_whatever_the_clock_did(clock, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(filesystem, "CHUNK", 300)
    for seed in range(4):
        dice, files = Random(f"{clock}/{seed}"), LocalFileSystem(tmp_path / str(seed))
        events = drawn(seed)
        back = dice.randrange(len(events))
        for place, event in enumerate(events):
            if clock == "stands" or (clock == "is set back" and place >= back):
                events[place] = msgspec.structs.replace(event, t=events[0].t - (clock == "is set back") * 5.0)
        writer = JournalWriter(files, 1)
        for event in events:
            writer.append(event)
            if not dice.randrange(3):
                writer.commit()
        writer.commit()
        folder, state = Location.parse(str(tmp_path / str(seed))), replay(events)
        for trial in state.trials:
            own = [event for event in events if isinstance(event, ev.Reported) and event.trial == trial.number]
            assert reports_of(folder, trial.number, trial) == own, (seed, trial.number)
            if clock == "goes on" and not trial.is_open:
                life = _life_of(trial, JournalReader(files), b'"trial":%d,' % trial.number)
                assert [event for event in life if isinstance(event, ev.Reported)] == own, "without the rest"
