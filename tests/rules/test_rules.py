"""Each rule: a sweep file that it applies to, and one close by that it leaves alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.project.spec_files import space_finder
from orchestrator.rules import ModelFacts
from orchestrator.sweepfile.lint import lint, rules
from orchestrator.sweepfile.parse import parse_text

SWEEP = b"""\
name: quiet
trainable: train.py:train
objective: {metric: val_accuracy, goal: maximize}
fidelity: {metric: epoch, min: 3, max: 27}
search_space:
  learning_rate: {low: 1.0e-4, high: 1.0e-1, scale: log, default: 1.0e-2}
  schedule: none
budget: {trials: 100}
"""
SPACE = "search_space."
BATCH = f"{SPACE}batch_size={{choices: [16, 32, 64], default: 32, tier: 2}}"
COUPLED = "couple={learning_rate: {with: batch_size, rule: linear}}"
DEPTH = "{low: 1, high: 8, default: 3, tier: %d}"
UNIT = "{low: 0.0, high: 1.0, default: 0.5, tier: %d}"
NORMED = ModelFacts("train:build", ("norm1", "norm2"), (), ())
PLAIN = ModelFacts("train:build", (), (), ())


@dataclass(frozen=True)
class Case:
    """A rule with what makes the quiet file trigger it, what it says then, and what does not."""

    rule: str
    fires: tuple[str, ...]
    said: str
    spares: tuple[str, ...] = ()
    model: ModelFacts | None = None
    other: ModelFacts | None = None


CASES = [
    Case(
        "linear-learning-rate",
        (f"{SPACE}learning_rate.scale=linear",),
        "0.0001 to 0.1 on a linear scale",
        (f"{SPACE}learning_rate={{low: 0.03, high: 0.1, default: 0.05, scale: linear}}",),
    ),
    Case(
        "learning-rate-bounds",
        (f"{SPACE}learning_rate.high=3.0",),
        "learning_rate reaches up to 3",
        (f"{SPACE}learning_rate.high=3.0", f"{SPACE}optimizer=adadelta"),
    ),
    Case(
        "learning-rate-bounds",
        (f"{SPACE}learning_rate.low=1e-8",),
        "learning_rate reaches down to 1e-08",
        (f"{SPACE}learning_rate.low=1e-6",),
    ),
    Case(
        "outside-catalogue",
        (f"{SPACE}extends=[adam]", f"{SPACE}learning_rate={{low: 1e-6, high: 1e-5, default: 1e-6}}"),
        "learning_rate from 1e-06 to 1e-05, the catalogue's is 0.001 to 0.01",
        (f"{SPACE}extends=[adam-finetune]", f"{SPACE}learning_rate={{low: 1e-6, high: 1e-5, default: 1e-6}}"),
    ),
    Case(
        "outside-catalogue",
        (f"{SPACE}extends=[adadelta]", f"{SPACE}learning_rate={{low: 1e-4, high: 5e-3, default: 1e-3}}"),
        "learning_rate from 0.0001 to 0.005, the catalogue's is 0.01 to 0.1",
        (f"{SPACE}extends=[adadelta]", f"{SPACE}learning_rate={{low: 0.5, high: 2.0, default: 1.0}}"),
    ),
    Case(
        "shared-across-optimizers",
        (f"{SPACE}optimizer={{choices: [sgd, adam], default: sgd}}",),
        "learning_rate serves adam, sgd",
        (
            f"{SPACE}optimizer={{choices: [sgd, adam], default: sgd}}",
            f"{SPACE}learning_rate.when={{optimizer: [sgd]}}",
            f"{SPACE}adam_lr={{low: 1e-4, high: 1e-2, scale: log, default: 1e-3, when: {{optimizer: [adam]}}}}",
        ),
    ),
    Case(
        "momentum-uncoupled",
        (f"{SPACE}momentum={{low: 0.5, high: 0.99, default: 0.9}}",),
        "momentum from 0.5 to 0.99 changes the step 50 times",
        (f"{SPACE}momentum={{low: 0.5, high: 0.99, default: 0.9}}", "couple={learning_rate: {with: momentum}}"),
    ),
    Case("batch-size-uncoupled", (BATCH,), "batch_size is tuned, learning_rate does not follow it", (BATCH, COUPLED)),
    Case("extreme-batch-size", (f"{SPACE}batch_size=1",), "batch_size can be 1", (f"{SPACE}batch_size=2",)),
    Case("extreme-batch-size", (f"{SPACE}batch_size=8192",), "batch_size can be 8192", (f"{SPACE}batch_size=4096",)),
    Case("large-batch", (f"{SPACE}batch_size=2048",), "batch_size reaches up to 2048", (f"{SPACE}batch_size=1024",)),
    Case(
        "batch-powers-of-two",
        (f"{SPACE}batch_size={{choices: [16, 48], default: 16}}",),
        "batch_size can be 48",
        (BATCH,),
    ),
    Case(
        "batch-powers-of-two",
        (f"{SPACE}batch_size={{low: 16, high: 64, default: 32}}",),
        "batch_size is any number from 16 to 64",
        (f"{SPACE}batch_size=64",),
    ),
    Case(
        "batch-dependent-loss",
        (BATCH, f"{SPACE}loss=n-pair"),
        "n-pair beside a tuned batch_size",
        (f"{SPACE}batch_size=32", f"{SPACE}loss=n-pair"),
    ),
    Case(
        "batch-memory",
        (f"{SPACE}batch_size=512", "resources={gpus: 0.25}"),
        "batch_size up to 512, 4 trials on a GPU",
        (f"{SPACE}batch_size=512", "resources={gpus: 1}"),
    ),
    Case(
        "tiny-batch-normalised",
        (f"{SPACE}batch_size={{choices: [4, 32], default: 32}}",),
        "batch_size can be 4, and train:build normalises by batch in norm1, norm2",
        (f"{SPACE}batch_size={{choices: [4, 32], default: 32}}",),
        NORMED,
        PLAIN,
    ),
    Case(
        "tiny-batch-normalised",
        (f"{SPACE}batch_size=1",),
        "batch_size can be 1, and train:build normalises by batch in norm1, norm2",
        (BATCH,),
        NORMED,
        NORMED,
    ),
    Case(
        "loss-weight-range",
        (f"{SPACE}center_loss_weight={{low: 1e-5, high: 10.0, scale: log, default: 0.1}}",),
        "center_loss_weight from 1e-05 to 10",
        (f"{SPACE}center_loss_weight={{low: 1e-3, high: 10.0, scale: log, default: 0.1}}",),
    ),
    Case(
        "objective-holds-loss-weight",
        ("objective={metric: val_loss, goal: minimize}", f"{SPACE}task_weight_boxes={UNIT % 1}"),
        "val_loss is the objective, and task_weight_boxes tuned",
        ("objective={metric: val_loss, goal: minimize}", f"{SPACE}task_weight_boxes=0.5"),
    ),
    Case(
        "test-metric",
        ("objective.metric=test_accuracy",),
        "test_accuracy looks like test data",
        ("objective.metric=latest_accuracy",),
    ),
    Case(
        "strong-dropout",
        (f"{SPACE}dropout={UNIT % 3}",),
        "dropout reaches up to 1",
        (f"{SPACE}dropout={{low: 0.0, high: 0.5, default: 0.2}}",),
    ),
    Case(
        "strong-weight-decay",
        (f"{SPACE}weight_decay={{low: 1e-6, high: 0.1, scale: log, default: 1e-3}}",),
        "weight_decay reaches up to 0.1",
        (f"{SPACE}weight_decay={{low: 1e-6, high: 0.1, scale: log, default: 1e-3}}", f"{SPACE}optimizer=adamw"),
    ),
    Case(
        "recurrent-dropout",
        (f"{SPACE}recurrent_dropout={UNIT % 3}",),
        "recurrent_dropout is a dropout inside the recurrence, by its name",
        (f"{SPACE}input_dropout={UNIT % 3}",),
    ),
    Case(
        "recurrent-dropout",
        (),
        "in train:build, drop drops from the state that the next step gets",
        (),
        ModelFacts("train:build", (), (), ("drop",)),
        PLAIN,
    ),
    Case(
        "dropout-before-norm",
        (),
        "in train:build, drop comes directly before norm",
        (),
        ModelFacts("train:build", ("norm",), (("drop", "norm"),), ()),
        NORMED,
    ),
    Case(
        "schedule-horizon",
        (f"{SPACE}schedule=cosine",),
        "the schedule stretches over all of the training, asha compares trials before",
        (f"{SPACE}schedule=cosine", f"{SPACE}horizon=rung"),
    ),
    Case(
        "schedule-horizon",
        (f"{SPACE}schedule=cosine",),
        "the schedule stretches over all of the training, asha compares trials before",
        (f"{SPACE}schedule=cosine", "scheduler=none"),
    ),
    Case(
        "schedule-horizon",
        (f"{SPACE}step_size={{low: 2, high: 9, default: 5}}",),
        "step_size up to 9, the first rung is at 3",
        (f"{SPACE}step_size={{low: 1, high: 3, default: 2}}",),
    ),
    Case(
        "exponential-gamma",
        (f"{SPACE}schedule=exponential", f"{SPACE}gamma={{low: 0.5, high: 0.9, default: 0.9}}"),
        "at gamma 0.5 a rate is 9e-05 of itself after 13.5 epochs",
        (f"{SPACE}schedule=step", f"{SPACE}gamma={{low: 0.5, high: 0.9, default: 0.9}}"),
    ),
    Case(
        "betas-few-trials",
        ("budget.trials=24", f"{SPACE}beta1={UNIT % 3}"),
        "beta1 tuned within 24 trials",
        ("budget.trials=25", f"{SPACE}beta1={UNIT % 3}"),
    ),
    Case(
        "minor-share",
        (f"{SPACE}beta1={UNIT % 3}", "stages=[{name: a, tune: [learning_rate]}, {name: b, tune: [beta1]}]"),
        "beta1 get 42% of the trials",
        (f"{SPACE}beta1={UNIT % 3}", "stages=[{name: a, tune: [learning_rate]}, {name: b, tune: [beta1], share: 0.2}]"),
    ),
    Case(
        "unimportant-first",
        (f"{SPACE}width={UNIT % 3}", "stages=[{name: a, tune: [width]}, {name: b, tune: [learning_rate]}]"),
        "opens tier 3 before tier 1",
        (f"{SPACE}width={UNIT % 3}",),
    ),
    Case(
        "depth-early",
        (f"{SPACE}depth={DEPTH % 1}",),
        "depth is opened with or before learning_rate",
        (f"{SPACE}depth={DEPTH % 4}",),
    ),
    Case(
        "thin-stage", ("budget.trials=3",), "stage tier-1 has about 2 trials for 1 hyperparameter", ("budget.trials=4",)
    ),
    Case(
        "wide-grid",
        ("search=hard-stages", "searcher={name: grid, points: 2}", f"{SPACE}a={UNIT % 1}", f"{SPACE}b={UNIT % 1}"),
        "a grid over 3 hyperparameters: a, b, learning_rate",
        ("search=hard-stages", "searcher={name: grid, points: 2}", f"{SPACE}a={UNIT % 1}", f"{SPACE}b={UNIT % 2}"),
    ),
    Case(
        "tuned-epochs", (f"{SPACE}epochs={{low: 5, high: 50, default: 20}}",), "epochs is tuned", (f"{SPACE}epochs=20",)
    ),
    Case("tuned-seed", (f"{SPACE}seed={{low: 0, high: 99, default: 7}}",), "seed is tuned", (f"{SPACE}seed=7",)),
    Case("data-first", ("budget.trials=2000",), "2,000 trials", ("budget.trials=1000",)),
]


def remarks(*overrides: str, model: ModelFacts | None = None, text: bytes = SWEEP) -> dict[str, list[str]]:
    parsed = parse_text(text, "sweep.yaml", overrides, space_finder(Path()), lambda _: ())
    found: dict[str, list[str]] = {}
    for remark in lint(parsed.spec, parsed.problems, parsed.shipped, model):
        found.setdefault(remark.rule.id, []).append(remark.message.text)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.said[:30]}")
def test_a_rule_fires_where_it_should_and_nowhere_near(case):
    assert remarks(*case.fires, model=case.model)[case.rule] == [case.said]
    assert case.rule not in remarks(*case.spares, model=case.other)


def test_a_learning_rate_without_any_schedule_is_remarked():
    without = SWEEP.replace(b"  schedule: none\n", b"")
    assert remarks(text=without) == {"no-schedule": ["learning_rate is tuned without a schedule"]}


def test_a_quiet_file_is_left_alone():
    assert remarks() == {}
    assert remarks(model=PLAIN) == {}


def test_constants_alone_trained_over_seeds_open_nothing_that_a_rule_could_object_to():
    text = b"""
name: again
trainable: train.py:train
objective: { metric: loss, goal: minimize }
fidelity: { metric: epoch, max: 9 }
search_space:
  learning_rate: { value: 0.01 }
  weight_decay: { value: 0.001 }
  beta1: { value: 0.9 }
seeds: 5
"""
    assert remarks(text=text) == {}


def test_every_rule_has_a_case_and_says_why_who_and_what_to_do():
    assert rules().keys() == {*(case.rule for case in CASES), "no-schedule"}
    for rule in rules().values():
        assert rule.reason.endswith(".")
        assert rule.fix.endswith(".")
        assert rule.source
        assert rule.severity in {"warning", "info"}
