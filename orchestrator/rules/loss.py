"""The loss: its weights, and what may be the objective."""

from __future__ import annotations

import re

from orchestrator.rules import Applies, Subject, at, bounds, has_word, rule

_TEST = re.compile(r"(?:^|[^a-z])tests?(?:[^a-z]|$)|^tests?_?(?:acc|loss|err|f1|auc|score)", re.IGNORECASE)


@rule(
    "loss-weight-range",
    "warning",
    reason="Losses whose values lie more than two orders of magnitude apart are not advised.",
    source="[A], who adds: not necessarily correct",
    fix="Look at the losses' values once, and take two orders of magnitude around what makes them alike.",
)
def loss_weight_range(subject: Subject) -> Applies:
    """Fire where a weight spans more than two orders of magnitude to either side of its middle."""
    for name, domain in subject.tuned.items():
        ends = bounds(domain) if has_word(name, "loss_weight", "task_weight") else None
        if ends and ends[0] > 0 and ends[1] / ends[0] > 1.0001e4:
            yield at(name), f"{name} from {ends[0]:g} to {ends[1]:g}"


@rule(
    "objective-holds-loss-weight",
    "warning",
    reason="The objective is a loss that the tuned parameter itself makes smaller: the winner just shrinks it.",
    source="ours; [A] on auxiliary losses",
    fix="Optimise accuracy, an error or the main loss alone.",
)
def objective_holds_loss_weight(subject: Subject) -> Applies:
    """Fire where a loss is minimised whose parameters are tuned."""
    metric = subject.spec.objective.metric
    if "loss" in metric.lower() and subject.loss_parameters:
        yield ("objective", "metric"), f"{metric} is the objective, and {', '.join(subject.loss_parameters)} tuned"


@rule(
    "test-metric",
    "warning",
    reason="Hyperparameters that were chosen by the test set have seen it: it says nothing any more.",
    source="[E]: validation only, test once, at the very end",
    fix="Report a metric of validation data and name it so.",
)
def test_metric(subject: Subject) -> Applies:
    """Fire where the objective is named like test data."""
    if _TEST.search(subject.spec.objective.metric):
        yield ("objective", "metric"), f"{subject.spec.objective.metric} looks like test data"


MEMBER = (loss_weight_range, objective_holds_loss_weight, test_metric)
