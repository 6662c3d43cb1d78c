"""A real driver whose folder is moved, deleted, replaced or made read-only, and sweeps whose checkpoints are gone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import read_only
from processes import kill_family, start, stepladder, wait_until
from slow_training import write_slow_sweep

from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.storage.location import Location
from orchestrator.sweep.trial import TrialState

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]


class Driver:
    """`stepladder run` at work on a sweep that would take minutes."""

    def __init__(self, folder: Path, epochs: int) -> None:
        write_slow_sweep(folder, epochs=epochs, epoch_s=0.3, trials=4)
        self.sweep = folder / "runs" / "slow"
        self._folder, self._log = folder, folder / "said.txt"
        self.process = start("run", "sweep.yaml", "--cpus", 2, cwd=folder, log=self._log)
        location = Location.parse(self.sweep)
        wait_until(
            lambda: sweep_exists(location) and sum(trial.report_count > 1 for trial in read_sweep(location).trials) > 1,
            self.process,
        )
        assert self.process.poll() is None, self._log.read_text()

    def told(self) -> tuple[float, float, int, str]:
        """How soon it was told, how soon the driver left, its exit code and its last line."""
        begun = time.monotonic()
        wait_until(lambda: "the sweep stops: " in self._log.read_text(), self.process, 60)
        told = time.monotonic() - begun
        code = self.process.wait(timeout=240)
        said = self._log.read_text()
        assert "Traceback" not in said
        (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
        return told, time.monotonic() - begun, code, line


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    made = Driver(tmp_path, 90)
    yield made
    if made.process.poll() is None:
        kill_family(made.process)


@pytest.mark.long
def test_a_sweep_whose_folder_is_moved_goes_on_from_its_new_place(driver: Driver, tmp_path: Path):
    driver.sweep.rename(tmp_path / "kept")
    told, _, code, line = driver.told()
    assert (told < 10, code) == (True, 1)
    changed = f"error: {driver.sweep}: this sweep's folder changed under its driver: it was moved to {tmp_path}/kept. "
    remedy = f"Everything acknowledged went with it; go on there: `stepladder resume {tmp_path}/kept`. "
    assert line.startswith(f"{changed}{remedy}Left at {driver.sweep}: ")
    assert not (driver.sweep / "journal").exists()
    before = read_sweep(Location.parse(tmp_path / "kept"))
    write_slow_sweep(tmp_path, epochs=90, epoch_s=0.01, trials=4)
    again = stepladder("resume", tmp_path / "kept", "--cpus", 2, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    after = read_sweep(Location.parse(tmp_path / "kept"))
    assert after.counts()[TrialState.COMPLETED] == 4
    for trial, known in zip(after.trials, before.trials, strict=False):
        assert trial.attempts[1].resumed_from == known.checkpoint_fidelity
        assert trial.number > 1 or known.checkpoint_fidelity > 0


@pytest.mark.nightly
def test_a_folder_that_is_deleted(driver: Driver):
    shutil.rmtree(driver.sweep, ignore_errors=True)
    told, _, code, line = driver.told()
    assert (told < 10, code) == (True, 1)
    assert (
        f"{driver.sweep}: this sweep's folder changed under its driver: journal/000001.jsonl was deleted. It held"
        in line
    )
    assert (
        "go on there with `stepladder resume ITS_PLACE`; else restore it from a copy and resume that, or start a"
        in line
    )
    assert not (driver.sweep / "journal").exists()


@pytest.mark.nightly
def test_a_folder_that_is_replaced_by_its_copy(driver: Driver, tmp_path: Path):
    shutil.copytree(driver.sweep, tmp_path / "copy")
    driver.sweep.rename(tmp_path / "away")
    (tmp_path / "copy").rename(driver.sweep)
    told, _, code, line = driver.told()
    assert (told < 10, code) == (True, 1)
    assert (
        f"something else lies in its place now (journal/000001.jsonl is another file); it was moved to {tmp_path}/aw"
        in line
    )
    assert read_sweep(Location.parse(driver.sweep)).stopped is None
    assert read_sweep(Location.parse(tmp_path / "away")).reported >= 1


@pytest.mark.nightly
def test_a_folder_that_turns_read_only(driver: Driver):
    with read_only(driver.sweep):
        told, _, code, line = driver.told()
    assert (told < 10, code) == (True, 1)
    assert (
        "the disk is read-only; make it writable, or choose another storage. Nothing acknowledged is lost: run" in line
    )
    assert not any(trial.state is TrialState.FAILED for trial in read_sweep(Location.parse(driver.sweep)).trials)


@pytest.mark.long
def test_checkpoints_that_were_deleted_between_two_drivers(tmp_path: Path):
    driver = Driver(tmp_path, 90)
    driver.process.send_signal(2)
    assert driver.process.wait(timeout=240) == 130
    write_slow_sweep(tmp_path, epochs=90, epoch_s=0.01, trials=4)
    shutil.rmtree(driver.sweep / "checkpoints")
    again = stepladder("resume", "sweep.yaml", "--cpus", 2, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    gone = (
        "changed since the last driver: the checkpoints of trials 0 and 1 are gone; they start again from the beginning"
    )
    assert again.stderr.count(gone) == again.stderr.count("again from the beginning") == 1
    state = read_sweep(Location.parse(driver.sweep))
    assert [trial.state for trial in state.trials] == [TrialState.COMPLETED] * 4
    assert [len(trial.attempts) for trial in state.trials] == [2, 2, 1, 1]


@pytest.mark.nightly
def test_of_two_drivers_at_once_one_runs_the_sweep(driver: Driver, tmp_path: Path):
    for command in (("run", "sweep.yaml"), ("resume", "sweep.yaml", "--cpus", 1)):
        second = stepladder(*command, cwd=tmp_path)
        assert second.returncode == (2 if command[0] == "run" else 1)
        assert "this sweep exists; go on with" in second.stderr or "the sweep is driven by process" in second.stderr
    assert driver.process.poll() is None
    assert len(read_sweep(Location.parse(driver.sweep)).sessions) == 1
