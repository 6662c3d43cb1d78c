"""A sweep in the background of this machine, on a Ray of its own."""

import json
import time

import pytest
from processes import stepladder

from orchestrator.launchers import JobState
from orchestrator.launchers.local import Local

pytestmark = pytest.mark.ray

TRAIN = """
import time
from ray import tune

def train(config):
    for epoch in range(1, 10):
        time.sleep(0.3)
        tune.report({"score": config["a"] - 1 / epoch, "epoch": epoch})
"""
SWEEP = """
name: small
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {min: 3, max: 9}
search_space: {a: {low: 0.0, high: 1.0, default: 0.5}}
budget: {trials: 40}
"""


def test_a_sweep_goes_on_without_its_terminal_until_it_is_stopped(tmp_path):
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    sent = stepladder("submit", "sweep.yaml", cwd=tmp_path)
    assert sent.returncode == 0, sent.stderr
    (kept,) = (tmp_path / ".stepladder").glob("small.*.json")
    job = json.loads(kept.read_text())["job"]
    launcher = Local("")
    try:
        deadline = time.monotonic() + 200
        while "started" not in "".join(launcher.logs(job, follow=False)):
            assert launcher.status(job).state is JobState.RUNNING, launcher.status(job)
            assert time.monotonic() < deadline
            time.sleep(0.5)
    finally:
        launcher.stop(job)
    logs = "".join(launcher.logs(job, follow=True))
    assert "everything is saved; go on with: stepladder resume" in logs
    assert launcher.status(job).state is JobState.STOPPED
    launcher.stop(job)  # changes nothing
    shown = stepladder("status", "sweep.yaml", cwd=tmp_path)
    assert "on this machine" in shown.stdout, shown.stderr
    assert "stopped with work left (exit code 75)" in " ".join(shown.stdout.split())


def test_what_is_not_there_is_gone(tmp_path):
    assert Local("").status(str(tmp_path / "none.job")).state is JobState.GONE
