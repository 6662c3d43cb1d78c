"""The demonstration as a whole: its sweep file fits its training, by hand and under stock Ray Tune."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from orchestrator.project.workspace import plan_from_file
from orchestrator.sweep.plan import Plan


@pytest.fixture(scope="module")
def plan(digits_folder: Path) -> Plan:
    return plan_from_file(digits_folder / "sweep.yaml")


def test_three_stages_in_order_of_importance(plan: Plan):
    first, second, third = (set(stage.tune) for stage in plan.stages[:3])
    assert first == {"learning_rate", "center_loss_weight"}
    assert second == {"batch_size", "momentum"}
    assert third == {"optimizer", "beta1", "beta2", "weight_decay", "dropout"}


def test_each_optimizer_has_its_own_hyperparameters(plan: Plan):
    adam, sgd = plan.space.complete({"optimizer": "adam"}), plan.space.complete({"optimizer": "sgd"})
    assert set(adam) - set(sgd) == {"beta1", "beta2", "epsilon"}
    assert set(sgd) - set(adam) == {"momentum"}


def test_the_baseline_is_what_a_training_by_hand_takes(plan: Plan, digits: ModuleType):
    assert plan.space.baseline == {name: digits.BY_HAND[name] for name in plan.space.baseline}
    assert set(plan.space) == set(digits.BY_HAND)
    assert plan.spec.fidelity.max == digits.EPOCHS


@pytest.mark.thorough
def test_it_trains_and_tests_by_hand(digits_folder: Path, tmp_path: Path, by_hand: Callable[..., list[str]]):
    file = digits_folder / "train.py"
    lines = by_hand(file, "--learning_rate=0.02", "--seed", 3, "--epochs", 2, "--save", tmp_path / "saved")
    assert [line.partition("  ")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert " val_accuracy 0." in lines[-1]
    (tested,) = by_hand(file, "--test", tmp_path / "saved")
    name, value = tested.split()
    assert name == "test_accuracy"
    assert 0 <= float(value) <= 1


STOCK = """
import sys
import ray
from ray import tune
sys.path.insert(0, sys.argv[1])
import train

ray.init(
    address="local", num_cpus=1, include_dashboard=False, object_store_memory=100_000_000,
    runtime_env={"env_vars": {"PYTHONPATH": sys.argv[1]}},
)
trial = {"seed": 3, "max_fidelity": 3.0}
results = tune.Tuner(
    tune.with_parameters(train.train, trial=trial), param_space=dict(train.BY_HAND),
    tune_config=tune.TuneConfig(num_samples=1),
    run_config=tune.RunConfig(storage_path=sys.argv[2], verbose=0),
).fit()
result = results[0]
assert result.error is None, result.error
with result.checkpoint.as_directory() as folder:
    print("epoch", result.metrics["epoch"], "test", train.test(train.Path(folder)))
"""


@pytest.mark.ray
def test_it_is_an_ordinary_ray_tune_function(digits_folder: Path, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STOCK, str(digits_folder), str(tmp_path)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("epoch 3 test 0.")
