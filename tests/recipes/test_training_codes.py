"""Ten training codes that were written for something else run, with as many lines changed as docs/recipes says."""

from __future__ import annotations

import importlib.util
import re
import shutil
import textwrap
from pathlib import Path

import pytest
import recipes

CODES = Path(__file__).parent / "codes"
INDEX = (recipes.PAGES / "README.md").read_text()
CHANGED = "# for the sweep"
"""Ends every line that a code has for the sweep's sake."""

RAYS = {
    "async_hyperband_example": (
        ("easy_objective",),
        ("tune",),
        """
        objective: {metric: mean_loss, goal: minimize}
        fidelity: {min: 1, max: 3}
        search_space:
          steps: {value: 3}
          width: {low: 10.0, high: 100.0}
          height: {low: 0.0, high: 100.0}
        """,
    ),
    "mnist_pytorch": (
        ("train_mnist",),
        ("torch",),
        """
        objective: {metric: mean_accuracy, goal: maximize}
        fidelity: {max: 2}
        search_space:
          lr: {low: 1.0e-4, high: 1.0e-1, scale: log, default: 1.0e-2}
          momentum: {low: 0.1, high: 0.9}
          should_checkpoint: {value: true}
        """,
    ),
    "mnist_pytorch_trainable": (
        ("TrainMNIST",),
        ("torch",),
        """
        objective: {metric: mean_accuracy, goal: maximize}
        fidelity: {max: 2}
        search_space:
          lr: {low: 1.0e-4, high: 1.0e-1, scale: log, default: 1.0e-2}
          momentum: {low: 0.1, high: 0.9}
        """,
    ),
    "xgboost_example": (
        ("train_breast_cancer", "train_breast_cancer_cv"),
        ("xgboost",),
        """
        objective: {metric: test-logloss, goal: minimize}
        fidelity: {min: 1, max: 10}
        search_space:
          objective: {value: "binary:logistic"}
          eval_metric: {value: [logloss, error]}
          nthread: {value: 1}
          max_depth: {low: 1, high: 8}
          min_child_weight: {choices: [1, 2, 3]}
          subsample: {low: 0.5, high: 1.0}
          eta: {low: 1.0e-4, high: 1.0e-1, scale: log}
        """,
    ),
    "lightgbm_example": (
        ("train_breast_cancer", "train_breast_cancer_cv"),
        ("lightgbm",),
        """
        objective: {metric: binary_error, goal: minimize}
        fidelity: {max: 10}
        search_space:
          objective: {value: binary}
          metric: {value: [binary_error, binary_logloss]}
          verbose: {value: -1}
          num_threads: {value: 1}
          boosting_type: {choices: [gbdt, dart]}
          num_leaves: {low: 10, high: 999}
          learning_rate: {low: 1.0e-8, high: 1.0e-1, scale: log}
        """,
    ),
}
"""Ray's own examples, which are run from its wheel: what of each, what it needs, and the sweep."""
ANEW = {
    "torch_example": ("PyTorch's example `mnist/main.py`", ("torch",)),
    "hydra_template": ("a Lightning and Hydra template", ("lightning", "hydra")),
    "optax_loop": ("a loop in JAX with optax", ("jax", "optax")),
}
"""Those written anew, by their folder: what the table calls them, and what they need."""
ON_PAGES = {
    "lightning": ("Lightning with Ray's callback", "function", "train.py"),
    "transformers": ("Transformers' `Trainer`, with the options of `TrainingArguments`", "program", "run.py"),
}
"""Those that a page shows, where they are run."""


def rows() -> dict[str, tuple[str, int]]:
    """The table: how each code is given, and how many of its lines are changed."""
    found = re.findall(r"^\| ([^|]+) \| (function|class|program) \| (\d+) \|", INDEX, re.MULTILINE)
    return {name: (given, int(changed)) for name, given, changed in found}


def test_the_table_counts_what_is_run():
    table = rows()
    assert len(table) == 10
    for module, (names, _, sweep) in RAYS.items():
        (row,) = [row for row in table if row.startswith(f"Ray's `{module}`")]
        assert set(names) <= set(re.findall(r"`(\w+)`", row))
        assert table.pop(row) == ("class" if "Trainable" in row or module.endswith("_trainable") else "function", 0)
        assert "objective" in sweep
    for folder, (row, _) in ANEW.items():
        changed = sum(path.read_text().count(CHANGED) for path in (CODES / folder).rglob("*.py"))
        given = "program" if "command:" in (CODES / folder / "sweep.yaml").read_text() else "function"
        assert table.pop(row) == (given, changed)
    for page, (row, given, file) in ON_PAGES.items():
        assert table.pop(row) == (given, recipes.shown_in(page)[file].count(CHANGED))
    assert table == {}


def test_nothing_asks_for_more_than_three_lines():
    assert max(changed for _, changed in rows().values()) <= 3


def skip_without(*packages: str) -> None:
    for package in packages:
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:  # a folder of that name, as of the tests, is no package
            pytest.skip(f"{package} is not installed: pip install 'stepladder[recipes]'")


@pytest.mark.ray
@pytest.mark.thorough
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("module", "name"), [(module, name) for module, given in RAYS.items() for name in given[0]])
def test_rays_own_examples_run_from_its_wheel(tmp_path: Path, run_file, module: str, name: str):
    _, packages, sweep = RAYS[module]
    skip_without(*(package for package in packages if package != "tune"))
    shutil.copy(CODES / "torchvision.py", tmp_path)
    (tmp_path / "train.py").write_text(f"from ray.tune.examples.{module} import {name}\n")
    head = f"name: rays\ntrainable: train.py:{name}\nbudget: {{trials: 2}}\nresources: {{cpus: 1}}\n"
    (tmp_path / "sweep.yaml").write_text(head + textwrap.dedent(sweep))
    state = run_file(tmp_path / "sweep.yaml")
    assert [trial.state.value for trial in state.trials] == ["completed"] * 2, [t.attempt.error for t in state.trials]
    fidelity = state.plan.spec.fidelity
    assert [max(trial.values) for trial in state.trials] == [fidelity.max] * 2


@pytest.mark.ray
@pytest.mark.thorough
@pytest.mark.timeout(300)
@pytest.mark.parametrize("folder", ANEW)
def test_the_others_run(tmp_path: Path, run_file, folder: str):
    skip_without(*ANEW[folder][1])
    shutil.copytree(CODES / folder, tmp_path / folder)
    shutil.copy(CODES / "torchvision.py", tmp_path / folder)
    state = run_file(tmp_path / folder / "sweep.yaml")
    assert [trial.state.value for trial in state.trials] == ["completed"] * 2, [t.attempt.error for t in state.trials]
    fidelity = state.plan.spec.fidelity
    assert [max(trial.values) for trial in state.trials] == [fidelity.max] * 2
