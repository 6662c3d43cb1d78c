"""`stepladder simulate`: a sweep file on recorded trainings."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.errors import StepladderError

SWEEP = """\
name: mine
trainable: train.py:train
objective: {metric: accuracy, goal: maximize}
fidelity: {metric: epoch, min: 9, max: 81}
search_space:
  rate: {low: 1.0e-4, high: 1, scale: log, default: 0.01}
constraints: {latency_ms: {max: 20}}
searcher: random
budget: {trials: 12, wall: 1h}
"""


@pytest.fixture
def sweep_file(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text("def train(config, trial):\n    trial.report({'accuracy': 1.0})\n")
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    return tmp_path / "sweep.yaml"


def test_it_tells_what_the_file_finds_beside_chance_and_the_default(sweep_file: Path):
    asked = [
        "simulate",
        str(sweep_file),
        "--benchmark",
        "digits-constant",
        "--benchmark",
        "text-cosine",
        "--seeds",
        "2",
    ]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 0, told.output
    assert "2 sweeps on each, 8 trials at once, no training is started" in told.stderr
    rows = [line.split()[0] for line in told.stdout.splitlines() if "this file" in line]
    assert rows == ["digits-constant", "text-cosine"]
    assert told.stdout.count("this file") == told.stdout.count("the default") == 2
    assert not list(sweep_file.parent.glob("runs*"))


def test_json_has_every_sweep(sweep_file: Path):
    asked = ["simulate", str(sweep_file), "budget.trials=9", "--benchmark", "fashion-cosine", "--seeds", "3", "--json"]
    told = CliRunner().invoke(app, [*asked, "--workers", "3"])
    (found,) = json.loads(told.stdout)
    assert (found["benchmark"], found["workers"]) == ("fashion-cosine", 3)
    assert [each["trials"] for each in found["sweeps"]] == [9, 9, 9]
    assert len({each["lasted"] for each in found["sweeps"]}) > 1  # each with a seed of its own
    for ours, chance in zip(found["sweeps"], found["random"], strict=True):
        assert chance["trained"] == round(ours["trained"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "name what to play it on: --benchmark digits-cosine, say"),
        (["--benchmark", "cifar"], "--benchmark cifar: there is none of that name. Recorded curves: digits-constant, "),
        (["searcher=tpx", "--benchmark", "text-cosine"], "tpx"),
    ],
)
def test_a_mistake_is_answered_in_words(sweep_file: Path, more: list[str], said: str):
    told = CliRunner().invoke(app, ["simulate", str(sweep_file), *more])
    assert isinstance(told.exception, StepladderError)
    assert said in str(told.exception)
