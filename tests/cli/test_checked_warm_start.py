"""`check` looks for the earlier sweeps that a file begins with, as `plan` and `run` do."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.errors import SpecError

FILE = """\
name: test
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {max: 9}
search_space: {a: {low: 0.0, high: 1.0, default: 0.5}}
budget: {trials: 6}
warm_start: [runs/nowhere]
"""


@pytest.mark.parametrize("command", ["check", "plan"])
def test_an_earlier_sweep_that_is_not_there_is_said(command: str, tmp_path: Path):
    (tmp_path / "sweep.yaml").write_text(FILE)
    (tmp_path / "train.py").write_text("def train(config): ...\n")
    done = CliRunner().invoke(app, [command, str(tmp_path / "sweep.yaml")])
    assert isinstance(done.exception, SpecError)
    assert str(done.exception).startswith(f"warm_start[0]: {tmp_path}/runs/nowhere: there is no sweep")
