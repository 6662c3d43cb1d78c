"""`spaces` and `check` as a person sees them at 100 columns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli.app import app
from orchestrator.errors import SpecError

SWEEP = """\
name: bad
trainable: train.py:train
objective: {metric: val_accuracy, goal: maximize}
fidelity: {max: 27}
search_space:
  schedule: none
  learning_rate: {low: 0.001, high: 0.1, default: 0.01, scale: linear, tier: 1}
budget: {trials: 60}
"""
MODEL = "from torch import nn\ndef model(): return nn.Sequential(nn.Dropout(), nn.BatchNorm1d(4))\n"


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("def train(config):\n    pass\n")
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    return Path("sweep.yaml")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def test_spaces_lists_each_space_with_what_it_is():
    result = call("spaces")
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    for name in ("sgd", "adam-finetune", "schedules", "image-classifier"):
        assert any(line.startswith(f"{name} ") for line in lines)
    assert "next: stepladder spaces show NAME" in result.stderr


def test_spaces_show_prints_ranges_defaults_tiers_sources_and_cautions():
    result = call("spaces", "show", "adam")
    assert result.stdout.startswith("adam: Adam, trained from scratch.")
    assert "learning_rate 1 0.0001..0.01 log 0.001 0.001..0.01 -" in " ".join(result.stdout.split())
    assert "  source   Importance and ranges [A]: 1e-3..1e-2; " in result.stdout
    assert "  caution  Fine-tuning wants one to two orders of magnitude less [A].\n" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


@pytest.mark.parametrize("name", ["weight-decay", "schedules", "tabular-mlp", "image-classifier", "convolution"])
def test_no_space_is_wider_than_100_columns(name):
    text = call("spaces", "show", name).stdout
    assert max(map(len, text.splitlines())) <= 100


def test_zero_beside_a_range_conditions_and_couplings_are_shown():
    assert "1e-06..0.01 or 0" in call("spaces", "show", "weight-decay").stdout
    assert "only when  pooling is max or average" in " ".join(call("spaces", "show", "convolution").stdout.split("\n"))
    assert "couple: learning_rate follows batch_size" in call("spaces", "show", "detection").stdout


def test_an_unknown_space_is_answered_with_the_nearest():
    with pytest.raises(SpecError) as caught:
        call("spaces", "show", "adan")
    assert str(caught.value) == (
        "'adan' is not a search space (did you mean 'adam'?); `stepladder spaces` lists them, "
        "or give a path such as ./my_space.yaml"
    )


def test_check_says_where_what_why_who_and_what_to_do(sweep):
    result = call("check", sweep)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:6] == [
        "warning: sweep.yaml:7: search_space.learning_rate.scale: 0.001 to 0.1 on a linear scale",
        "  why     On a linear scale nine draws in ten fall into the highest order of magnitude.",
        "  source  [E]: the usual ladder is 0.1, 0.01 and so on; [B]",
        "  fix     Write scale: log.",
        "  rule    linear-learning-rate",
    ]
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_check_says_how_the_training_function_is_called(sweep):
    assert "train.py:1: train takes the configuration, a dict, as config\n" in call("check", sweep).stderr
    (sweep.parent / "train.py").write_text("def train(learning_rate, *, trial, **rest): ...\n")
    assert "train.py:1: train takes hyperparameters by name, learning_rate" in call("check", sweep).stderr


def test_check_in_json(sweep):
    document = json.loads(call("check", sweep, "--json").stdout)
    assert [(remark["rule"], remark["place"]) for remark in document["remarks"]] == [
        ("linear-learning-rate", "sweep.yaml:7")
    ]


def test_plan_says_the_warnings_first_and_on_stderr(sweep):
    result = call("plan", sweep)
    assert result.stderr.splitlines()[:2] == [
        "warning: sweep.yaml:7: search_space.learning_rate.scale: 0.001 to 0.1 on a linear scale "
        "(linear-learning-rate)",
        "why, and what to do instead: stepladder check sweep.yaml",
    ]
    assert "warning" not in result.stdout
    assert "warning" not in call("plan", sweep, "search_space.learning_rate.scale=log").stderr


@pytest.mark.thorough
def test_check_looks_into_the_model_when_asked(sweep):
    (sweep.parent / "checked_model.py").write_text(MODEL)
    said = call("check", sweep, "--model", "checked_model:model").stdout
    assert "warning: sweep.yaml:2: trainable: in checked_model:model, 0 comes directly before 1" in said
