"""`stepladder import optuna`: six objectives, run under the recorder or read by their text; nothing of them trains."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import time
from pathlib import Path
from types import ModuleType

import optuna
import pytest
from processes import stepladder
from typer.testing import CliRunner, Result

from orchestrator.cli.app import app
from orchestrator.errors import UsageError
from orchestrator.imports.conditions import condition
from orchestrator.imports.running import RecordingError, recorded
from orchestrator.project.workspace import plan_from_file
from orchestrator.sweep.spec import SweepSpec

FILES = Path(__file__).parent / "optuna"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def imported(name: str, folder: Path, *options: str) -> tuple[SweepSpec, str]:
    """The sweep that a file becomes, and what was said of it."""
    shutil.copy(FILES / f"{name}.py", folder)
    result = call("import", "optuna", folder / f"{name}.py", *options)
    assert result.exit_code == 0, result.output
    assert call("check", folder / "sweep.yaml").exit_code == 0
    assert "at most" in call("plan", folder / "sweep.yaml").stdout
    return plan_from_file(folder / "sweep.yaml").spec, result.stderr


def conditions(spec: SweepSpec) -> dict[str, dict[str, tuple]]:
    return {name: dict(domain.when) for name, domain in spec.search_space.items() if domain.when}


BOOSTING = {
    "max_depth": {"booster": ("gbtree", "dart")},
    "grow_policy": {"booster": ("gbtree", "dart")},
    "rate_drop": {"booster": ("dart",)},
}
LAYERS = {
    f"{name}_l{layer}": {"n_layers": above}
    for name in ("n_units", "dropout")
    for layer, above in ((1, (2, 3)), (2, (3,)))
}


@pytest.mark.thorough
class TestRun:
    def test_conditions_are_learned_from_the_choices(self, tmp_path: Path):
        spec, said = imported("boosting", tmp_path)
        assert "could not be carried" not in said
        assert conditions(spec) == BOOSTING
        assert (spec.budget.trials, spec.budget.wall, spec.objective.goal) == (100, 600, "maximize")
        assert spec.fidelity.once
        depth = spec.search_space["max_depth"]
        assert (depth.low, depth.high, depth.step) == (3, 9, 2)

    def test_the_bridge_asks_the_objective(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        imported("boosting", tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        bridge = loaded(tmp_path / "boosting_bridge.py")
        config = {"booster": "dart", "lambda": 0.25, "subsample": 0.5, "max_depth": 5, "grow_policy": "lossguide"}
        assert bridge.train({**config, "rate_drop": 0.1}) == {"value": 0.75}

    def test_layers_names_and_pruners(self, tmp_path: Path):
        spec, said = imported("layers", tmp_path)
        assert "could not be carried" not in said
        assert conditions(spec) == LAYERS
        assert (spec.name, spec.scheduler.name) == ("layers-demo", "median")
        assert spec.fidelity.max == 12  # `for epoch in range(EPOCHS)` around the report

    def test_conditions_on_conditions_and_what_was_not_entered(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        spec, said = imported("classifiers", tmp_path)
        assert conditions(spec) == {
            "kernel": {"classifier": ("svc",)},
            "degree": {"kernel": ("poly",)},
            "svc_c": {"classifier": ("svc",)},
            "max_depth": {"classifier": ("forest",)},
            "max_features": {"classifier": ("forest",)},
        }
        assert "could not be carried: line 19: only_there: stands in a branch that was not entered" in said
        assert "could not be carried: directions: 1 more goals" in said
        assert spec.search_space["max_features"].choices == (None, "sqrt", 0.5, True)
        monkeypatch.syspath_prepend(tmp_path)
        bridge = loaded(tmp_path / "classifiers_bridge.py")
        config = {"classifier": "svc", "kernel": "rbf", "svc_c": 1.0, "hidden": [32, 32], "quarter": 0.25}
        assert bridge.train(config) == {"value": 1.0}  # the list is the objective's tuple

    def test_a_script_without_a_guard(self, tmp_path: Path):
        spec, said = imported("unguarded", tmp_path)
        assert "could not be carried: storage: " in said
        assert "left to you" not in said
        assert spec.try_ == ({"x": 1.0, "y": 10},)
        assert (spec.name, spec.search.name, spec.budget.trials, spec.budget.wall) == ("afternoon", "random", 40, 60.5)
        assert spec.resources.max_concurrent == 2
        assert not (tmp_path / "afternoon.db").exists()

    def test_a_file_that_fails_says_where(self, tmp_path: Path):
        shutil.copy(FILES / "closure.py", tmp_path)
        with pytest.raises(RecordingError, match="line 18: IndexError: list index out of range; mend it, give it argu"):
            call("import", "optuna", tmp_path / "closure.py")
        assert not (tmp_path / "sweep.yaml").exists()

    def test_ask_and_tell_is_refused_before_it_trains(self, tmp_path: Path):
        (tmp_path / "ask.py").write_text("import optuna\nstudy = optuna.create_study()\ntrial = study.ask()\n")
        with pytest.raises(RecordingError, match=r"line 3: RuntimeError: study\.ask\(\) is not recorded; put what"):
            recorded("optuna", tmp_path / "ask.py")

    def test_a_file_without_a_search_says_so(self, tmp_path: Path):
        (tmp_path / "empty.py").write_text("import sys\nprint('hello')\n")
        with pytest.raises(RecordingError, match="it was run and started no search"):
            recorded("optuna", tmp_path / "empty.py")

    def test_a_file_that_trains_before_it_asks_is_ended_with_all_that_it_started(self, tmp_path: Path):
        (tmp_path / "slow.py").write_text(
            "import pathlib, subprocess, time\n"
            "child = subprocess.Popen(['sleep', '300'])\n"
            "pathlib.Path('pid').write_text(str(child.pid))\n"
            "time.sleep(300)\n"
        )
        begun = time.monotonic()
        with pytest.raises(RecordingError, match=r"nothing was recorded within 8 s; let it come to its search sooner"):
            recorded("optuna", tmp_path / "slow.py", limit_s=8)
        assert time.monotonic() - begun < 60
        pid = (tmp_path / "pid").read_text()
        state = Path(f"/proc/{pid}/stat")
        assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"

    @pytest.mark.long
    @pytest.mark.ray
    def test_an_imported_study_runs_on_ray(self, tmp_path: Path):
        imported("layers", tmp_path)
        result = stepladder("run", "sweep.yaml", "budget.trials=3", "--cpus", 2, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        winner = json.loads((tmp_path / "runs" / "layers-demo" / "best.json").read_text())["winner"]
        assert winner["config"]["n_layers"] in (1, 2, 3)
        assert winner["value"] <= 1

    @pytest.mark.long
    def test_an_objective_that_trains_is_cut(self, tmp_path: Path):
        spec, _ = imported("trains-long", tmp_path)
        assert sorted(spec.search_space) == ["batch_size", "lr"]
        assert "import_module('trains-long')" in (tmp_path / "trains_long_bridge.py").read_text()
        assert spec.trainable == "trains_long_bridge.py:train"


class TestText:
    """`--no-run`."""

    def test_every_suggestion_of_the_text_is_found(self, tmp_path: Path):
        spec, said = imported("classifiers", tmp_path, "--no-run")
        assert sorted(spec.search_space) == sorted(
            ["classifier", "kernel", "degree", "svc_c", "max_depth", "max_features", "only_there", "hidden", "quarter"]
        )
        assert "left to you: line 13: degree stands in a branch or a loop; say when it applies (`when`)" in said
        assert "running" not in said

    def test_names_made_in_a_loop_are_named(self, tmp_path: Path):
        spec, said = imported("layers", tmp_path, "--no-run")
        assert sorted(spec.search_space) == ["lr", "n_layers", "optimizer"]
        assert "could not be carried: line 11: n_units_l{}: " in said
        assert spec.fidelity.max == 12

    def test_a_file_that_asks_nothing(self, tmp_path: Path):
        (tmp_path / "none.py").write_text("def objective(trial):\n    return 1.0\n")
        with pytest.raises(UsageError, match=r"none\.py is no Optuna objective: it calls no trial\.suggest_"):
            call("import", "optuna", tmp_path / "none.py", "--no-run")

    def test_no_python(self, tmp_path: Path):
        (tmp_path / "broken.py").write_text("import optuna\ndef f(trial:\n    trial.suggest_int('a', 1, 2)\n")
        with pytest.raises(UsageError, match=r"broken\.py:2 is not valid Python: "):
            call("import", "optuna", tmp_path / "broken.py")

    def test_older_names_of_suggestions(self, tmp_path: Path):
        (tmp_path / "old.py").write_text(
            "LOW = 1e-5\n"
            "def objective(trial):\n"
            "    a = trial.suggest_loguniform('a', LOW, 1e-1)\n"
            "    b = trial.suggest_discrete_uniform('b', 0.0, 1.0, 0.25)\n"
            "    c = trial.suggest_uniform('c', -1.0, 2 * 3)\n"
            "    d = trial.suggest_int('d', 1, n)\n"
            "    return a + b + c\n"
        )
        result = call("import", "optuna", tmp_path / "old.py", "--no-run")
        space = plan_from_file(tmp_path / "sweep.yaml").spec.search_space
        assert (space["a"].low, space["a"].scale) == (1e-5, "log")
        assert (space["b"].step, space["c"].high) == (0.25, 6.0)
        assert "could not be carried: d: `n` is known only to the program as it runs" in result.stderr


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in [name for name, found in sys.modules.items() if _lies_in(path.parent, found)]:
        del sys.modules[name]  # what it imported from its folder is another test's next time
    return module


def _lies_in(folder: Path, module: ModuleType) -> bool:
    return Path(getattr(module, "__file__", None) or "/").parent == folder


def passes(*asked: tuple[dict, list[str]]) -> list[dict]:
    return [{"values": values, "names": names, "error": None} for values, names in asked]


def test_a_condition_is_the_values_with_which_it_was_asked():
    seen = passes(({"a": 1}, ["a", "x"]), ({"a": 2}, ["a"]), ({"a": 3}, ["a", "x"]))
    assert condition("x", seen) == {"a": [1, 3]}
    assert condition("a", seen) == {}


def test_true_is_not_one_in_a_condition():
    assert condition("x", passes(({"a": 1}, ["a", "x"]), ({"a": True}, ["a"]))) == {"a": [1]}


def test_what_no_single_hyperparameter_explains_has_no_condition():
    seen = passes(
        ({"a": 1, "b": 1}, ["a", "b", "x"]), ({"a": 2, "b": 1}, ["a", "b"]), ({"a": 1, "b": 2}, ["a", "b"]),
        ({"a": 2, "b": 2}, ["a", "b", "x"]),
    )  # fmt: skip
    assert condition("x", seen) is None


def test_a_pass_that_failed_says_nothing_of_what_it_did_not_ask():
    seen = passes(({"a": 1}, ["a", "x"]), ({"a": 2}, ["a"]))
    seen[1]["error"] = "ValueError: no"
    assert condition("x", seen) == {}


METHOD = """
import argparse

