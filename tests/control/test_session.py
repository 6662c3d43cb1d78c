"""A driver's hold on a sweep: what it refuses to begin on, and what it says when its folder goes away under it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from disks import read_only
from sweeps import make_plan

from orchestrator.control import session as sessions
from orchestrator.control.answers import Report, ResumeTrial, StartTrial
from orchestrator.control.session import Session, create, reopen
from orchestrator.errors import (
    FolderLostError,
    JournalDamagedError,
    LeaseLostError,
    StorageError,
    SweepExistsError,
    SweepNotFoundError,
)
from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.storage.journal import JournalWriter
from orchestrator.storage.lease import Holder, acquire
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome

PLAN = make_plan(budget={"trials": 3}, scheduler="none")
REMEDY = "Nothing is skipped in silence: restore it from a copy, or move the sweep's folder away and start anew"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "test"


@pytest.fixture
def session(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A driver at work that renews its lease at every step."""
    monkeypatch.setattr(sessions, "RENEW_S", 0.0)
    made = create(Location.parse(place), PLAN, b"name: test\n")
    train(made)
    made.on_step()
    yield made
    made.release()


def train(session: Session, checkpoint: str | None = None) -> int:
    step = session.controller.next_step()
    assert isinstance(step, StartTrial | ResumeTrial)
    session.controller.on_placed(step.trial, step.attempt)
    session.controller.on_report(Report(step.trial, step.attempt, 3.0, {"score": 0.5}, checkpoint))
    session.controller.commit()
    return step.trial


def lost(session: Session) -> FolderLostError:
    with pytest.raises(FolderLostError) as refused:
        session.on_step()
    return refused.value


def test_a_sweep_that_never_began_can_be_begun(place: Path):
    location = Location.parse(place)
    lease = acquire(location.files(), Holder("h", 2**22 + 1, Holder.current().kernel, "1"), 0.0, lambda _: None)
    location.files().replace("plan.json", b"{}")
    (place / "journal/000001.jsonl").write_bytes(b'{"frame":0,"bytes":812,"crc":"5b2f00aa"}\ntorn')
    assert not sweep_exists(location)
    with pytest.raises(SweepNotFoundError, match="there is no sweep; start one with"):
        read_sweep(location)
    session = create(location, PLAN, b"")
    session.close("finished")
    assert (lease.epoch, read_sweep(location).stopped) == (1, "finished")


def test_a_journal_that_is_gone_with_its_leases_is_missed_by_the_plan(session: Session, place: Path):
    session.close("finished")
    shutil.rmtree(place / "journal")
    missing = (
        f"{place}/journal: this sweep's journal is missing, and plan.json says that the sweep began here. {REMEDY}"
    )
    for attempt in (
        lambda: read_sweep(session.folder),
        lambda: create(session.folder, PLAN, b""),
        lambda: reopen(session.folder, PLAN),
    ):
        with pytest.raises(JournalDamagedError) as refused:
            attempt()
        assert str(refused.value) == missing


def test_a_journal_of_which_only_leases_are_left_is_missed_by_them(session: Session, place: Path):
    session.close("finished")
    (place / "journal/000001.jsonl").unlink()
    for attempt in (lambda: read_sweep(session.folder), lambda: create(session.folder, PLAN, b"")):
        with pytest.raises(
            JournalDamagedError, match=rf"^{place}/journal/000001\.jsonl: this file is missing, and its dr"
        ):
            attempt()


def test_of_two_drivers_that_found_no_sweep_one_begins_it(session: Session, monkeypatch: pytest.MonkeyPatch):
    session.close("finished")
    monkeypatch.setattr(sessions, "sweep_exists", lambda _: False)  # the other looked before the first had begun
    with pytest.raises(SweepExistsError, match="this sweep began just now; go on with `stepladder resume"):
        create(session.folder, PLAN, b"")


