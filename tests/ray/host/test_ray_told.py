"""A sweep that runs tells its sinks and its owner's program, both beside the driver."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from processes import stepladder

from orchestrator.results.sink_export import fill, sink_at
from orchestrator.storage.location import Location

pytestmark = pytest.mark.ray

SWEEP = """
name: told
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {min: 1, max: 3}
search_space: {rate: {low: 0.1, high: 1.0, default: 0.5}}
budget: {trials: 3}
confirm: none
page: false
sinks: [tensorboard, {name: "own:Broken"}]
notify: {command: [sh, -c, "cat >> told.jsonl"], on: [finished, better]}
"""
TRAIN = """
def train(config):
    from ray import tune

    for epoch in (1, 2, 3):
        tune.report({"score": config["rate"] * epoch})
"""
OWN = """
from orchestrator import Sink


class Broken(Sink):
    file = "own"
    opened_by = ""

    def take(self, event, state):
        raise RuntimeError("mine")

    def flush(self):
        pass
"""


def test_a_sweep_that_runs_is_told_of(tmp_path: Path):
    for name, text in {"sweep.yaml": SWEEP, "train.py": TRAIN, "own.py": OWN}.items():
        (tmp_path / name).write_text(text)
    ran = stepladder("run", "--cpus", "1", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    told = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    assert told[-1]["event"] == "finished"
    assert told[-1]["where"]["folder"] == str(tmp_path / "runs" / "told")
    assert "the sink own:Broken" in ran.stderr
    assert "RuntimeError('mine')" in ran.stderr
    kept = tmp_path / "runs" / "told" / "sinks" / "tensorboard"
    files = {file: file.read_bytes() for file in kept.rglob("events.*")}
    assert len(files) == 4
    fill(sink_at("tensorboard", Location.parse(kept), "told"), Location.parse(tmp_path / "runs" / "told"))
    assert {file: file.read_bytes() for file in kept.rglob("events.*")} == files, "everything was there"
