"""Tables whose driver is killed between two of their files: behind the log, never wrong, and whole once one goes on."""

from __future__ import annotations

import itertools
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sweeps import make_plan, smooth

from orchestrator.control.session import Session, create, reopen
from orchestrator.control.simulator import SimulatedCluster, VirtualClock, simulate
from orchestrator.results.audit import AuditFinding, audit, repair
from orchestrator.results.follower import Follower
from orchestrator.results.tables import Tables
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.location import Location
from orchestrator.testing.faults.disk import ProcessKilledError

PLAN = make_plan(budget={"trials": 9}, fidelity={"metric": "epoch", "min": 3, "max": 9, "reduction_factor": 3})


class Struck(LocalFileSystem):
    """A disk under a process that is killed at the n-th file of its tables."""

    def __init__(self, root: Path, at: int) -> None:
        super().__init__(root)
        self.left = at

    def replace(self, name: str, data: bytes) -> None:
        """Put a file in place, or die."""
        self.left -= 1
        if self.left == 0:
            raise ProcessKilledError
        super().replace(name, data)


def tables(files: LocalFileSystem, folder: Location) -> Follower:
    """Return what keeps the tables."""
    return Follower(files, [Tables(files, folder)])


def trained(made: Session, follower: Follower, reports: int | None) -> None:
    """Train, the tables following each report; die at one of them, or finish the sweep where None."""
    count = itertools.count(1)

    def measured(config, fidelity: float) -> float:
        number = next(count)
        if number % 5 == 0:
            made.controller.commit()
            follower.advance()
        if number == reports:
            raise ProcessKilledError
        return smooth(config, fidelity)

    made.close(simulate(made.controller, VirtualClock(), measured, SimulatedCluster(workers=3)))
    follower.advance()


def looked(folder: Location) -> list[AuditFinding]:
    """Audit, but for checkpoints, of which a simulated training leaves none."""
    return [finding for finding in audit(folder).findings if finding.part != "checkpoints"]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tables.__init__, "__defaults__", (10, 5, 4))


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("at", [1, 2, 5, *(pytest.param(n, marks=pytest.mark.thorough) for n in (3, 4, 11, 23, 37))])
def test_a_driver_killed_at_any_file_leaves_tables_that_are_behind_and_the_next_one_brings_them_up(
    at: int, tmp_path: Path
):
    folder = Location.parse(tmp_path / "test")
    made = create(folder, PLAN, b"name: test\n")
    follower = tables(Struck(folder.path, at), folder)
    with pytest.raises(ProcessKilledError):
        trained(made, follower, reports=25)
    made.release()
    for finding in looked(folder):
        assert finding.is_behind
        assert finding.problem.startswith("behind the log, whose last driver was cut off")
    session = reopen(folder, PLAN)[0]
    trained(session, tables(LocalFileSystem(folder.path), folder), None)
    assert looked(folder) == []


def test_columns_of_another_version_are_said_and_are_no_damage(tmp_path: Path):
    folder = Location.parse(tmp_path / "test")
    made = create(folder, PLAN, b"name: test\n")
    trained(made, Follower(made.files, [Tables(made.files, folder)]), None)
    assert looked(folder) == []
    path = folder.path / "attempts/part-00000.parquet"
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["cause"]).append_column("host", table["node"]), path)
    (finding,) = looked(folder)
    assert (finding.is_behind, finding.problem) == (
        True, "was written by another version, without cause and with host; the next driver writes it anew",
    )  # fmt: skip
    assert repair(folder) == ["attempts/part-00000.parquet"]
    assert looked(folder) == []


def test_after_a_driver_that_left_in_order_tables_that_are_behind_are_damage(tmp_path: Path):
    folder = Location.parse(tmp_path / "test")
    made = create(folder, PLAN, b"name: test\n")
    trained(made, Follower(made.files, [Tables(made.files, folder)]), None)
    path = folder.path / "reports/part-00000.parquet"
    pq.write_table(pq.read_table(path).slice(0, 3), path)
    (finding,) = looked(folder)
    assert (finding.is_behind, finding.problem[:12]) == (False, "holds 3 rows")