def test_what_a_driver_writes_that_slept_before_its_first_commit_counts_for_nothing(place: Path):
    location = Location.parse(place)
    asleep = acquire(location.files(), Holder("h", 2**22 + 1, Holder.current().kernel, "1"), 0.0, lambda _: None)
    session = create(location, PLAN, b"")
    late = JournalWriter(location.files(), asleep.epoch)
    late.append(ev.SweepPlanned(0.0, ev.FORMAT, PLAN.model_dump(mode="json")))
    late.append(ev.DriverStarted(0.0, asleep.epoch, "h:1", "c0de", {}))
    late.commit()
    assert (asleep.epoch, len(read_sweep(location).sessions)) == (1, 1)
    session.close("finished")
    assert read_sweep(location).sessions[0].epoch == 2


def test_a_folder_that_is_moved_is_told_with_its_new_place(session: Session, place: Path, tmp_path: Path):
    moved = tmp_path / "a place" / "new"
    moved.parent.mkdir()
    place.rename(moved)
    error = lost(session)
    assert error.now_at == str(moved)
    assert str(error) == (
        f"{place}: this sweep's folder changed under its driver: it was moved to {moved}. Everything acknowledged went "
        f"with it; go on there: `stepladder resume '{moved}'`. Left at {place}: nothing"
    )
    session.release()
    assert not place.exists(), "nothing is made again where it was"
    again, _ = reopen(Location.parse(moved), PLAN)
    assert [trial.report_count for trial in again.state.trials] == [1]
    again.close("finished")


def test_a_folder_that_is_deleted_is_told_and_not_made_again(session: Session, place: Path):
    shutil.rmtree(place)
    assert str(lost(session)) == (
        f"{place}: this sweep's folder changed under its driver: journal/000001.jsonl was deleted. It held 1 trial "
        "with 1 report. If it was moved to another disk, go on there with `stepladder resume ITS_PLACE`; else restore "
        f"it from a copy and resume that, or start anew. Left at {place}: nothing"
    )
    session.release()
    assert not place.exists()


def test_what_is_made_at_its_place_meanwhile_is_told_and_left_alone(session: Session, place: Path):
    shutil.rmtree(place)
    (place / "checkpoints").mkdir(parents=True)
    assert str(lost(session)).endswith(f"Left at {place}: checkpoints")
    session.release()
    assert [path.name for path in place.iterdir()] == ["checkpoints"]
    assert not sweep_exists(session.folder)


def test_a_folder_that_is_replaced_by_its_copy_is_told(session: Session, place: Path, tmp_path: Path):
    place.rename(tmp_path / "away")
    shutil.copytree(tmp_path / "away", place)
    error = lost(session)
    assert "something else lies in its place now (journal/000001.jsonl is another file); it was moved to" in str(error)
    assert error.now_at == str(tmp_path / "away")
    before = (place / "journal/lease-000001.json").read_bytes()
    session.release()
    assert (place / "journal/lease-000001.json").read_bytes() == before, "the copy is left as it was"


def test_nothing_is_acknowledged_once_the_folder_is_gone(session: Session, place: Path):
    written = (place / "journal/000001.jsonl").read_bytes()
    place.rename(place.with_name("away"))
    with pytest.raises(FolderLostError, match="this sweep's folder changed under its driver: it was moved to"):
        train(session)
    assert (place.with_name("away") / "journal/000001.jsonl").read_bytes() == written


@pytest.mark.usefixtures("made_read_only")
def test_no_training_is_blamed_for_a_storage_that_takes_no_checkpoint(session: Session):
    with pytest.raises(StorageError, match="the disk is read-only"):
        session.controller.on_attempt_end(0, 0, Outcome.ERROR, "OSError: read-only file system")
    assert session.state.trials[0].is_open


def test_a_journal_that_something_else_writes_into_is_told(session: Session, place: Path):
    size = (place / "journal/000001.jsonl").stat().st_size
    with (place / "journal/000001.jsonl").open("ab") as file:
        file.write(b"x")
    assert f"journal/000001.jsonl has {size + 1} bytes, and its driver wrote {size}: something else" in str(
        lost(session)
    )


