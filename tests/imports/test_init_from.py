"""`stepladder init --from`: what is found in training code, met with the catalogue; and what is missed."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli.app import app
from orchestrator.demos import demo_names, write_demo
from orchestrator.errors import UsageError
from orchestrator.imports.code_options import options
from orchestrator.imports.code_reports import objective_of, reported_keys
from orchestrator.imports.code_taken import read_keys
from orchestrator.imports.python_source import Constants
from orchestrator.project.workspace import plan_from_file
from orchestrator.sweep.nesting import CONFIGURATIONS
from orchestrator.sweep.spec import SweepSpec

FILES = Path(__file__).parent / "code"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def begun(source: str, folder: Path) -> tuple[SweepSpec, list[str], list[str]]:
    """The sweep file that is written for a file, what is said to be left as it is, and what is left to the user."""
    shutil.copy(FILES / source.partition(":")[0], folder)
    result = call("init", "--from", f"{folder}/{source}")
    assert result.exit_code == 0, result.output
    assert "at most" in result.stdout
    assert call("check", folder / "sweep.yaml").exit_code == 0
    return plan_from_file(folder / "sweep.yaml").spec, *told(result)


def told(result: Result) -> tuple[list[str], list[str]]:
    lines = result.stderr.splitlines()
    kept = [line.split(": ")[2] for line in lines if line.startswith("left as the code has it: ")]
    return kept, [line.removeprefix("left to you: ") for line in lines if line.startswith("left to you: ")]


def tuned(spec: SweepSpec) -> dict[str, object]:
    return {name: domain.default for name, domain in spec.search_space.items() if domain.type != "constant"}


def test_argparse(tmp_path: Path):
    spec, kept, todo = begun("mnist_argparse.py", tmp_path)
    assert tuned(spec) == {"lr": 1.0, "batch-size": 64, "optimizer": "adadelta"}
    lr = spec.search_space["lr"]
    assert (lr.low, lr.high, lr.scale) == (0.1, 10, "log")  # the catalogue's ends at 0.1
    assert spec.search_space["optimizer"].choices == ("adadelta", "sgd")
    assert kept == ["test-batch-size", "epochs", "gamma", "no-accel", "dry-run", "log-interval"]
    assert spec.command == ("python", "mnist_argparse.py", "{args}", "--seed={trial.seed}")
    assert spec.fidelity.max == 14
    assert "the program must report 'loss': JSON lines" in todo[0]


def test_click(tmp_path: Path):
    spec, kept, _ = begun("click_app.py", tmp_path)
    assert tuned(spec) == {
        "learning-rate": 5e-5, "warmup-ratio": 0.06, "per-device-train-batch-size": 24, "scheduler": "linear",
    }  # fmt: skip
    assert spec.search_space["per-device-train-batch-size"].choices == (16, 24, 32, 64, 128, 256, 512)
    assert (spec.search_space["learning-rate"].low, spec.search_space["learning-rate"].high) == (5e-6, 5e-4)
    assert kept == ["warmup", "num-train-epochs", "fp16", "output"]  # 500 steps are no share


def test_tyro_and_nested_dataclasses(tmp_path: Path):
    spec, kept, _ = begun("tyro_args.py", tmp_path)
    assert tuned(spec) == {
        "optim.learning-rate": 2.5e-4, "optim.beta-1": 0.9, "optim.eps": 1e-5, "activation": "tanh", "layers": 2,
    }  # fmt: skip
    assert kept == ["exp-name", "optim.name", "gamma", "num-minibatches", "anneal-lr"]


def test_hydra_and_structured_configurations(tmp_path: Path):
    spec, kept, _ = begun("hydra_app.py", tmp_path)
    assert tuned(spec) == {
        "optimizer.lr": 0.01, "optimizer.weight_decay": 5e-4, "optimizer.momentum": 0.9, "batch_size": 128,
        "model.dropout": 0.2,
    }  # fmt: skip
    assert kept == ["max_epochs"]
    assert spec.args.style == "hydra"
    assert (spec.objective.metric, spec.objective.goal, spec.fidelity.max) == ("val_acc", "maximize", 30)


def test_keys_of_a_configuration(tmp_path: Path):
    spec, kept, todo = begun("ray_config.py", tmp_path)
    assert tuned(spec) == {"lr": 3e-4, "wd": 0.0, "hidden_size": 256, "dropout": 0.1}
    assert spec.search_space["wd"].also == (0.0,)
    assert spec.search_space["data_dir"].value == "/data"
    assert kept == ["epochs"]
    assert [line.partition(",")[0] for line in todo] == [
        "line 24: the code reads mystery", "line 12: the code reads model.activation",
    ]  # fmt: skip
    assert spec.trainable == "ray_config.py:train_fn"
    assert (spec.objective.metric, spec.fidelity.metric, spec.fidelity.max) == ("val_accuracy", "epoch", 20)


def test_parameters_by_name_and_typer(tmp_path: Path):
    spec, kept, _ = begun("by_name.py:train", tmp_path)
    assert tuned(spec) == {"lr": 0.1, "momentum": 0.9, "batch_size": 50}
    assert (spec.trainable, kept) == ("by_name.py:train", ["epochs", "name"])
    (tmp_path / "sweep.yaml").unlink()
    spec, kept, _ = begun("by_name.py", tmp_path)
    assert tuned(spec) == {"lr": 0.1, "momentum": 0.9, "batch-size": 50}
    assert spec.command == ("python", "by_name.py", "{args}")


def test_a_class(tmp_path: Path):
    spec, kept, todo = begun("trainable_class.py", tmp_path)
    assert tuned(spec) == {"lr": 0.01, "momentum": 0.9, "batch_size": 64}
    assert (kept, todo) == (["use_gpu"], [])
    assert spec.trainable == "trainable_class.py:TrainDigits"
    assert (spec.objective.metric, spec.fidelity.metric, spec.fidelity.max) == (
        "mean_accuracy",
        "training_iteration",
        10,
    )


DEMOS = {
    "digits": {"learning_rate", "momentum", "beta1", "beta2", "epsilon", "batch_size", "weight_decay", "dropout",
               "center_loss_weight", "label_smoothing"},
    "fashion": {"batch_size", "center_loss_weight", "width", "dropout"},
    "text": {"batch_size", "width", "dropout"},
}  # fmt: skip
"""What is found of each demonstration's hyperparameters."""
MISSED = {"digits": set(), "fashion": {"learning_rate", "momentum", "schedule"}, "text": {"learning_rate"}}
"""Some of what is missed, as the configuration is handed on whole to functions of a library; it is named."""


