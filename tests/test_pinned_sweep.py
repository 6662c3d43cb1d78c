"""A sweep's code stays what it was started with: branches changed, files edited, deleted, copied, linked, moved."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest
from processes import kill_family, start, stepladder, wait_until

from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.storage.location import Location

pytestmark = [pytest.mark.ray, pytest.mark.long, pytest.mark.timeout(300)]

TRAIN = """
import time
from pathlib import Path

import model
from ray import tune

VERSION = 1
HERE = Path(__file__).parent


def train(config):
    time.sleep(PAUSE)
    if not (HERE / "data.txt").exists():
        raise RuntimeError(f"no data beside {__file__}")
    tune.report({"epoch": 1, "loss": config["lr"], "version": VERSION, "model_version": model.VERSION})
"""
SWEEP = """
name: pinned
trainable: train.py:train
objective: {metric: loss, goal: minimize}
fidelity: {metric: epoch, min: 1, max: 1}
search_space: {lr: {low: 0.1, high: 1.0, default: 0.5}}
searcher: random
budget: {trials: 6}
"""


def write(folder: Path, pause_s: float = 0.0, version: int = 1) -> Path:
    """Write a project; what was there of it is replaced, as an editor does."""
    folder.mkdir(parents=True, exist_ok=True)
    code = TRAIN.replace("PAUSE", str(pause_s)).replace("VERSION = 1", f"VERSION = {version}")
    (folder / "train.py").write_text(code)
    (folder / "model.py").write_text(f"VERSION = {version}\n")
    (folder / "data.txt").write_text("data")
    (folder / "sweep.yaml").write_text(SWEEP)
    return folder


def versions(sweep: Path) -> list[tuple[int, float, float]]:
    """Trial, version of train.py and of model.py that it reported."""
    query = f"select trial, version, model_version from '{sweep}/reports/*.parquet' order by trial"
    return duckdb.sql(query).fetchall()


def hashes(sweep: Path) -> list[str]:
    return [
        row[0] for row in duckdb.sql(f"select code_hash from '{sweep}/attempts/*.parquet' order by trial").fetchall()
    ]


def git(folder: Path, *arguments: str) -> None:
    named = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", *named, *arguments], cwd=folder, check=True, capture_output=True)


def test_another_branch_an_edit_and_a_deletion_under_a_running_sweep_are_kept_out(tmp_path: Path):
    """A real repository with two branches; `data.txt` and the sweep are ignored, so that no checkout touches them."""
    folder, log = write(tmp_path / "project", pause_s=1.0), tmp_path / "said.txt"
    (folder / ".gitignore").write_text("data.txt\nruns\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    git(folder, "checkout", "-qb", "two")
    write(folder, version=2)
    git(folder, "commit", "-qam", "two")
    git(folder, "checkout", "-q", "main")
    sweep = folder / "runs" / "pinned"
    place = Location.parse(sweep)
    driver = start("run", "sweep.yaml", "--cpus", 1, cwd=folder, log=log)
    try:
        wait_until(lambda: sweep_exists(place) and read_sweep(place).reported >= 1, driver, 240)
        git(folder, "checkout", "-q", "two")
        assert "VERSION = 2" in (folder / "train.py").read_text()
        wait_until(lambda: read_sweep(place).reported >= 3, driver, 240)
        write(folder, version=3)
        wait_until(lambda: read_sweep(place).reported >= 4, driver, 240)
        (folder / "train.py").unlink()
        (folder / "model.py").unlink()
        driver.wait(240)
    finally:
        kill_family(driver)
    assert driver.returncode == 0, log.read_text()
    assert versions(sweep) == [(trial, 1, 1) for trial in range(6)]
    assert len(set(hashes(sweep))) == 1
    assert "pinned: 4 files (" in log.read_text()
    assert f") of {folder}; what is edited there from now on reaches the next sweep\n" in log.read_text()

    moved = tmp_path / "elsewhere" / "pinned"  # another machine: nothing but the storage
    moved.parent.mkdir()
    shutil.move(sweep, moved)
    shutil.rmtree(folder)
    resumed = stepladder("resume", moved, "--trials", "+1", "--cpus", 1, cwd=tmp_path)
    assert (
        f"{folder} does not hold the sweep's code; trials go on with the code pinned from {folder} on" in resumed.stderr
    )
    assert "not pinned, missing: data.txt" in resumed.stderr
    error = read_sweep(Location.parse(moved)).trials[6].attempt.error or ""
    assert error.startswith("train.py:15 in train: raise RuntimeError("), error
    assert error.endswith(f"RuntimeError: no data beside {folder}/train.py"), "the user's own path"
    assert len(set(hashes(moved))) == 1
    folder.mkdir()
    (folder / "data.txt").write_text("data")  # the data is there, the code is not
    again = stepladder("resume", moved, "--trials", "+1", "--cpus", 1, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "missing" not in again.stderr
    assert versions(moved)[-1] == (7, 1, 1)
    audited = stepladder("audit", moved, cwd=tmp_path)
    assert "the pinned code" in audited.stdout + audited.stderr


def test_a_sweep_file_that_is_a_link_means_the_folder_it_lies_in(tmp_path: Path):
    folder = write(tmp_path / "experiments" / "a")
    shared = write(tmp_path / "configs", version=9)  # another project's files of the same names beside the target
    (folder / "sweep.yaml").unlink()
    (folder / "sweep.yaml").symlink_to(shared / "sweep.yaml")
    ran = stepladder("run", "sweep.yaml", "budget.trials=2", "--cpus", 1, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    resumed = stepladder("resume", "runs/pinned", "--trials", "+1", "--cpus", 1, cwd=folder)
    assert resumed.returncode == 0, resumed.stderr
    assert versions(folder / "runs" / "pinned") == [(trial, 1, 1) for trial in range(3)]
    assert "differs" not in resumed.stderr
    assert not (shared / "runs").exists()


def test_a_copied_project_goes_on_with_what_it_pinned_or_with_its_own_code_where_that_is_said(tmp_path: Path):
    first = write(tmp_path / "v1")
    ran = stepladder("run", "sweep.yaml", "budget.trials=2", "--cpus", 1, cwd=first)
    assert ran.returncode == 0, ran.stderr
    second = tmp_path / "v2"
    shutil.copytree(first, second, symlinks=True)
    write(second, version=2)
    sweep = second / "runs" / "pinned"
    resumed = stepladder("resume", "runs/pinned", "--trials", "+1", "--cpus", 1, cwd=second)
    assert resumed.returncode == 0, resumed.stderr
    assert (
        f"{second} differs from the sweep's code (changed: model.py, train.py); trials go on with the code pinned from "
        f"{first} on "
    ) in resumed.stderr
    assert (sweep / "code" / hashes(sweep)[0] / "data.txt").readlink() == second / "data.txt"
    taken = stepladder("resume", "runs/pinned", "--trials", "+1", "--cpus", 1, "--code", "here", cwd=second)
    assert taken.returncode == 0, taken.stderr
    assert versions(sweep) == [(0, 1, 1), (1, 1, 1), (2, 1, 1), (3, 2, 2)]
    old, new = dict.fromkeys(hashes(sweep))
    assert f"changed since the last driver: code: {old} -> {new}; later rows carry the new hash" in taken.stderr
    assert len(versions(first / "runs" / "pinned")) == 2
