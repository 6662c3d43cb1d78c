"""What a driver that left kept for `status` is what the whole log says, or is not believed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from sweeps import make_plan

from orchestrator.control import snapshot_keeper
from orchestrator.control.session import Session, create, reopen
from orchestrator.control.simulator import SimulatedCluster, VirtualClock, simulate
from orchestrator.control.snapshot_keeper import SnapshotPace
from orchestrator.errors import JournalDamagedError, StorageError
from orchestrator.project.handle import SweepAtRest, SweepLog
from orchestrator.results.diagnoses import diagnosed_winner
from orchestrator.state import resting
from orchestrator.state.reading import read_sweep
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.location import Location
from orchestrator.storage.snapshot_file import RESTING
from orchestrator.storage.wishes import Wish, put_wish
from orchestrator.sweep.plan import Plan
from orchestrator.testing.faults.drawing import draw
from orchestrator.views.resting_status import status_told, told_of
from orchestrator.views.status import Status, document_of, status

PLAN = make_plan(budget={"trials": 3}, scheduler="none", searcher="random", fidelity={"min": 1, "max": 2})


@pytest.fixture(autouse=True)
def long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sweep is long enough for it to be kept."""
    monkeypatch.setattr(snapshot_keeper, "USUAL_PACE", SnapshotPace(on_leaving=1, at_work=10**9, growth=0.0))


@dataclass
class Swept:
    """A sweep whose driver left."""

    folder: Location

    @property
    def file(self) -> Path:
        return self.folder.path / RESTING

    def kept(self) -> Status | None:
        found = SweepAtRest.read(self.folder)
        return None if found is None else status_told(found.told, self.folder)

    def read(self) -> Status:
        log = SweepLog.read(self.folder)
        now, diagnosis = log.state.last_t + 1e6, diagnosed_winner(self.folder, log.state)
        return status(log.state, self.folder, log.holder, now, waiting=log.waiting, diagnosis=diagnosis)


def left(session: Session, height, cluster: SimulatedCluster, reason: str = "finished") -> Swept:
    """Play a sweep with a driver's session, which then leaves as `driver.drive` has it leave."""
    session.snapshots.tell_resting = lambda state: told_of(session.folder, state)
    simulate(session.controller, VirtualClock(), height, cluster)
    session.close(reason)
    return Swept(session.folder)


def swept(folder: Path, plan: Plan = PLAN) -> Swept:
    session = create(Location.parse(str(folder)), plan, b"name: test\n")
    return left(
        session, lambda config, fidelity: float(config["learning_rate"]) * fidelity, SimulatedCluster(workers=2)
    )


@pytest.mark.thorough
@pytest.mark.parametrize("first", range(0, 24, 8))
def test_of_sweeps_by_chance_it_tells_what_the_log_does(first: int, tmp_path: Path):
    for seed in range(first, first + 8):
        sweep, dice = draw(Random(f"{seed}/sweep")), Random(f"{seed}/fates")
        lost = {(dice.randrange(8), 0, float(dice.randint(1, 4))) for _ in range(3)}
        session = create(Location.parse(str(tmp_path / str(seed))), sweep.plan, b"name: test\n")
        cluster = SimulatedCluster(
            workers=sweep.places, seconds=lambda _, pace_s=sweep.pace_s: pace_s,
            loses=lambda *where, lost=lost: where in lost, noise=sweep.task.luck, fails=sweep.task.error,
        )  # fmt: skip
        found = left(session, sweep.task.height, cluster, dice.choice(["finished", "SIGINT", "brake", "wall"]))
        assert found.kept() == found.read(), seed
        assert document_of(found.kept()) == document_of(found.read()), seed


def test_whatever_name_its_folder_has_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    swept(tmp_path / "runs" / "one of mine")
    (tmp_path / "runs" / "one of mine").rename(tmp_path / "else where")
    monkeypatch.chdir(tmp_path)
    moved = Swept(Location.parse("else where"))
    found = moved.kept()
    assert found is not None
    assert found == moved.read()
    assert found.next[0] == "stepladder export 'else where' --format args"


def test_who_drives_it_or_has_driven_it_since_is_read_from_the_log(tmp_path: Path):
    found = swept(tmp_path / "runs/test")
    assert found.kept() is not None
    session, _ = reopen(found.folder, make_plan(**_of(PLAN) | {"budget": {"trials": 5}}))
    assert found.kept() is None, "a driver is at work"
    assert session.controller.next_step() is not None
    session.close("SIGINT")  # in a process that tells nothing
    assert found.kept() is None
    assert found.read().summary.planned == 5


def _of(plan: Plan) -> dict[str, object]:
    keys = {"scheduler", "searcher", "fidelity"}
    return plan.spec.model_dump(mode="json", include=keys)


def test_what_was_asked_since_is_told(tmp_path: Path):
    found = swept(tmp_path / "runs/test")
    assert found.kept() is not None
    put_wish(found.folder.files(), Wish("retry", 1), 5.0)
    assert found.kept() is None
    assert len(found.read().waiting) == 1


@pytest.mark.parametrize("harm", ["flipped", "cut", "empty", "foreign", "noise", "other code", "of a snapshot"])
def test_whatever_became_of_it_the_log_is_read(harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    found = swept(tmp_path / "runs/test")
    content, dice = found.file.read_bytes(), Random(harm)
    harmed = {
        "flipped": [_flipped(content, dice.randrange(len(content))) for _ in range(15)],
        "cut": [content[: dice.randrange(1, len(content))] for _ in range(15)],
        "empty": [b""],
        "foreign": [swept(tmp_path / "other").file.read_bytes()],
        "noise": [dice.randbytes(900)],
        "other code": [content],
        "of a snapshot": [(found.folder.path / "snapshot.bin").read_bytes()],
    }[harm]
    if harm == "other code":
        monkeypatch.setattr(resting, "form", lambda: "9.9.9-00000000")
    for bad in harmed:
        found.file.write_bytes(bad)
        assert found.kept() is None
    assert found.read().summary.tally.done == 3


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


@pytest.mark.parametrize("harm", ["flipped", "cut", "missing"])
def test_a_damaged_log_is_refused_as_without_it(harm: str, tmp_path: Path):
    found = swept(tmp_path / "runs/test")
    journal = found.folder.path / "journal/000001.jsonl"
    content = journal.read_bytes()
    if harm == "missing":
        journal.unlink()
    else:
        journal.write_bytes(content[:200] if harm == "cut" else _flipped(content, 300))
    assert found.kept() is None
    with pytest.raises(JournalDamagedError):
        read_sweep(found.folder)


def test_a_short_sweep_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(snapshot_keeper, "USUAL_PACE", SnapshotPace(on_leaving=10_000, at_work=10**9, growth=0.0))
    assert not swept(tmp_path / "runs/test").file.exists()


class Full(LocalFileSystem):
    """A disk that takes none."""

    def replace(self, name: str, data: bytes) -> None:
        if name == RESTING:
            raise StorageError("resting.bin: no space left")
        super().replace(name, data)


def test_one_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog):
    monkeypatch.setattr(Location, "files", lambda self: Full(self.path))
    found = swept(tmp_path / "runs/test")
    assert found.kept() is None
    assert (
        "`status` of this sweep will read its log, since what it tells could not be kept: resting.bin: no space left"
    ) in [record.getMessage() for record in caplog.records]
    assert found.read().condition == "finished"
