"""Sweeps whose logs the reports are made from: simulated once, replayed wherever they are needed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from sweeps import SPACE, make_plan, smooth

from orchestrator.errors import StorageError
from orchestrator.report.tables import Tables
from orchestrator.runtime.filesystem import LocalFileSystem
from orchestrator.runtime.journal import JournalWriter
from orchestrator.runtime.simulator import SimulatedCluster, simulate_plan
from orchestrator.sweep import event as ev

HOSTILE = ["$(rm -rf ~)", "two words", 'say "hi"', "it's", "line\nbreak", "", "true", "12", "C:\\dir\\", "${x}", "é☃🎈"]
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


@pytest.fixture
def sweep(tmp_path):
    return Sweep(tmp_path / "runs" / "test")


class Sweep:
    """A sweep's folder into which a log is written piece by piece, as a driver would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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

    def tables(self, rows_per_part: int = 250_000) -> Tables:
        return Tables(self.files, self.folder, rows_per_part)

    def query(self, sql: str) -> list[tuple]:
        """Ask DuckDB; `{trials}` and `{reports}` stand for the files."""
        folder = self.folder.as_posix()
        asked = sql.format(trials=f"'{folder}/trials/*.parquet'", reports=f"'{folder}/reports/*.parquet'")
        return self.connection.execute(asked).fetchall()

    def content(self) -> dict[str, list[str]]:
        """Return every Parquet file: name to rows, as text so that NaN equals NaN."""
        files = sorted(self.folder.glob("*s/*.parquet"))
        return {file.name: [repr(row) for row in pq.read_table(file).to_pylist()] for file in files}


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