@pytest.mark.parametrize("named", [":train", ""], ids=["function named", "file alone"])
@pytest.mark.parametrize("name", demo_names())
def test_the_demonstrations(name: str, named: str, tmp_path: Path):
    """Their command lines are for a run by hand, and take nothing that the catalogue knows."""
    folder = write_demo(name, tmp_path / name)
    (folder / "sweep.yaml").unlink()
    result = call("init", "--from", f"{folder / 'train.py'}{named}")
    assert result.exit_code == 0
    spec = plan_from_file(folder / "sweep.yaml").spec
    assert set(tuned(spec)) == DEMOS[name]
    assert (spec.name, spec.objective.metric, spec.fidelity.metric) == (name, "val_accuracy", "epoch")
    _, todo = told(result)
    missed = " ".join(line for line in todo if "which nothing in it reads" in line)
    assert {word for word in MISSED[name] if word in missed} == MISSED[name]


class TestMistakes:
    def refused(self, tmp_path: Path, text: str, function: str = "") -> str:
        (tmp_path / "a.py").write_text(text)
        with pytest.raises(UsageError) as caught:
            call("init", "--from", f"{tmp_path}/a.py{function}")
        assert not (tmp_path / "sweep.yaml").exists()
        return str(caught.value).replace(str(tmp_path), "")

    def test_no_such_file_and_no_python(self, tmp_path: Path):
        with pytest.raises(UsageError, match=r"none\.py: there is no such file$"):
            call("init", "--from", tmp_path / "none.py")
        assert self.refused(tmp_path, "def f(:\n").startswith("/a.py:1 is not valid Python: ")

    def test_no_such_function(self, tmp_path: Path):
        told = self.refused(tmp_path, "def train(config):\n    return config['lr']\n", ":trian")
        assert told == "/a.py defines no function 'trian' at its top; it defines train"

    def test_no_function_at_all(self, tmp_path: Path):
        told = self.refused(tmp_path, "x = 1\n")
        assert told == "/a.py: no training function was found; name it: --from /a.py:FUNCTION"

    def test_nothing_that_the_catalogue_knows(self, tmp_path: Path):
        told = self.refused(tmp_path, "def train(config):\n    return config['foo']\n")
        assert "no hyperparameter that the catalogue knows was found (found: foo)" in told

    def test_a_sweep_of_another_tool(self, tmp_path: Path):
        (tmp_path / "w.yaml").write_text("method: grid\nparameters: {a: {values: [1, 2]}}\n")
        with pytest.raises(UsageError, match="this is a W&B sweep, no sweep file; `stepladder import wandb"):
            call("init", "--from", tmp_path / "w.yaml")

    def test_nothing_is_written_over(self, tmp_path: Path):
        shutil.copy(FILES / "by_name.py", tmp_path)
        (tmp_path / "sweep.yaml").write_text("mine")
        with pytest.raises(UsageError, match="is there already and may hold your changes"):
            call("init", "--from", tmp_path / "by_name.py")
        assert (tmp_path / "sweep.yaml").read_text() == "mine"


def keys(text: str) -> list[tuple[str, object]]:
    module = ast.parse(text)
    return [(taken.name, taken.default) for taken in read_keys(module, CONFIGURATIONS, Constants(module))]


def test_keys_are_read_wherever_they_stand():
    assert keys("config['a']['b']; self.config['c']; cfg.get('d', 2 * 3); config.get('e')") == [
        ("a.b", None), ("c", None), ("d", 6), ("e", None),
    ]  # fmt: skip
    assert keys("config['a'] = 1; other['b']; config[name]") == []
    assert keys("hparams['optim'].get('lr', 0.1)") == [("optim.lr", 0.1)]


def test_options_that_only_the_program_knows_are_still_options():
    tool, found = options(ast.parse("p.add_argument('-n')\np.add_argument('--x', default=f())\np.add_argument('y')"))
    assert (tool, [(taken.name, taken.default) for taken in found]) == ("argparse", [("x", None)])


def test_the_objective_is_a_score_of_validation_before_a_loss_and_before_training():
    assert objective_of(["train_acc", "loss", "val_loss", "val/f1"]) == ("val/f1", "maximize")
    assert objective_of(["train_loss", "loss"]) == ("loss", "minimize")
    assert objective_of(["mapping", "seconds"]) is None


def test_reports_are_found_by_way_of_a_name_and_of_keywords():
    text = "m = {'a': 1}\ntune.report(m)\nsession.report({'b': 1})\nreport(c=1, checkpoint=2)\nx = {'d': 1}\n"
    assert sorted(reported_keys(ast.parse(text))) == ["a", "b", "c"]
