"""The demonstration's training: its loss is the paper's, it resumes exactly, its test part is kept apart."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from types import ModuleType

import pytest
import torch

from orchestrator.project.workspace import plan_from_file

ADAM = {"optimizer": "adam", "learning_rate": 0.003}


def given_to(digits: ModuleType, seed: int = 3, max_fidelity: float = 4.0, **changes: object) -> tuple[dict, dict]:
    """What a training is given: its configuration, and what it knows of its trial."""
    return {**digits.BY_HAND, **changes}, {"seed": seed, "max_fidelity": max_fidelity}


def epochs(training: object, count: int) -> list[dict[str, float]]:
    reports = [training.train_epoch() for _ in range(count)]
    return [{name: value for name, value in report.items() if name != "seconds"} for report in reports]


def test_it_imports_nothing_of_ours(digits_folder: Path):
    tree = ast.parse((digits_folder / "train.py").read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    assert "torch" in imported
    assert not {name for name in imported if name.partition(".")[0] == "orchestrator"}


def test_a_report_holds_what_the_sweep_asks_for(digits: ModuleType):
    report = digits.Training(*given_to(digits)).train_epoch()
    assert list(report) == ["epoch", "val_accuracy", "val_loss", "train_loss", "seconds"]
    assert report["epoch"] == 1
    assert 0 <= report["val_accuracy"] <= 1
    assert report["seconds"] > 0


@pytest.mark.parametrize("changes", [{}, ADAM], ids=["sgd", "adam"])
def test_a_loaded_training_goes_on_as_if_never_interrupted(digits: ModuleType, tmp_path: Path, changes: dict):
    given = given_to(digits, **changes)
    whole = digits.Training(*given)
    expected = epochs(whole, 2)
    whole.save(tmp_path)
    expected += epochs(whole, 2)

    torch.manual_seed(99)  # another trial ran in this process meanwhile
    resumed = digits.Training(*given)
    resumed.load(tmp_path)
    assert resumed.epoch == 2
    assert epochs(resumed, 2) == expected[2:]
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name
    assert torch.equal(whole.center_loss.centers, resumed.center_loss.centers)


def test_the_seed_decides_the_training_and_not_the_data(digits: ModuleType):
    first, again, other = (digits.Training(*given_to(digits, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(first.parts["training"][1], other.parts["training"][1])
    assert not torch.equal(first.network.head[2].weight, other.network.head[2].weight)
    assert torch.equal(first.network.head[2].weight, again.network.head[2].weight)


def test_the_learning_rate_falls_to_zero_over_the_full_training(digits: ModuleType):
    training = digits.Training(*given_to(digits, max_fidelity=4.0, learning_rate=0.02))
    rates = [training.optimizer.param_groups[0]["lr"]]
    for _ in range(4):
        training.train_epoch()
        rates.append(training.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01 * (1 + math.cos(math.pi * epoch / 4)) for epoch in range(5)])


def test_by_hand_a_full_training_is_as_long_as_in_the_sweep(digits: ModuleType):
    assert plan_from_file(Path(digits.__file__).with_name("sweep.yaml")).spec.fidelity.max == digits.EPOCHS


def test_the_center_loss_is_the_papers(digits: ModuleType):
    center_loss = digits.CenterLoss(rate=0.5)
    features = torch.zeros(3, digits.FEATURES)
    features[0, 0], features[1, 0], features[2, 1] = 2.0, 4.0, 6.0
    features.requires_grad_()
    loss = center_loss(features, torch.tensor([7, 7, 1]))
    assert loss.item() == pytest.approx(0.5 * (4 + 16 + 36) / 3)
    # Equation 4: the difference is summed over the class and divided by one more than its count, rate 0.5.
    assert center_loss.centers[7, 0].item() == pytest.approx(0.5 * (2 + 4) / 3)
    assert center_loss.centers[1, 1].item() == pytest.approx(0.5 * 6 / 2)
    assert center_loss.centers.abs().sum().item() == pytest.approx(1 + 1.5)
    loss.backward()
    assert features.grad[2, 1].item() == pytest.approx(6 / 3)


def test_centers_stay_where_they_are_in_evaluation(digits: ModuleType):
    center_loss = digits.CenterLoss().eval()
    center_loss(torch.ones(2, digits.FEATURES), torch.tensor([0, 1]))
    assert not center_loss.centers.any()


def test_the_parts_share_no_image(digits: ModuleType):
    parts = digits.load_parts()
    assert {name: len(labels) for name, (_, labels) in parts.items()} == {
        "training": 100, "validation": 700, "test": 997,
    }  # fmt: skip
    images = [{image.numpy().tobytes() for image in part} for part, _ in parts.values()]
    assert sum(map(len, images)) == len(set().union(*images)) == 1797
    assert parts["training"][1].bincount().tolist() == [10] * 10


def test_images_keep_their_labels(digits: ModuleType):
    source = digits.load_digits()
    label_of = {
        image.tobytes(): label
        for image, label in zip((source.images / 16).astype("float32"), source.target, strict=True)
    }
    for part, labels in digits.load_parts().values():
        assert [label_of[image.numpy().tobytes()] for image in part] == labels.tolist()


def test_a_diverged_network_has_no_accuracy(digits: ModuleType):
    training = digits.Training(*given_to(digits))
    with torch.no_grad():
        training.network.head[2].weight.fill_(math.inf)
    accuracy, loss = digits.evaluate(training.network, training.parts["validation"])
    assert math.isnan(accuracy)
    assert math.isnan(loss)


def test_an_unknown_optimizer_is_said(digits: ModuleType):
    with pytest.raises(ValueError, match="optimizer 'lion' is unknown; choose sgd or adam"):
        digits.Training(*given_to(digits, optimizer="lion"))
