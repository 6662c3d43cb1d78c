"""The second demonstration: every schedule and loss of its sweep file trains and resumes exactly, from idx files."""

from __future__ import annotations

import gzip
import math
import random
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import torch

from orchestrator.project.workspace import linted_plan, plan_from_file
from orchestrator.rules._inspection import inspect_target
from orchestrator.sweep.domains import Constant
from orchestrator.sweep.plan import Plan
from orchestrator.training import TrainingConfigError

SWEEP = Path(__file__).parents[2] / "orchestrator" / "demos" / "fashion" / "sweep.yaml"
SMALL = {"images": 200, "width": 8, "batch_size": 64}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_from_file(SWEEP)


def given_to(fashion: ModuleType, folder: Path, **changes: object) -> tuple[dict, dict]:
    """What a training is given: its configuration, and what it knows of its trial."""
    trial = {"seed": changes.pop("seed", 3), "max_fidelity": changes.pop("max_fidelity", 4.0)}
    trial["rungs"] = [3.0, trial["max_fidelity"]]
    return fashion.complete({"data": str(folder), **SMALL, **changes}), trial


def epochs(training: object, count: int) -> list[dict[str, float]]:
    reports = [training.train_epoch() for _ in range(count)]
    return [{name: value for name, value in report.items() if name != "seconds"} for report in reports]


def test_the_baseline_is_what_a_training_by_hand_takes(plan: Plan, fashion: ModuleType):
    assert plan.space.baseline == fashion.complete({})
    assert set(plan.space) == set(fashion.BY_HAND)
    defaults = {name: d.value if isinstance(d, Constant) else d.default for name, d in plan.space.items()}
    assert defaults == fashion.BY_HAND


def test_by_hand_the_conditions_are_the_sweep_files(plan: Plan, fashion: ModuleType):
    conditions = {name: next(iter(domain.when.items())) for name, domain in plan.space.items() if domain.when}
    assert conditions == fashion.WHERE


def test_a_full_training_by_hand_is_the_sweeps(plan: Plan, fashion: ModuleType):
    assert plan.spec.fidelity.max == fashion.EPOCHS


def test_both_learning_rates_follow_the_batch_size(plan: Plan):
    assert {name: coupling.with_ for name, coupling in plan.spec.couple.items()} == {
        "learning_rate": "batch_size",
        "adamw_learning_rate": "batch_size",
    }


def test_the_model_has_nothing_that_the_linter_knows_to_go_wrong(fashion: ModuleType):
    facts = inspect_target("train:build_network", SWEEP.parent, fashion.complete({}))
    assert len(facts.norms) == 3
    assert facts.dropouts_before_norms == facts.recurrent_dropouts == ()
    _, remarks = linted_plan(SWEEP, (), partial(inspect_target, "train:build_network", SWEEP.parent))
    assert remarks == []


def test_any_configuration_of_the_sweep_trains(plan: Plan, fashion: ModuleType, stand_in: Path):
    for number in range(30):
        draws = random.Random(f"fashion {number}")
        units = {name: domain.from_unit(draws.random()) for name, domain in plan.space.items()}
        config = {**plan.space.complete(units), "data": str(stand_in), "images": 60, "width": 8}
        trial = {"seed": number, "max_fidelity": 3.0, "rungs": [3.0]}
        training = fashion.Training(config, trial)
        assert training.train_epoch()["epoch"] == 1, config


@pytest.mark.parametrize("kernel", ["7x7", "5x5", "3x3", "1x1", "1x7+7x1"])
@pytest.mark.parametrize(
    "pooling", [("max", "2x2"), ("max", "3x3"), ("average", "2x2"), ("average", "3x3"), ("global",)]
)
def test_each_kernel_and_pooling_fits_the_images(fashion: ModuleType, kernel: str, pooling: tuple[str, ...]):
    shape = dict(zip(("pooling", "pooling_size"), pooling, strict=False))
    network = fashion.build_network(fashion.complete({"kernel_size": kernel, "width": 8, **shape}))
    features, logits = network(torch.zeros(2, 1, 28, 28))
    assert features.shape == (2, 64)
    assert logits.shape == (2, 10)


