"""Somebody else's repository, `my_lab`: installed, tested by the shipped suites, and used in a sweep on Ray."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from processes import ENVIRONMENT, ROOT, stepladder

from orchestrator import read_sweep

LAB = Path(__file__).parent / "my_lab"
SWEEP = """\
name: lab
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {max: 6}
search_space:
  rate: {low: 1.0e-3, high: 1.0, scale: log, default: 0.1}
  width: {low: 8, high: 64, default: 16, tier: 2}
search: hard-stages
searcher: {name: my_lab.antithetic:Antithetic, margin: 0.1}
scheduler: {name: my_lab.patience:Patience, every: 2}
stages:
- {name: first, tune: [rate]}
- {name: second, tune: [width], searcher: my_lab.antithetic:Antithetic}
budget: {trials: 6}
"""
TRAIN = """\
def train(config):
    from ray import tune
    for epoch in range(1, 7):
        tune.report({"score": config["width"] / 64 - epoch * (config["rate"] > 0.3), "epoch": epoch})
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `pip install` put the lab's package."""
    source, target = tmp_path_factory.mktemp("source") / "my_lab", tmp_path_factory.mktemp("site")
    shutil.copytree(LAB, source, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [*pip, "--target", str(target), str(source)], check=True, env={**os.environ, "PIP_NO_CACHE_DIR": "1"}
    )
    return target


@pytest.mark.long
def test_its_own_tests_pass_the_shipped_suites(installed: Path, tmp_path: Path):
    shutil.copytree(LAB / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "tests"]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.splitlines()[-1].split()[0]) >= 20


@pytest.mark.long
@pytest.mark.ray
def test_its_members_run_a_sweep_which_is_extended_and_read_without_them(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "sweep.yaml").write_text(SWEEP)
    (folder / "train.py").write_text(TRAIN)
    missing = stepladder("plan", "sweep.yaml", cwd=folder)
    assert missing.returncode == 2
    assert "sweep.yaml:9: searcher.name: there is no module 'my_lab.antithetic', neither beside" in missing.stderr

    monkeypatch.setitem(ENVIRONMENT, "PYTHONPATH", f"{installed}{os.pathsep}{ROOT}")
    ran = stepladder("run", "sweep.yaml", "--cpus", 2, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    state = read_sweep(folder / "runs" / "lab")
    assert len(state.trials) == 6
    names = {"my_lab.antithetic:Antithetic", "my_lab.patience:Patience"}
    assert state.plan.provenance.members.keys() == names
    assert all(len(code) == 12 for code in state.plan.provenance.members.values())
    assert [bracket.rungs for bracket in state.plan.brackets] == [(2.0, 4.0)]

    module = installed / "my_lab" / "patience.py"
    module.write_text(module.read_text() + "# a change\n")
    extended = stepladder("resume", folder / "runs" / "lab", "--trials", "+4", "--cpus", 2, cwd=elsewhere)
    assert extended.returncode == 0, extended.stderr
    assert "my_lab.patience:Patience: " in extended.stderr
    state = read_sweep(folder / "runs" / "lab")
    assert len(state.trials) == 10
    assert {trial.state for trial in state.trials} <= {"completed", "pruned"}
    assert all((trial.state == "pruned") == (trial.config["rate"] > 0.3) for trial in state.trials), "as Patience says"

    monkeypatch.setitem(ENVIRONMENT, "PYTHONPATH", str(ROOT))
    status = stepladder("status", folder / "runs" / "lab", "--json", cwd=elsewhere)
    assert status.returncode == 0, status.stderr
    assert json.loads(status.stdout)["summary"]["sweep_id"] == state.plan.sweep_id
    exported = stepladder("export", folder / "runs" / "lab", "--format", "json", cwd=elsewhere)
    assert exported.returncode == 0, exported.stderr
