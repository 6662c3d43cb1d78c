"""Reading a learning curve: on more than 200 stored curves of real trainings, and rule by rule on small ones."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import pytest

from orchestrator.curves.diagnosis import CurvePoint, CurveVerdict, diagnose
from orchestrator.sweepfile import overrides
from orchestrator.sweepfile.messages import Problems

STORED = json.loads((Path(__file__).parent / "learning_curves.json").read_text())


def points(stored, names=("train_loss", "val_loss", "val_accuracy")):
    columns = {name: [math.nan if value is None else value for value in stored[name]] for name in names}
    return [
        CurvePoint(
            epoch + 1,
            columns["train_loss"][epoch] if "train_loss" in columns else None,
            columns["val_loss"][epoch] if "val_loss" in columns else None,
            columns["val_accuracy"][epoch] if "val_accuracy" in columns else None,
        )
        for epoch in range(len(stored["val_loss"]))
    ]


def curve(losses, held=None):
    return [CurvePoint(at + 1, loss, held and held[at]) for at, loss in enumerate(losses)]


def recalls(**reading):
    trained, read = Counter(), Counter()
    for stored in STORED:
        trained[stored["label"]] += 1
        read[stored["label"]] += diagnose(points(stored, **reading)).verdict == stored["label"]
    return {label: read[label] / trained[label] for label in trained}


def test_the_stored_curves_are_many_and_of_every_kind():
    kinds = Counter(stored["label"] for stored in STORED)
    assert kinds.total() >= 200
    assert set(kinds) == set(CurveVerdict) - {CurveVerdict.TOO_SHORT}
    assert min(kinds.values()) >= 10


def test_real_curves_are_read_as_what_they_were_trained_as():
    """The whole matrix: scripts/record-curves --matrix. A somewhat too high rate is often a plateau too, see there."""
    recall = recalls()
    assert recall["diverging"] >= 0.9
    assert recall["too_low"] >= 0.9
    assert min(recall["overfitting"], recall["plateau"], recall["healthy"]) >= 0.8
    assert recall["still_improving"] >= 0.7
    assert recall["oscillating"] >= 0.35


def test_without_a_metric_the_untrained_loss_tells_what_diverged():
    losses = ("train_loss", "val_loss")
    assert recalls(names=losses)["too_low"] >= 0.9
    assert recalls(names=losses)["diverging"] < 0.6, "better than the docstring says: change it"
    diverged = [stored for stored in STORED if stored["label"] == "diverging"]
    read = Counter(diagnose(points(stored, losses), untrained_loss=math.log(10)).verdict for stored in diverged)
    assert read[CurveVerdict.DIVERGING] >= 0.9 * len(diverged)
    for stored in STORED:
        if stored["label"] in ("too_low", "healthy", "overfitting", "still_improving"):
            assert diagnose(points(stored), untrained_loss=math.log(10)).verdict != CurveVerdict.DIVERGING


def test_what_is_named_too_low_or_diverging_is_never_the_other():
    for stored in STORED:
        opposite = {"too_low": CurveVerdict.DIVERGING, "diverging": CurveVerdict.TOO_LOW}.get(stored["label"])
        assert diagnose(points(stored)).verdict != opposite


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_unit_of_the_loss_does_not_matter(scale):
    for stored in STORED[::5]:
        scaled = [
            CurvePoint(point.fidelity, point.train_loss * scale, point.val_loss * scale, point.val_metric)
            for point in points(stored)
        ]
        assert diagnose(scaled).verdict == diagnose(points(stored)).verdict


@pytest.mark.parametrize(
    ("losses", "held", "verdict", "seen"),
    [
        ([2.3, 2.1, math.nan], None, CurveVerdict.DIVERGING, {"reports": 3}),
        ([2.3, math.inf], None, CurveVerdict.DIVERGING, {"reports": 2}),
        ([1.0, 1.5, 1.2, 2.6, 2.0, 3.5], None, CurveVerdict.DIVERGING, {"left": 3.5, "rises": 0.6}),
        ([2.30, 2.29, 2.28, 2.27, 2.26, 2.25], None, CurveVerdict.TOO_LOW, {"rises": 0.0, "halved_after": 6}),
        ([1.6, 0.5, 0.8, 0.3, 0.6, 0.2, 0.5, 0.1], None, CurveVerdict.OSCILLATING, {"rises": 0.4286, "jump": 2.5}),
        ([1.6, 0.8, 0.50, 0.55, 0.50, 0.54, 0.51, 0.53, 0.50, 0.54], None, CurveVerdict.PLATEAU, {"left": 0.325}),
        ([1.6, 0.8, 0.4, 0.2], None, CurveVerdict.STILL_IMPROVING, {"late_fall": 1.0}),
        (
            [1.6, 0.8, 0.4, 0.2, 0.1, 0.05, 0.03, 0.02, 0.015, 0.01],
            [1.7, 1.0, 0.6, 0.5, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75],
            CurveVerdict.OVERFITTING,
            {"regrowth": 1.45, "lowest_at": 0.3},
        ),
        ([1.6, 0.5, 0.2, 0.12, 0.101, 0.1, 0.1, 0.1], None, CurveVerdict.HEALTHY, {"left": 0.0625}),
        ([1.6, 0.5, 0.2], None, CurveVerdict.TOO_SHORT, {"reports": 3}),
        ([], None, CurveVerdict.TOO_SHORT, {"reports": 0}),
    ],
)
def test_each_rule(losses, held, verdict, seen):
    diagnosis = diagnose(curve(losses, held))
    assert diagnosis.verdict == verdict
    assert {name: diagnosis.saw[name] for name in seen} == seen


@pytest.mark.parametrize(
    ("metric", "verdict"),
    [
        ([0.1, 0.4, 0.7, 0.8, 0.85, 0.86, 0.86, 0.86], CurveVerdict.HEALTHY),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], CurveVerdict.STILL_IMPROVING),
        ([0.1, 0.6, 0.8, 0.85, 0.8, 0.75, 0.7, 0.7], CurveVerdict.OVERFITTING),
        ([0.5, 0.6, 0.6, 0.3, 0.1, 0.1, 0.1, 0.1], CurveVerdict.DIVERGING),
        ([0.1, 0.1, 0.1, 0.1], CurveVerdict.PLATEAU),
        ([0.1, 0.2, math.nan], CurveVerdict.DIVERGING),
    ],
)
def test_a_metric_alone_tells_what_it_can(metric, verdict):
    assert diagnose([CurvePoint(at, val_metric=value) for at, value in enumerate(metric)]).verdict == verdict


def test_a_metric_to_minimize_is_read_as_a_loss():
    falling = [CurvePoint(at, val_metric=2.3 - 0.01 * at) for at in range(6)]
    assert diagnose(falling, goal="minimize").verdict == CurveVerdict.TOO_LOW


@pytest.mark.parametrize(
    "losses",
    [
        [0.30, 0.25, 0.24, 0.245, 0.24, 0.246, 0.241, 0.244],
        [0.30, 0.08, 0.04, 0.02, 0.021, 0.01, 0.011, 0.006, 0.0061, 0.004],
    ],
)
def test_a_model_that_starts_good_has_not_diverged_because_it_gains_little(losses):
    tuned_further = [CurvePoint(at, loss, val_metric=0.95) for at, loss in enumerate(losses)]
    assert diagnose(tuned_further).verdict not in (CurveVerdict.DIVERGING, CurveVerdict.TOO_LOW)


def test_losses_not_above_zero_are_not_guessed_at():
    assert diagnose(curve([-1.0, -2.0, -3.0, -4.0])).verdict == CurveVerdict.TOO_SHORT


def advice(verdict, rate=None):
    chosen = next(stored for stored in STORED if diagnose(points(stored)).verdict == verdict)
    return diagnose(points(chosen), learning_rate=rate)


@pytest.mark.parametrize(
    ("verdict", "rate", "text", "change"),
    [
        (
            CurveVerdict.DIVERGING,
            0.4,
            "the learning rate is far too high: halve it",
            "search_space.learning_rate.high=0.2",
        ),
        (
            CurveVerdict.OSCILLATING,
            0.3,
            "the learning rate is somewhat too high",
            "search_space.learning_rate.high=0.1",
        ),
        (CurveVerdict.TOO_LOW, 1e-5, "the learning rate is too low: try ten", "search_space.learning_rate.low=0.0001"),
        (CurveVerdict.TOO_LOW, None, "the learning rate is too low", None),
        (CurveVerdict.PLATEAU, None, "it swings around a floor: let the learning rate decay", "search_space.schedule="),
        (CurveVerdict.OVERFITTING, None, "it learns its examples by heart: more weight decay", "search_space.weight_"),
        (CurveVerdict.STILL_IMPROVING, None, "it had not come to its end: train longer", "fidelity.max="),
        (CurveVerdict.HEALTHY, None, "nothing to change", None),
    ],
)
def test_the_advice_says_what_to_do(verdict, rate, text, change):
    given = advice(verdict, rate)
    assert given.advice.startswith(text)
    assert given.change == change if change is None else given.change.startswith(change)


@pytest.mark.parametrize("verdict", [verdict for verdict in CurveVerdict if verdict != CurveVerdict.TOO_SHORT])
def test_the_change_can_be_given_on_the_command_line(verdict):
    change = advice(verdict, 0.01).change
    if verdict == CurveVerdict.HEALTHY:
        assert change is None
        return
    problems = Problems({}, {})
    data = {"fidelity": {"max": 20}, "search_space": {"learning_rate": {"low": 0.001, "high": 0.1}}}
    overrides.apply([change], data, problems, {})
    problems.raise_any()
    path, _, _ = change.partition("=")
    value = data
    for key in path.split("."):
        value = value[key]
    assert isinstance(value, dict) == (verdict in (CurveVerdict.PLATEAU, CurveVerdict.OVERFITTING))
