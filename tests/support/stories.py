"""Sweeps whose logs the reports are made from: simulated once, replayed wherever they are needed.

A plugin of every test, so DuckDB, Parquet and the tables are imported by the methods that use them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from sweeps import SPACE, make_plan, smooth

from orchestrator.errors import StorageError
from orchestrator.storage.filesystem import FileSystem, LocalFileSystem
from orchestrator.storage.journal import JournalWriter
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.plan import StagePlan
from orchestrator.sweep.trial import Outcome, StopReason

if TYPE_CHECKING:
    from orchestrator.results.follower import Follower

HOSTILE = ["$(rm -rf ~)", "two words", 'say "hi"', "it's", "line\nbreak", "", "true", "12", "C:\\dir\\", "${x}", "é☃🎈"]
T0 = 1_700_000_000.0
DRIVER = ev.DriverStarted(0.0, 1, "host:17", "c0de", {"ray": "2.60.0", "python": "3.11"})


def measured(config, fidelity):
    """Score and loss; not finite where the learning rate is too large; a metric of its own from epoch 5 on."""
    score = smooth(config, fidelity) if config["learning_rate"] < 0.4 else math.nan
    metrics = {"score": score, "loss": 1 - score, "epoch": fidelity}
    return metrics | ({"late": 2.0} if fidelity >= 5 else {})


def lost_once(trial, attempt, fidelity):
    return trial % 7 == 3 and attempt == 0 and fidelity == 3


@pytest.fixture(scope="session")
def told():
    """A sweep of 40 trials as its log: stages, stops, divergences, lost machines, a metric that appears mid-run."""
    from orchestrator.control.simulator import SimulatedCluster, simulate_plan

    plan = make_plan(
        searcher={"name": "random"},
        budget={"trials": 40},
        fidelity={"metric": "epoch", "min": 3, "max": 9},
        resources={"cpus": 1, "gpus": 0.5},
        search_space=SPACE | {"augment": {"type": "choice", "choices": HOSTILE, "default": HOSTILE[0], "tier": 3}},
    )
    cluster = SimulatedCluster(workers=4, seconds=lambda _: 60.0, loses=lost_once)
    state, journal = simulate_plan(plan, measured, cluster)
    events = [journal.events[0], DRIVER, *journal.events[1:]]
    assert state.plan == plan
    return events


@pytest.fixture(scope="session")
def story():
    """Six trials written by hand, one of each fate; the last is open. 100 s an epoch, GPUs shared by two."""
    stages = (
        StagePlan(name="rate", tune=("learning_rate",), share=0.5),
        StagePlan(name="shape", tune=("momentum", "batch_size"), share=0.5),
    )
    plan = make_plan(budget={"trials": 6}, resources={"cpus": 1, "gpus": 0.5}, searcher={"name": "random"})
    plan = plan.model_copy(update={"sweep_id": "test-0123456789ab", "stages": stages})
    base = {"learning_rate": 0.01, "momentum": 0.9, "batch_size": 32, "optimizer": "sgd"}
    events = [ev.SweepPlanned(T0, ev.FORMAT, plan.model_dump(mode="json")), msgspec.structs.replace(DRIVER, t=T0)]

    def trial(number, changes, stage, curve, outcome=None, stop=None, error=None):
        t = T0 + 3000 * number
        proposed = ev.TrialProposed(t, number, base | changes, stage, "uniform" if number else "baseline", [], None, 0)
        events.extend([proposed, ev.AttemptStarted(t, number, 0), ev.AttemptPlaced(t, number, 0, "node-1", "0")])
        for epoch, score in curve.items():
            verdict = stop if epoch == max(curve) else None
            checkpoint = f"/data/runs/test/checkpoints/{number}/{epoch}"
            events.append(ev.Reported(t + 100 * epoch, number, 0, epoch, {"score": score}, checkpoint, verdict))
        if outcome:
            events.append(ev.AttemptEnded(t + 100 * max(curve, default=1), number, 0, outcome, error))

    events.append(ev.StageEntered(T0, "rate", None, None))
    trial(0, {}, "rate", {3.0: 0.5, 27.0: 0.8}, Outcome.STOPPED, StopReason.FULL_FIDELITY)
    trial(1, {"learning_rate": 0.5}, "rate", {3.0: 0.25}, Outcome.STOPPED, StopReason.WEAK)
    trial(
        2, {"learning_rate": 0.05}, "rate", {3.0: 0.6, 9.0: 0.95, 27.0: 0.9}, Outcome.STOPPED, StopReason.FULL_FIDELITY
    )
    events.append(ev.StageEntered(T0 + 9000, "shape", 2, 0.9))
    trial(3, {"momentum": 0.99}, "shape", {3.0: "nan"}, Outcome.STOPPED, StopReason.NOT_FINITE)
    trial(
        4,
        {"batch_size": 256},
        "shape",
        {},
        Outcome.ERROR,
        None,
        "Traceback:\n  File x\nValueError: bad [bold]size[/bold]",
    )
    trial(5, {"momentum": 0.6}, "shape", {3.0: 0.7, 9.0: 0.85})
    return events


@pytest.fixture
def sweep(tmp_path):
    return Sweep(tmp_path / "runs" / "test")


@pytest.fixture
def make_sweep():
    """For tests with more than one sweep."""
    return lambda folder: Sweep(folder / "runs" / "test")


class Sweep:
    """A sweep's folder into which a log is written piece by piece, as a driver would."""

    def __init__(self, folder: Path) -> None:
        import duckdb

        self.folder = folder
        self.location = Location.parse(folder)
        self.files = LocalFileSystem(folder)
        self.epoch = 0
        self.connection = duckdb.connect()
        self.take_over()

    def take_over(self) -> None:
        self.epoch += 1
        self.journal = JournalWriter(self.files, self.epoch)

    def restore(self) -> None:
        """Begin to write anew, in a journal that was taken away."""
        self.files.close()
        self.epoch = 0
        self.take_over()

    def write(self, events: Iterable[ev.Event], frame: int = 10) -> None:
        remaining = iter(events)
        while batch := list(itertools.islice(remaining, frame)):
            for event in batch:
                self.journal.append(event)
            self.journal.commit()

    def tables(
        self,
        rows_per_part: int = 250_000,
        files: FileSystem | None = None,
        attempts_per_part: int = 2_000,
        trials_per_part: int = 2_000,
    ) -> Follower:
        """A follower whose one observer is the tables; `files` where they are not written by the sweep's own."""
        from orchestrator.results.follower import Follower
        from orchestrator.results.tables import Tables

        files = files or self.files
        return Follower(files, [Tables(files, self.location, rows_per_part, attempts_per_part, trials_per_part)])

    def query(self, sql: str) -> list[tuple]:
        """Ask DuckDB; `{trials}`, `{reports}` and `{attempts}` stand for the files."""
        folder = self.folder.as_posix()
        globs = {name: f"'{folder}/{name}/*.parquet'" for name in ("trials", "reports", "attempts")}
        return self.connection.execute(sql.format(**globs)).fetchall()

    def content(self) -> dict[str, list[str]]:
        """Return every Parquet file: name to rows, as text so that NaN equals NaN."""
        import pyarrow.parquet as pq

        files = sorted(self.folder.glob("*s/*.parquet"))
        return {
            str(file.relative_to(self.folder)): [repr(row) for row in pq.read_table(file).to_pylist()] for file in files
        }


class FullDisk:
    """A sweep's file system, whose disk is full while `is_full`."""

    def __init__(self, sweep: Sweep) -> None:
        self._files = sweep.files
        self.is_full = False

    def __getattr__(self, name):
        return getattr(self._files, name)

    def replace(self, name, data):
        if self.is_full:
            raise StorageError(f"{name}: the disk is full; free some space")
        self._files.replace(name, data)


@pytest.fixture
def disk(sweep):
    return FullDisk(sweep)


def reports_of(events):
    return [event for event in events if isinstance(event, ev.Reported)]