import optuna


class Objective:
    def __init__(self, rows):
        self.rows = rows

    def __call__(self, trial):
        layers = trial.suggest_int("n_layers", 1, 2)
        units = [trial.suggest_categorical(f"units {layer}", [(16, 16), (32,)]) for layer in range(layers)]
        return self.rows * sum(map(len, units))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, required=True)
    study = optuna.create_study(storage="sqlite:///here.db")
    study.enqueue_trial({"n_layers": 1, "units 0": (32,), "units 1": (32,), "gone": 4})
    study.enqueue_trial({"n_layers": 7})
    try:
        study.optimize(Objective(parser.parse_args().rows), n_trials=6)
    except Exception:
        raise SystemExit("never reached: a bridge asks once, and ends the file")
    print(study.best_params)


main()
"""
GUARDED = """
import optuna


def objective(trial):
    return trial.suggest_float("x", -1, 1) * SCALE


if __name__ == "__main__":
    SCALE = 3
    optuna.create_study().optimize(objective, n_trials=3)
"""
ARGUMENTS_AT_THE_TOP = """
import argparse

import optuna

options = argparse.ArgumentParser()
options.add_argument("--scale", type=float, default=2.0)
SCALE = options.parse_args().scale


def objective(trial):
    return trial.suggest_float("x", -1, 1) * SCALE


