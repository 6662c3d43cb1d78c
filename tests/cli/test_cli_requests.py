"""`stop` and `cancel` from another terminal, on a real driver with a real Ray; the sweep then goes on to its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import family, kill_family, start, stepladder, wait_until

from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.storage.location import Location
from orchestrator.sweep.trial import Outcome, TrialState

pytestmark = pytest.mark.ray

TRAIN = """
import json, os, tempfile, time
from ray import tune

def train(config):
    begun = 0
    if tune.get_checkpoint():
        with tune.get_checkpoint().as_directory() as folder:
            begun = json.load(open(os.path.join(folder, "epoch.json")))
    for epoch in range(begun + 1, 10):
        while epoch == 3 and not os.path.exists("GATE"):
            time.sleep(0.05)
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "epoch.json"), "w") as file:
                json.dump(epoch, file)
            tune.report({"score": config["a"], "epoch": epoch}, checkpoint=tune.Checkpoint.from_directory(folder))
"""
SWEEP = """
name: small
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {min: 3, max: 9}
search_space:
  a: {low: 0.0, high: 1.0, default: 0.5}
scheduler: none
budget: {trials: 6}
"""


@contextlib.contextmanager
def begun(folder: Path):
    """Start a driver with two places; yields it once both trials have reported and wait at the gate."""
    (folder / "train.py").write_text(TRAIN.replace("GATE", str(folder / "gate")))
    (folder / "sweep.yaml").write_text(SWEEP)
    driver = start("run", "sweep.yaml", "--cpus", 2, cwd=folder, log=folder / "stderr.txt")
    sweep = Location.parse(folder / "runs" / "small")
    try:
        wait_until(
            lambda: sweep_exists(sweep) and read_sweep(sweep).reported > 1,
            driver,
            timeout_s=200,
        )
        yield driver, sweep
    finally:
        kill_family(driver)


def test_stop_lets_the_running_trials_finish_and_starts_none(tmp_path: Path):
    with begun(tmp_path) as (driver, folder):
        asked = stepladder("stop", "sweep.yaml", cwd=tmp_path)
        assert (asked.returncode, asked.stdout) == (
            0, "stop requested: no new trials, 2 trials running finish, then the driver leaves\n"
        )  # fmt: skip
        assert asked.stderr == (
            f"next: stepladder status {folder}\n      stepladder cancel {folder}   # do not wait for them\n"
        )
        shown = stepladder("status", folder, "--json", cwd=tmp_path)
        status = json.loads(shown.stdout)
        assert status["requested"] == "stop"
        assert status["detail"].startswith("stop requested, 2 trials still running; the sweep is driven by process")

        log = tmp_path / "stderr.txt"
        wait_until(lambda: "stop requested: no new trials, 2 running finish" in log.read_text(), driver)
        assert driver.poll() is None, "the running trials are not waited for"
        (tmp_path / "gate").touch()
        assert driver.wait(240) == 0, log.read_text()
        assert f"stopped (stop), everything is saved; go on with: stepladder resume {folder}" in log.read_text()
    state = read_sweep(folder)
    assert [trial.state for trial in state.trials] == [TrialState.COMPLETED] * 2
    assert state.stopped == "stop"
    assert json.loads(folder.files().read("best.json"))["winner"] is not None

    late = stepladder("stop", "sweep.yaml", cwd=tmp_path)
    assert late.returncode == 2
    assert f"{folder}: nobody drives this sweep now, so there is nothing to stop; see `stepladder status" in late.stderr
    resumed = stepladder("resume", "--auto", "sweep.yaml", "--cpus", 2, cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert read_sweep(folder).counts()[TrialState.COMPLETED] == 6


def test_cancel_leaves_within_seconds_and_resume_goes_on_from_checkpoints(tmp_path: Path):
    with begun(tmp_path) as (driver, folder):
        asked = stepladder("cancel", folder, cwd=tmp_path)
        said = "cancel requested: 2 trials running pause at their newest checkpoint, and the driver leaves\n"
        assert (asked.returncode, asked.stdout) == (0, said)
        assert driver.wait(240) == 0, (tmp_path / "stderr.txt").read_text()
    state = read_sweep(folder)
    assert state.stopped == "cancel"
    assert [trial.attempt.outcome for trial in state.trials] == [Outcome.INTERRUPTED] * 2
    (tmp_path / "gate").touch()
    resumed = stepladder("resume", folder, "--cpus", 2, cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    done = read_sweep(folder)
    assert done.counts()[TrialState.COMPLETED] == 6
    assert all(trial.attempts[1].resumed_from >= 1 for trial in done.trials[:2])


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture
def _unshielded() -> Iterator[None]:
    """Children take SIGHUP as from a terminal, also where the tests run under nohup, which has them ignore it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("_unshielded")
def test_a_closed_terminal_leaves_nothing_behind_and_loses_nothing(tmp_path: Path):
    """SIGHUP to the whole session, as a terminal sends it that is closed."""
    with begun(tmp_path) as (driver, folder):
        started = family(driver.pid)
        os.killpg(driver.pid, signal.SIGHUP)
        assert driver.wait(240) == 75, (tmp_path / "stderr.txt").read_text()
        deadline = time.monotonic() + 240
        while left := [pid for pid in started if is_alive(pid)]:
            assert time.monotonic() < deadline, left
            time.sleep(0.1)
        left_by = read_sweep(folder)
        assert left_by.stopped == "SIGHUP"
        reported = [trial.attempt.fidelity for trial in left_by.trials[:2]]
    (tmp_path / "gate").touch()
    resumed = stepladder("resume", "sweep.yaml", "--cpus", 2, cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    done = read_sweep(folder)
    assert done.counts()[TrialState.COMPLETED] == 6
    assert [trial.attempts[1].resumed_from for trial in done.trials[:2]] == reported, "no epoch is trained twice"
