"""`stepladder import ray`: six experiments, run under the recorder or read by their text; no Ray is started."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli.app import app
from orchestrator.errors import UsageError
from orchestrator.project.workspace import plan_from_file
from orchestrator.sweep.spec import SweepSpec

FILES = Path(__file__).parent / "ray"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def imported(name: str, folder: Path, *options: str) -> tuple[SweepSpec, list[str]]:
    """The sweep that a file becomes, and what of it could not be carried."""
    shutil.copy(FILES / f"{name}.py", folder)
    result = call("import", "ray", folder / f"{name}.py", *options)
    assert result.exit_code == 0, result.output
    assert call("check", folder / "sweep.yaml").exit_code == 0
    assert "at most" in call("plan", folder / "sweep.yaml").stdout
    lost = [line.removeprefix("could not be carried: ") for line in result.stderr.splitlines() if "could not" in line]
    return plan_from_file(folder / "sweep.yaml").spec, [line.partition(": ")[0] for line in lost]


@pytest.mark.thorough
class TestRun:
    def test_a_tuner_with_asha(self, tmp_path: Path):
        spec, lost = imported("asha", tmp_path)
        assert lost == ["grid_search"]
        assert (spec.name, spec.trainable) == ("asha_test", "asha.py:easy_objective")
        assert (spec.objective.metric, spec.objective.goal) == ("mean_loss", "minimize")
        assert (spec.fidelity.min, spec.fidelity.max, spec.fidelity.reduction_factor) == (5, 50, 4)
        assert (spec.search.name, spec.scheduler.name, spec.budget.trials) == ("random", "asha", 40)
        assert (spec.search_space["width"].scale, spec.search_space["steps"].value) == ("linear", 100)
        assert (spec.resources.cpus, spec.resources.gpus) == (1, 0)

    def test_every_distribution(self, tmp_path: Path):
        spec, lost = imported("domains", tmp_path)
        assert lost == ["depends", "anything", "device"]
        assert (spec.resources.custom, spec.resources.memory) == ({"TPU": 1}, 2 * 2**30)
        assert [dict(values) for values in spec.try_] == [{"lr": 0.01, "model.optimizer.beta": 0.9}]
        space = spec.search_space
        assert (space["lr"].low, space["lr"].high, space["lr"].scale) == (1e-4, 0.1, "log")
        assert (space["wd"].scale, space["wd"].step) == ("log", 5e-4)
        assert (space["momentum"].low, space["momentum"].high, space["momentum"].step) == (0.1, 0.9, 0.1)
        assert (space["layers"].low, space["layers"].high) == (1, 8)  # Ray's upper end is not drawn
        assert (space["heads"].high, space["heads"].scale) == (63, "log")
        assert (space["size"].low, space["size"].high, space["size"].step) == (8, 128, 8)  # here it is
        assert space["wide"].high == 256
        assert (space["noise"].mean, space["noise"].sd) == (0.5, 0.1)
        assert (space["noisy"].low, space["noisy"].high, space["noisy"].step, space["noisy"].sd) == (4, 16, 1, 2)
        assert space["shape"].choices == ([2, 3, 4, 5], [3, 4, 6, 3])
        assert space["power"].choices == (4, 8, 16, 32, 64, 128, 256)
        assert (space["metrics"].value, space["nothing"].value, space["one"].value) == (["loss", "acc"], None, 3)
        assert space["model.norm"].choices == ("bn", "ln", None)
        assert space["model.optimizer.beta"].high == 0.99
        assert (spec.resources.cpus, spec.resources.gpus, spec.resources.max_concurrent) == (2, 0.5, 4)
        assert spec.budget.wall == 3600
        assert spec.fidelity.once

    def test_a_grid_is_a_grid(self, tmp_path: Path):
        spec, lost = imported("grid", tmp_path)
        assert lost == []
        assert (spec.searcher.name, spec.budget.trials, spec.trainable) == ("grid", 6, "grid.py:train")

    def test_what_is_bound_and_arguments(self, tmp_path: Path):
        spec, lost = imported("bound", tmp_path, "--", "--samples", "7")
        assert lost == ["trainable"]
        assert (spec.trainable, spec.budget.trials) == ("bound.py:train", 7)

    def test_a_space_without_a_search(self, tmp_path: Path):
        spec, lost = imported("space-only", tmp_path)
        assert lost == []
        assert spec.search_space["hidden"].choices == (8, 16, 64)
        assert spec.trainable == "space-only.py:train"

    def test_a_class_and_what_has_no_counterpart(self, tmp_path: Path):
        spec, _ = imported("trainable", tmp_path)
        assert (spec.trainable, spec.fidelity.once, spec.fidelity.max) == ("trainable.py:Walk", False, 10)
        text = (tmp_path / "sweep.yaml").read_text()
        assert "#   - stop: a function that stops trials" in text
        assert "PopulationBasedTraining is not carried" in text
        assert "#   - line 30 of trainable.py starts its search whenever the file is imported" in text


class TestText:
    """`--no-run`."""

    def test_the_space_is_read(self, tmp_path: Path):
        spec, lost = imported("domains", tmp_path, "--no-run")
        assert lost == ["power", "depends", "anything", "device"]
        assert (spec.search_space["wide"].high, spec.search_space["wide"].scale) == (256, "log")
        assert spec.search_space["layers"].high == 8
        assert spec.search_space["shape"].choices == ([2, 3, 4, 5], [3, 4, 6, 3])

    def test_names_of_constants_are_followed(self, tmp_path: Path):
        spec, _ = imported("space-only", tmp_path, "--no-run")
        assert spec.search_space["hidden"].choices == (8, 16, 64)
        assert spec.search_space["lr"].high == pytest.approx(0.1)

    def test_keys_with_dots_stay_flat(self, tmp_path: Path):
        (tmp_path / "flat.py").write_text(
            "from ray import tune\ndef train(config): pass\nspace = {'model.lr': tune.uniform(0, 1)}\n"
        )
        assert call("import", "ray", tmp_path / "flat.py", "--no-run").exit_code == 0
        spec = plan_from_file(tmp_path / "sweep.yaml").spec
        assert (list(spec.search_space), spec.nested) == (["model.lr"], False)

    def test_no_space(self, tmp_path: Path):
        (tmp_path / "none.py").write_text("def train(config):\n    pass\n")
        with pytest.raises(UsageError, match=r"none\.py is no Ray Tune experiment: no dict of it holds tune\.uniform"):
            call("import", "ray", tmp_path / "none.py", "--no-run")
