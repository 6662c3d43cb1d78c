"""How the command is entered: its version, its help, a sweep file that need not be named."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from processes import stepladder
from ruamel.yaml import YAML

from orchestrator import __version__
from orchestrator.cli.options import SWEEP, file_meant, meant
from orchestrator.cli.verbs import PANELS, function_of

ROOT = Path(__file__).parents[2]
SWEEP_TEXT = """
name: small
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {min: 3, max: 9}
search_space:
  a: {low: 0.0, high: 1.0, default: 0.5}
budget: {trials: 6}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text("def train(config):\n    return config['a']\n")
    (tmp_path / "sweep.yaml").write_text(SWEEP_TEXT)
    return tmp_path


def test_the_package_runs_as_the_command(tmp_path: Path):
    ran = subprocess.run(
        [sys.executable, "-m", "orchestrator", "--version"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"stepladder {__version__} (Python 3.")


@pytest.mark.parametrize("verb", [(), ("status",), ("spaces", "show")])
def test_help_has_a_short_name_at_every_verb(tmp_path: Path, verb: tuple[str, ...]):
    short, long = stepladder(*verb, "-h", cwd=tmp_path), stepladder(*verb, "--help", cwd=tmp_path)
    assert (short.returncode, short.stdout) == (0, long.stdout)
    assert "Usage: stepladder" in short.stdout


def test_the_help_groups_the_verbs_in_the_order_of_their_use(tmp_path: Path):
    shown = stepladder("--help", cwd=tmp_path).stdout
    places = [shown.index(f"\n{panel}:\n") for panel in PANELS]
    assert places == sorted(places)
    assert [name for verbs in PANELS.values() for name in verbs if f"\n  {name} " not in shown] == []


@pytest.mark.parametrize("name", [name for verbs in PANELS.values() for name in verbs])
def test_a_verb_is_for_what_the_help_says(name: str):
    written = function_of(name)
    function = written.registered_callback.callback if isinstance(written, typer.Typer) else written
    verbs = next(verbs for verbs in PANELS.values() if name in verbs)
    assert verbs[name].purpose == " ".join(inspect.getdoc(function).partition("\n\n")[0].split())


def test_a_mistyped_verb_is_answered_with_the_nearest(tmp_path: Path):
    ran = stepladder("plna", cwd=tmp_path)
    assert ran.returncode == 2
    assert "Error: No such command 'plna'. Did you mean 'plan'?\n" in ran.stderr


def test_a_sweep_file_in_this_folder_need_not_be_named(folder: Path):
    named, unnamed = stepladder("plan", "sweep.yaml", cwd=folder), stepladder("plan", cwd=folder)
    assert unnamed.returncode == 0
    assert unnamed.stdout == named.stdout
    smaller = stepladder("plan", "budget.trials=4", cwd=folder)
    assert smaller.stdout == stepladder("plan", "sweep.yaml", "budget.trials=4", cwd=folder).stdout != named.stdout


def test_without_one_it_is_said_which_file_was_looked_for(tmp_path: Path):
    ran = stepladder("run", cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr == "error: sweep.yaml: there is no such file; `stepladder init` writes one to start from\n"


def test_what_is_a_sweep_and_what_an_override(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert meant("a.yaml", ["name=x"]) == ("a.yaml", ["name=x"])
    assert meant("name=x", ["seed=1"]) == (SWEEP, ["name=x", "seed=1"])
    assert meant("s3://bucket/runs/a?region=eu", None) == ("s3://bucket/runs/a?region=eu", [])
    Path("lr=1.yaml").touch()
    assert file_meant(Path("lr=1.yaml"), None) == (Path("lr=1.yaml"), [])


def test_the_hook_for_repositories_of_sweep_files_calls_a_verb_there_is():
    (hook,) = YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")
    program, verb = hook["entry"].split()
    assert program == "stepladder"
    assert verb in PANELS["Begin"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("words", "place", "offered"),
    [
        ("stepladder ", 1, {"run", "status", "export"}),
        ("stepladder st", 1, {"status", "stop"}),
        ("stepladder export --fo", 2, {"--format"}),
        ("stepladder spaces sh", 2, {"show"}),
        ("stepladder -q tri", 2, {"trials"}),
    ],
)
def test_a_shell_completes_verbs_and_their_options(tmp_path: Path, words: str, place: int, offered: set[str]):
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(place), "_STEPLADDER_COMPLETE": "complete_bash"}
    ran = subprocess.run(
        [sys.executable, "-c", "from orchestrator.cli.app import main; main()"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)} | asked, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert offered <= set(ran.stdout.split()), ran.stderr


@pytest.mark.thorough
def test_variables_stand_for_options_and_the_help_says_so(tmp_path: Path):
    for verb, name in [("run", "ADDRESS"), ("run", "OWNER"), ("submit", "CLUSTER"), ("status", "ADDRESS")]:
        assert f"STEPLADDER_{name}]" in " ".join(stepladder(verb, "--help", cwd=tmp_path).stdout.split())
    asked = os.environ | {"PYTHONPATH": str(ROOT), "STEPLADDER_ADDRESS": "http://127.0.0.1:9"}
    ran = subprocess.run(
        [sys.executable, "-m", "orchestrator", "ls"],
        cwd=tmp_path,
        env=asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert "127.0.0.1:9" in ran.stderr


@pytest.mark.thorough
def test_the_catalogue_is_data_for_a_program(tmp_path: Path):
    listed = json.loads(stepladder("spaces", "--json", cwd=tmp_path).stdout)
    assert {"sgd", "batch", "regularization"} <= {entry["space"] for entry in listed}
    shown = json.loads(stepladder("spaces", "show", "sgd", "--json", cwd=tmp_path).stdout)
    assert shown["hyperparameters"]["learning_rate"]["scale"] == "log"
