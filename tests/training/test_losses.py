"""Losses: against their papers' figures and arithmetic by hand, and as state that a checkpoint carries."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from orchestrator.training import CenterLoss, FocalLoss, TrainingConfigError, build_loss, build_task_loss

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, -2.0]])
CLASSES = torch.tensor([0, 2])


def logit(probability):
    return torch.tensor([math.log(probability / (1 - probability))])


def test_focal_loss_discounts_the_easy_as_the_paper_says():
    """Lin et al. 2017, section 3.2: with gamma 2, p_t 0.9 counts 100 times less, p_t 0.968 about 1000 times less."""
    focal = FocalLoss(gamma=2.0, alpha=0.5)
    for probability, times in ((0.9, 100), (0.968, 977)):
        plain = -math.log(probability) / 2
        assert plain / focal(logit(probability), torch.ones(1)).item() == pytest.approx(times, rel=1e-3)


def test_focal_loss_weighs_positives_by_alpha_and_negatives_by_the_rest():
    focal = FocalLoss(gamma=0.0, alpha=0.25)
    assert focal(logit(0.5), torch.ones(1)).item() == pytest.approx(0.25 * math.log(2))
    assert focal(logit(0.5), torch.zeros(1)).item() == pytest.approx(0.75 * math.log(2))


def test_focal_loss_of_classes_sums_their_questions():
    wanted = functional.one_hot(CLASSES, 3).float()
    focal = FocalLoss()
    assert focal(LOGITS, CLASSES).item() == pytest.approx(3 * focal(LOGITS, wanted).item())


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_gradients_stay_finite_where_the_answer_is_certain(gamma):
    logits = torch.tensor([[80.0, -80.0], [-200.0, 200.0]], requires_grad=True)
    FocalLoss(gamma)(logits, torch.tensor([0, 0])).backward()
    assert torch.isfinite(logits.grad).all()


def test_center_loss_is_half_the_squared_distance_and_pulls_toward_the_center():
    center = CenterLoss(classes=2, features=2).eval()
    center.centers = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    features = torch.tensor([[3.0, 4.0], [1.0, 3.0]], requires_grad=True)
    loss = center(features, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx((25 + 4) / 2 / 2)
    loss.backward()
    assert features.grad.tolist() == [[1.5, 2.0], [0.0, 1.0]]
    assert center.centers.tolist() == [[0, 0], [1, 1]], "evaluation must not move them"


def test_centers_follow_by_the_papers_step_after_the_loss():
    """Wen et al. 2016, equation 4: the sum of the distances over 1 + how many there were."""
    center = CenterLoss(classes=3, features=1, rate=0.5)
    loss = center(torch.tensor([[4.0], [8.0], [3.0]]), torch.tensor([0, 0, 1]))
    assert loss.item() == pytest.approx((16 + 64 + 9) / 2 / 3)
    assert center.centers.flatten().tolist() == pytest.approx([0.5 * 12 / 3, 0.5 * 3 / 2, 0])


def test_centers_reach_their_class_and_travel_with_the_state():
    center = CenterLoss(classes=1, features=2)
    for _ in range(100):
        center(torch.tensor([[1.0, -2.0]]), torch.tensor([0]))
    assert center.centers[0].tolist() == pytest.approx([1, -2], abs=1e-4)
    other = CenterLoss(classes=1, features=2)
    other.load_state_dict(center.state_dict())
    assert other.centers.equal(center.centers)
    assert list(center.parameters()) == []


def test_cross_entropy_is_torchs_with_smoothing_and_class_weights():
    weight = torch.tensor([1.0, 2.0, 3.0])
    built = build_loss({"loss": "cross_entropy", "label_smoothing": 0.1}, class_weight=weight)
    assert type(built) is nn.CrossEntropyLoss
    expected = functional.cross_entropy(LOGITS, CLASSES, weight, label_smoothing=0.1)
    assert built(LOGITS, CLASSES).item() == expected.item()


def test_huber_is_torchs_and_turns_at_delta():
    built = build_loss({"loss": "huber", "huber_delta": 2.0})
    assert built(torch.tensor([1.0]), torch.tensor([0.0])).item() == 0.5
    assert built(torch.tensor([5.0]), torch.tensor([0.0])).item() == 2 * (5 - 1)


def test_focal_parameters_arrive_and_default_to_the_papers():
    assert [vars(build_loss({"loss": "focal"}))[name] for name in ("gamma", "alpha")] == [2.0, 0.25]
    built = build_loss({"loss": "focal", "focal_gamma": 1, "focal_alpha": 0.5})
    assert [vars(built)[name] for name in ("gamma", "alpha")] == [1.0, 0.5]


@pytest.mark.parametrize("main", ["cross_entropy", "focal"])
def test_a_center_loss_beside_is_weighted_and_its_parts_are_shown(main):
    config = {"loss": main, "center_loss_weight": 0.01, "center_rate": 1.0}
    built = build_loss(config, classes=3, features=2)
    total = built(LOGITS, CLASSES, torch.tensor([[1.0, 1.0], [2.0, 0.0]]))
    alone = build_loss({"loss": main})(LOGITS, CLASSES)
    assert total.item() == pytest.approx(alone.item() + 0.01 * (2 + 4) / 2 / 2)
    assert {name: part.item() for name, part in built.parts.items()} == pytest.approx(
        {"main": alone.item(), "center": 1.5}
    )
    assert built.center.centers[0].tolist() == [0.5, 0.5]


def test_a_center_loss_of_weight_zero_is_none():
    assert type(build_loss({"loss": "cross_entropy", "center_loss_weight": 0.0})) is nn.CrossEntropyLoss


def test_tasks_are_summed_by_their_weights():
    built = build_task_loss({"task_weight_size": 0.1}, {"kind": nn.CrossEntropyLoss(), "size": nn.HuberLoss()})
    outputs = {"kind": LOGITS, "size": torch.tensor([3.0])}
    total = built(outputs, {"kind": CLASSES, "size": torch.tensor([0.0])})
    kind = functional.cross_entropy(LOGITS, CLASSES).item()
    assert total.item() == pytest.approx(kind + 0.1 * 2.5)
    assert built.parts["size"].item() == 2.5


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, "loss: is missing; choose one of cross_entropy, focal, huber"),
        ({"loss": "mse"}, "loss: 'mse' is unknown; choose one of cross_entropy, focal, huber"),
        ({"loss": "focal", "label_smoothing": 0.1}, "label_smoothing: has no effect where loss is focal; give it"),
        ({"loss": "huber", "center_loss_weight": 0.1}, "center_loss_weight: has no effect where loss is huber"),
        (
            {"loss": "cross_entropy", "center_loss_weight": 0.1},
            "center_loss_weight: a center loss needs its size; pass",
        ),
        ({"loss": "focal", "focal_alpha": 1.0}, "focal_alpha: 1.0 cannot be used; write a number above 0 and below 1"),
        ({"loss": "huber", "huber_delta": 0}, "huber_delta: 0 cannot be used; write a number above 0"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(config, text):
    with pytest.raises(TrainingConfigError) as caught:
        build_loss(config)
    assert str(caught.value).startswith(text)


def test_class_weights_are_cross_entropys():
    with pytest.raises(TrainingConfigError, match="loss: focal takes no class_weight; choose cross_entropy"):
        build_loss({"loss": "focal"}, class_weight=torch.ones(3))


def test_the_weight_of_no_task_is_refused():
    with pytest.raises(
        TrainingConfigError, match="task_weight_boxs: there is no task 'boxs'; choose one of boxes, kind"
    ):
        build_task_loss({"task_weight_boxs": 1.0}, {"kind": nn.CrossEntropyLoss(), "boxes": nn.HuberLoss()})
    with pytest.raises(TrainingConfigError, match="task_weight_kind: -1 cannot be used; write a number from 0"):
        build_task_loss({"task_weight_kind": -1}, {"kind": nn.CrossEntropyLoss()})
