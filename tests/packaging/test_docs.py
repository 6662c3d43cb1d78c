"""The examples of docs/ are parsed, and do what is said of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.project.workspace import linted_plan
from orchestrator.sweep.plan import Plan

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "guides" / "hyperparameters.md").read_text()
SECTIONS = re.split(r"^## ", DOC, flags=re.MULTILINE)[1:]


def example(section: str, language: str = "yaml") -> str:
    (found,) = (text for text in SECTIONS if text.startswith(section))
    (block,) = re.findall(rf"```{language}\n(.*?)```", found, re.DOTALL)
    return block


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's own sweep file, beside its training file."""
    monkeypatch.chdir(tmp_path)
    Path("sweep.yaml").write_text(example("A sweep file to try them on"))
    Path("train.py").write_text(example("`check --model`", "python"))
    return Path("sweep.yaml")


def planned(sweep: Path, example_of: str | None = None) -> tuple[Plan, set[str]]:
    """Return the plan of the sweep file with an example's keys in place, and the rules that remark on it."""
    yaml = YAML(typ="safe", pure=True)
    whole: dict[str, Any] = yaml.load(sweep)
    yaml.dump(whole | (yaml.load(example(example_of)) if example_of else {}), sweep)
    plan, remarks = linted_plan(sweep)
    return plan, {remark.rule.id for remark in remarks}


def test_a_coupling_takes_its_remark_away(sweep: Path):
    assert "batch-size-uncoupled" in planned(sweep)[1]
    plan, remarks = planned(sweep, "`couple`")
    assert (plan.spec.couple["learning_rate"].with_, plan.spec.couple["learning_rate"].rule) == ("batch_size", "linear")
    assert "batch-size-uncoupled" not in remarks


def test_each_stage_has_the_searcher_that_it_names(sweep: Path):
    plan, _ = planned(sweep, "`stages[].searcher`")
    named = {stage.name: stage.searcher and stage.searcher.name for stage in plan.stages}
    assert named == {"rate": "coarse-to-fine", "batch": "grid", "rest": None, "refinement": None}


def test_a_plan_counts_the_short_trainings(sweep: Path):
    plan, _ = planned(sweep, "`coarse-to-fine`")
    assert plan.stages[0].searcher.options["round_trials"] == 8
    shown = CliRunner().invoke(app, ["plan", str(sweep)], catch_exceptions=False).stdout
    assert re.search(r"^stage .* short$", shown, re.MULTILINE)


def test_an_ignored_remark_is_not_made(sweep: Path):
    ignored = {"no-schedule", "momentum-uncoupled"}
    assert ignored < planned(sweep)[1]
    plan, remarks = planned(sweep, "`ignore`")
    assert set(plan.spec.ignore) == ignored
    assert not remarks & ignored


def test_a_model_is_looked_at(sweep: Path):
    assert "stepladder check sweep.yaml --model train:build_network" in DOC
    arguments = ["check", str(sweep), "--model", "train:build_network"]
    shown = CliRunner().invoke(app, arguments, catch_exceptions=False).stdout
    assert example("`check --model`", "text") in shown