@pytest.mark.parametrize(
    "changes",
    [
        *({"schedule": name} for name in ("none", "step", "multi_step", "exponential", "linear", "cosine", "cyclic")),
        {"schedule": "one_cycle", "optimizer": "adamw"},
        {"loss": "focal", "warmup": 0.0},
        {"center_loss_weight": 0.0},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_a_loaded_training_goes_on_as_if_never_interrupted(
    fashion: ModuleType, stand_in: Path, tmp_path: Path, changes: dict
):
    given = given_to(fashion, stand_in, **changes)
    whole = fashion.Training(*given)
    expected = epochs(whole, 2)
    whole.save(tmp_path)
    expected += epochs(whole, 2)  # past the rung at 3, where a schedule begins anew

    torch.manual_seed(99)  # another trial ran in this process meanwhile
    resumed = fashion.Training(*given)
    resumed.load(tmp_path)
    assert resumed.epoch == 2
    assert epochs(resumed, 2) == expected[2:]
    for kept, other in ((whole.network, resumed.network), (whole.loss, resumed.loss)):
        for name, tensor in kept.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name


def test_a_whole_schedule_runs_up_to_each_rung(fashion: ModuleType, stand_in: Path):
    training = fashion.Training(*given_to(fashion, stand_in, warmup=0.0, end_factor=0.01, learning_rate=0.02))
    rates = []
    for _ in range(4):
        training.train_epoch()
        rates.append(training.optimizer.param_groups[0]["lr"])
    assert rates[0] == pytest.approx(0.02 * (0.01 + 0.99 * (1 + math.cos(math.pi / 3)) / 2))
    assert rates[2] == pytest.approx(0.02)  # at the rung, begun anew
    assert rates[3] == pytest.approx(0.02 * 0.01)


def test_by_hand_schedules_end_where_it_is_told(stand_in: Path, tmp_path: Path, by_hand: Callable[..., list[str]]):
    small = ["--images=100", "--width=8", f"--data={stand_in}", "--warmup=0.0", "--epochs=3", "--save", tmp_path]
    for rungs, epochs_of_its_last in (([], 3), (["--rungs", 2, 3], 1)):
        by_hand(SWEEP.parent / "train.py", *small, *rungs)
        schedule = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["schedule"]
        last = schedule.get("_schedulers", [schedule])[-1]
        assert last["T_max"] == epochs_of_its_last * math.ceil(70 / 32)


def test_it_learns(fashion: ModuleType, pictures: Path):
    given = given_to(fashion, pictures, images=400, max_fidelity=3.0, batch_size=16)
    *_, last = epochs(fashion.Training(*given), 3)
    assert last["val_accuracy"] > 0.5


def test_the_seed_decides_the_training_and_not_the_data(fashion: ModuleType, stand_in: Path):
    first, again, other = (fashion.Training(*given_to(fashion, stand_in, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(first.parts["training"][1], other.parts["training"][1])
    weights = [training.network.head[2].weight for training in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_parts_are_seven_to_three_of_the_images_asked_for(fashion: ModuleType, pictures: Path):
    parts = fashion.load_parts(str(pictures), 200)
    assert {name: len(labels) for name, (_, labels) in parts.items()} == {"training": 140, "validation": 60}
    images, _ = parts["training"]
    assert images.shape == (140, 1, 28, 28)
    assert images.min() == 0
    assert images.max() == 1


def test_it_trains_and_tests_by_hand(stand_in: Path, tmp_path: Path, by_hand: Callable[..., list[str]]):
    train = SWEEP.parent / "train.py"
    small = ["--images=100", "--width=8", f"--data={stand_in}"]
    lines = by_hand(train, *small, "--loss=focal", "--optimizer=adamw", "--epochs=1", "--save", tmp_path)
    assert [line.partition("  ")[0] for line in lines] == ["epoch 1"]
    (tested,) = by_hand(train, "--test", tmp_path)
    name, value = tested.split()
    assert name == "test_accuracy"
    assert 0 <= float(value) <= 1


def test_it_says_where_to_get_the_images(tmp_path: Path, by_hand: Callable[..., list[str]]):
    with pytest.raises(SystemExit) as stopped:
        by_hand(SWEEP.parent / "train.py", "--data", tmp_path)
    assert stopped.value.code == (
        f"error: {tmp_path}/train-images-idx3-ubyte.gz is not there. On Debian and Ubuntu: apt-get install "
        "dataset-fashion-mnist. Elsewhere: take the four .gz files from github.com/zalandoresearch/fashion-mnist, and "
        "name their folder as `data` in sweep.yaml, or --data by hand"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not gzip", "is damaged (Not a gzipped file"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x09abc"), "is damaged ("),
        (gzip.compress(b"\0\0\x0d\x01\0\0\0\x03abc"), "is no idx file of bytes; get it anew"),
    ],
    ids=["not gzip", "too short", "floats"],
)
def test_a_damaged_file_is_said(fashion: ModuleType, tmp_path: Path, content: bytes, reason: str):
    (tmp_path / "labels.gz").write_bytes(content)
    with pytest.raises(ValueError, match="get it anew") as raised:
        sys.modules["pictures"].read_idx(str(tmp_path), "labels.gz")
    assert f"{tmp_path}/labels.gz {reason}" in str(raised.value)


def test_a_key_that_nothing_reads_is_refused(fashion: ModuleType, stand_in: Path):
    with pytest.raises(TrainingConfigError, match="momentun: no training part reads it; did you mean 'momentum'"):
        fashion.Training(*given_to(fashion, stand_in, momentun=0.9))


def test_a_diverged_network_has_no_accuracy(fashion: ModuleType, stand_in: Path):
    training = fashion.Training(*given_to(fashion, stand_in))
    with torch.no_grad():
        training.network.head[2].weight.fill_(math.inf)
    assert all(math.isnan(value) for value in fashion.evaluate(training.network, training.parts["validation"]))
