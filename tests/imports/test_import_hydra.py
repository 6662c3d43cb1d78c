"""`stepladder import hydra`: four sweeper blocks with every construct of its sweep syntax and of the Optuna plugin."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli.app import app
from orchestrator.errors import UsageError
from orchestrator.imports.draft import CannotCarryError
from orchestrator.imports.hydra_overrides import Sweeping, parse_override
from orchestrator.project.workspace import plan_from_file
from orchestrator.sweep.plan import Plan
from orchestrator.sweepfile.placeholders import filled

FILES = Path(__file__).parent / "hydra"
APP = "import hydra\n\n\n@hydra.main(config_path='conf', config_name='config')\ndef main(config):\n    return 1.0\n"
LOST = {
    "basic": ["params.data@train", "params.dropout", "params.base", "params.odd"],
    "template": ["sampler.n_startup_trials", "line 16: storage", "trainer"],
    "older": ["params.w", "direction", "line 9: max_failure_rate", "line 10: custom_search_space"],
    "grid": ["line 10: sweep"],
}
"""What of each file has no counterpart, in the order in which it is told."""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "run.py").write_text(APP)
    (tmp_path / "other.py").write_text("import hydra\n")
    return tmp_path


def imported(name: str, folder: Path) -> Plan:
    shutil.copy(FILES / f"{name}.yaml", folder)
    result = call("import", "hydra", folder / f"{name}.yaml")
    assert result.exit_code == 0, result.output
    return plan_from_file(folder / "sweep.yaml")


@pytest.mark.parametrize("name", LOST)
def test_a_block_is_imported_checked_and_planned(name: str, folder: Path):
    shutil.copy(FILES / f"{name}.yaml", folder)
    result = call("import", "hydra", folder / f"{name}.yaml")
    assert result.exit_code == 0
    lost = [line.removeprefix("could not be carried: ") for line in result.stderr.splitlines() if "could not" in line]
    assert [line.startswith(where + ": ") for line, where in zip(lost, LOST[name], strict=True)] == [True] * len(lost)
    assert call("check", folder / "sweep.yaml").exit_code == 0
    assert "at most" in call("plan", folder / "sweep.yaml").stdout


def test_the_basic_sweeper_is_a_grid(folder: Path):
    plan = imported("basic", folder)
    space = plan.spec.search_space
    assert space["lr"].choices == (0.1, 0.01, 0.001)
    assert space["model"].choices == ("mlp", "cnn")
    assert space["shape"].choices == ([8, 8], [16])
    assert space["note"].choices == ("a, b", "plain")
    assert (space["seed"].low, space["seed"].high) == (0, 4)
    assert space["widths"].choices == (1.0, 1.25, 1.5, 1.75)
    assert space["scale"].choices == (1, 2, 3)
    assert space["fixed"].value == 7
    assert not plan.spec.nested  # `model` is a value beside `model.width`
    assert plan.spec.searcher.name == "grid"
    assert plan.spec.budget.trials == 3 * 2 * 4 * 5 * 2 * 2 * 2 * 3 * 3 * 4


def test_the_command_is_the_apps_with_its_own_keys(folder: Path):
    spec = imported("basic", folder).spec
    assert spec.command == ("python", "src/run.py", "{args}", "+trainer.fast={trainer.fast}", "~callbacks")
    config = {name: domain.default for name, domain in spec.search_space.items()}
    arguments = filled(spec.command, config, {}, spec.args)
    assert {"model=mlp", "shape=[8,8]", 'note="a, b"', "+trainer.fast=true"} <= set(arguments)


def test_the_optuna_plugins_block(folder: Path):
    plan = imported("template", folder)
    spec, domains = plan.spec, plan.spec.search_space
    assert (spec.name, spec.seed, spec.budget.trials, spec.resources.max_concurrent) == ("mnist", 1234, 20, 2)
    assert (spec.objective.metric, spec.objective.goal) == ("val/acc_best", "maximize")
    assert spec.fidelity.once
    decay = domains["model.optimizer.weight_decay"]
    assert (decay.low, decay.high, decay.scale) == (1e-6, 1e-2, "log")
    assert (domains["model.net.depth"].type, domains["model.net.depth"].high) == ("int", 4)
    assert (domains["model.net.heads"].type, domains["model.net.heads"].scale) == ("int", "log")
    assert (domains["model.net.width"].high, domains["model.net.width"].step) == (64, 16)  # its stop is included
    assert (domains["model.net.drop"].high, domains["model.net.drop"].step) == (0.5, 0.1)


def test_the_older_search_space_and_the_random_sampler(folder: Path):
    spec = imported("older", folder).spec
    assert (spec.search.name, spec.objective.goal, spec.budget.trials) == ("random", "minimize", 30)
    assert spec.search_space["x"].step == 0.5
    assert spec.search_space["z"].scale == "log"


def test_a_sweepers_own_file_with_the_grid_sampler(folder: Path):
    spec = imported("grid", folder).spec
    assert spec.searcher.name == "grid"
    assert spec.budget.trials == 2 * 2 * 4


def test_two_apps_or_none_leave_the_program_to_the_user(folder: Path):
    (folder / "second.py").write_text(APP)
    shutil.copy(FILES / "grid.yaml", folder)
    result = call("import", "hydra", folder / "grid.yaml", "--program", "second.py")
    assert result.exit_code == 0
    assert plan_from_file(folder / "sweep.yaml").spec.command[1] == "second.py"


def test_no_sweeper_block(folder: Path):
    (folder / "config.yaml").write_text("lr: 0.1\n")
    with pytest.raises(UsageError, match=r"has no sweeper block: neither hydra\.sweeper nor a sweeper's own"):
        call("import", "hydra", folder / "config.yaml")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,2, 3", (1, 2, 3)),
        ("choice(a, 'b, c', \"d\")", ("a", "b, c", "d")),
        ("choice([1, 2], {a: 1, b: [x]}, null, TRUE)", ([1, 2], {"a": 1, "b": ["x"]}, None, True)),
        ("range(4)", (0, 1, 2, 3)),
        ("range(1, 10, 3)", (1, 4, 7)),
        ("range(start=10, stop=1, step=-4)", (10, 6, 2)),
        ("sort(range(1, 4), reverse=true)", (3, 2, 1)),
        ("sort(b, a)", ("a", "b")),
        ("shuffle(list=[3, 1])", (3, 1)),
        ("int(choice(1.0, 2.7))", (1, 2)),
        ("str(1, 2)", ("1", "2")),
        ("float(range(2))", (0.0, 1.0)),
        ("a b c,x:y/z", ("a b c", "x:y/z")),
        ("'it\\'s',b", ("it's", "b")),
        (" 1_000 , 1e3 ", (1000, 1000.0)),
    ],
)
def test_sweeps_of_values(text: str, values: tuple):
    swept = parse_override(text)
    assert isinstance(swept, Sweeping)
    assert swept.values == values
    assert [type(value) for value in swept.values] == [type(value) for value in values]


def test_intervals_tags_globs_and_plain_values():
    assert parse_override("interval(0, 1)").ends == (0, 1)
    tagged = parse_override("tag(log, wide, interval(1e-5, 1))")
    assert (tagged.ends, tagged.tags) == ((1e-5, 1), {"log", "wide"})
    assert parse_override("int(tag(log, interval(1.0, 9.5)))").ends == (1, 9)
    assert parse_override("glob([a*, b], exclude=*c)").glob == ("a*", "b", "without *c")
    assert parse_override("plain text") == "plain text"
    assert parse_override("[1, 2]") == [1, 2]
    assert parse_override("") == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("choice(1, 2", "lacks a ','"),
        ("choice(1) x", "goes on after a value: 'x'"),
        ("'open", "lacks a closing quote"),
        ("${a.b}", "is filled in by Hydra, from elsewhere"),
        ("${a", "lacks a closing brace"),
        ("range(1, 1)", "is not written so"),
        ("range(1, 2, 0)", "is not written so"),
        ("interval(a, b)", "is not written so"),
        ("extend_list(1)", r"extend_list\(\.\.\) is no function of Hydra's that sweeps"),
        ("sort(interval(1, 2))", "is not written so"),
        ("range(0, 1e9)", "is not written so"),
        ("{a 1}", "lacks a ':'"),
    ],
)
def test_what_is_no_override_is_said(text: str, told: str):
    with pytest.raises(CannotCarryError, match=told):
        parse_override(text)
