"""A sweep that runs while its file is being edited for the next one: seen, stopped and exported by that file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from processes import kill_family, start, stepladder, wait_until

from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.storage.location import Location

pytestmark = [pytest.mark.ray, pytest.mark.long]

TRAIN = """
import os, time
from ray import tune

def train(config):
    for epoch in range(1, 10):
        while epoch == 3 and not os.path.exists("GATE"):
            time.sleep(0.05)
        tune.report({"score": config["a"], "epoch": epoch})
"""
SWEEP = """\
name: small
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {min: 3, max: 9}
search_space:
  a: {low: 0.0, high: 1.0, default: 0.5}
scheduler: none
budget: {trials: 40}
"""


def misspell(folder: Path) -> str:
    (folder / "sweep.yaml").write_text(SWEEP.replace("metric: score", "metrik: score"))
    return "sweep.yaml:3: objective.metrik: unknown key"


def tear(folder: Path) -> str:
    (folder / "sweep.yaml").write_text(SWEEP.replace("{low: 0.0", "{low: 0.0, [").replace("name: small", "name: 'sma"))
    return "sweep.yaml:1: not valid YAML"


def rename(folder: Path) -> str:
    (folder / "train.py").rename(folder / "train_old.py")
    return "sweep.yaml:2: trainable: there is no file 'train.py' beside the sweep file"


REFUSED = "sweep.yaml:3: objective.metrik: unknown key", "its sweep file is not where it was"
"""What `resume` says last; that train.py is gone matters to it no more than to the trials: the code is pinned."""


def delete(folder: Path) -> str:
    (folder / "sweep.yaml").unlink()
    return "sweep.yaml is not there now"


@pytest.mark.parametrize(("command", "changes"), [("stop", (misspell, rename)), ("cancel", (tear, delete))])
def test_a_sweep_that_runs_is_stopped_by_its_changed_file(tmp_path: Path, command: str, changes):
    (tmp_path / "train.py").write_text(TRAIN.replace("GATE", str(tmp_path / "gate")))
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    log = tmp_path / "stderr.txt"
    driver = start("run", "sweep.yaml", "--cpus", 2, cwd=tmp_path, log=log)
    folder = Location.parse(tmp_path / "runs" / "small")
    try:
        wait_until(lambda: sweep_exists(folder) and read_sweep(folder).reported > 1, driver, timeout_s=200)
        for change in changes:
            told = change(tmp_path)
            shown = stepladder("status", "sweep.yaml", "--json", cwd=tmp_path)
            assert (shown.returncode, json.loads(shown.stdout)["condition"]) == (0, "running")
            assert told in shown.stderr
        asked = stepladder(command, "sweep.yaml", cwd=tmp_path)
        assert (asked.returncode, asked.stdout.split(":")[0]) == (0, f"{command} requested")
        (tmp_path / "gate").touch()
        assert driver.wait(240) == 0, log.read_text()
    finally:
        kill_family(driver)
    assert read_sweep(folder).stopped == command
    assert len(read_sweep(folder).trials) < 40
    exported = stepladder("export", "sweep.yaml", cwd=tmp_path)
    assert (exported.returncode, json.loads(exported.stdout).keys()) == (0, {"a"}), exported.stderr
    resumed = stepladder("resume", "sweep.yaml", "--cpus", 2, cwd=tmp_path)
    assert resumed.returncode == 2
    assert any(said in resumed.stderr for said in REFUSED), resumed.stderr
    assert "there is no file 'train.py'" not in resumed.stderr
    assert "Traceback" not in resumed.stderr