if __name__ == "__main__":
    optuna.create_study().optimize(objective, n_trials=3)
"""


@pytest.mark.thorough
class TestObjectivesThatAreThereOnlyWhileTheFileRuns:
    """A closure, an object, a file without a guard, data under the guard, a command line: run up to the search."""

    def test_a_closure_with_an_argument(self, tmp_path: Path):
        spec, said = imported("closure", tmp_path, "--", "5")
        assert spec.trainable == "closure_bridge.py:train"
        assert "could not be carried" not in said
        assert "# runs `python closure.py 5` up to its search" in (tmp_path / "sweep.yaml").read_text()
        assert loaded(tmp_path / "closure_bridge.py").train({"weight": 0.5}) == {"value": 5.0}

    def test_a_script_without_a_guard_searches_nothing(self, tmp_path: Path):
        imported("unguarded", tmp_path)
        assert loaded(tmp_path / "unguarded_bridge.py").train({"x": 3.0, "y": 20}) == {"value": 21.0}
        assert not (tmp_path / "afternoon.db").exists()

    @pytest.mark.parametrize(
        ("text", "arguments", "config", "value"),
        [
            (METHOD, ["--rows", "4"], {"n_layers": 2, "units_0": [16, 16], "units_1": [32]}, 12.0),
            (GUARDED, [], {"x": 0.5}, 1.5),
            (ARGUMENTS_AT_THE_TOP, [], {"x": 0.5}, 1.0),
            (ARGUMENTS_AT_THE_TOP, ["--scale", "6"], {"x": 0.5}, 3.0),
        ],
    )
    def test_what_else_needs_its_file_to_run(
        self, tmp_path: Path, text: str, arguments: list[str], config: dict, value: float
    ):
        (tmp_path / "mine.py").write_text(text)
        result = call("import", "optuna", tmp_path / "mine.py", "--", *arguments)
        assert result.exit_code == 0, result.output
        before, optimize = list(sys.argv), optuna.Study.optimize
        assert loaded(tmp_path / "mine_bridge.py").train(config) == {"value": value}
        assert (sys.argv, optuna.Study.optimize) == (before, optimize)
        assert not (tmp_path / "here.db").exists()

    def test_configurations_to_begin_with_are_tried_first_as_far_as_they_fit(self, tmp_path: Path):
        (tmp_path / "mine.py").write_text(METHOD)
        said = call("import", "optuna", tmp_path / "mine.py", "--", "--rows", "4").stderr
        assert plan_from_file(tmp_path / "sweep.yaml").spec.try_ == ({"n_layers": 1, "units_0": [32]},)
        lost = "could not be carried: enqueue_trial, configuration"
        assert f"{lost} 0: units_1: it is asked for only where n_layers is one of [2]; the rest of it is tried" in said
        assert f"{lost} 0: gone: it is no hyperparameter of the space; the rest of it is tried first" in said
        assert f"{lost} 1: n_layers: 7 is none of its values; nothing is left of it" in said

    def test_a_file_that_comes_to_no_search_says_so_in_its_trial(self, tmp_path: Path):
        (tmp_path / "mine.py").write_text(ARGUMENTS_AT_THE_TOP.replace('"__main__"', '"__mp_main__"'))
        assert call("import", "optuna", tmp_path / "mine.py", "--", "--scale", "6").exit_code == 0
        with pytest.raises(RuntimeError, match=r"mine\.py --scale 6 ended without a search"):
            loaded(tmp_path / "mine_bridge.py").train({"x": 0.5})