def test_a_journal_that_is_cut_under_its_driver_is_told(session: Session, place: Path):
    with (place / "journal/000001.jsonl").open("r+b") as file:
        file.truncate(100)
    assert "journal/000001.jsonl has 100 bytes, and its driver wrote" in str(lost(session))


def test_a_lease_that_is_removed_is_told(session: Session, place: Path):
    (place / "journal/lease-000001.json").unlink()
    assert "journal/lease-000001.json is not there any more, or something else wrote it" in str(lost(session))


def test_a_prefix_that_is_deleted_from_an_object_store_is_told(bucket: Location, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sessions, "RENEW_S", 0.0)
    session = create(bucket, PLAN, b"")
    train(session)
    session.on_step()
    bucket.delete()
    error = str(lost(session))
    assert f"{bucket}: this sweep's folder changed under its driver: the newest part of journal/000001" in error
    assert f"Left at {bucket}: " in error
    session.release()
    assert not sweep_exists(bucket)


@pytest.fixture
def made_read_only(place: Path, session: Session) -> Iterator[None]:
    """The sweep's folder on a disk that was remounted read-only; needs a user who may mount."""
    assert session.folder.path == place
    with read_only(place):
        yield


@pytest.mark.usefixtures("made_read_only")
def test_a_disk_that_turns_read_only_is_told(session: Session):
    with pytest.raises(
        StorageError, match=r"the disk is read-only; make it writable, or choose another storage\. Nothing"
    ):
        session.on_step()


def test_a_second_driver_is_told_to_the_first(session: Session):
    theirs = {"epoch": 2, "holder": msgspec.to_builtins(Holder("far", 7, "other", "1")), "since_t": 0.0}
    session.files.create("journal/lease-000002.json", msgspec.json.encode(theirs))
    with pytest.raises(
        LeaseLostError, match=r"this driver was replaced: the sweep is driven by process 7 on far since"
    ):
        session.on_step()


@pytest.mark.parametrize("gone", [[0], [0, 1]])
def test_trials_whose_checkpoint_is_gone_begin_again_and_it_is_told_once(
    session: Session, place: Path, gone: list[int], caplog: pytest.LogCaptureFixture
):
    for number in (1, 2):
        checkpoint = place / f"checkpoints/s/{number}"
        checkpoint.mkdir(parents=True)
        (checkpoint / "weights").touch()
        train(session, str(checkpoint))
    session.release()
    for number in gone:
        shutil.rmtree(place / f"checkpoints/s/{number + 1}")
    again, told = reopen(session.folder, PLAN)
    steps = [again.controller.next_step() for _ in range(3)]
    found = {step.trial: (step.from_fidelity, step.checkpoint) for step in steps if isinstance(step, ResumeTrial)}
    assert found[0] == (0.0, None)
    for number in (0, 1):
        kept = str(place / f"checkpoints/s/{number + 1}")
        assert found[number + 1] == ((0.0, None) if number in gone else (3.0, kept))
    named = ["the checkpoint of trial 1 is gone; it starts again from the beginning"]
    if len(gone) == 2:
        named = ["the checkpoints of trials 1 and 2 are gone; they start again from the beginning"]
    assert (told, caplog.messages) == (named, [])
    assert again.state.sessions[-1].changes == named
    again.close("finished")


@pytest.mark.thorough
def test_a_sweep_that_is_just_beginning_is_not_there_yet_or_is_there(tmp_path: Path):
    def begin(folder: Location) -> None:
        create(folder, PLAN, b"").release()

    for turn in range(30):
        folder = Location.parse(str(tmp_path / str(turn)))
        driver = threading.Thread(target=begin, args=(folder,))
        driver.start()
        while True:
            try:
                found = read_sweep(folder)  # any other error fails the test: nothing is damaged, nothing is half there
                break
            except SweepNotFoundError:
                continue
        driver.join()
        assert found.plan == PLAN
