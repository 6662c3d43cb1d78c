"""Remarks in the order of the file, with the place of what they are about; `ignore` with a reason takes one away."""

from pathlib import Path

import pytest

from orchestrator.errors import SpecError
from orchestrator.planning.compile import differences, sweep_id
from orchestrator.project.spec_files import space_finder
from orchestrator.sweepfile.lint import lint
from orchestrator.sweepfile.parse import Parsed, parse_text

SWEEP = """\
name: bad
trainable: train.py:train
objective: {metric: test_accuracy, goal: maximize}
fidelity: {max: 27}
search_space:
  extends: [batch]
  learning_rate: {low: 0.001, high: 0.1, default: 0.01, scale: linear}
budget: {trials: 60}
"""


def read(more: str = "", *overrides: str) -> Parsed:
    return parse_text((SWEEP + more).encode(), "sweep.yaml", overrides, space_finder(Path()), lambda _: ())


def said(more: str = "", *overrides: str) -> list[str]:
    parsed = read(more, *overrides)
    return [f"{remark.message.place} {remark.rule.id}" for remark in lint(parsed.spec, parsed.problems, parsed.shipped)]


def test_warnings_come_first_and_in_the_order_of_the_lines():
    assert said() == [
        "sweep.yaml:3 test-metric",
        "sweep.yaml:7 linear-learning-rate",
        "search_spaces/batch.yaml:4 batch-size-uncoupled",
        "sweep.yaml:7 no-schedule",
    ]


def test_an_override_is_named_as_the_place():
    assert "override objective.metric=test_f1 test-metric" in said("", "objective.metric=test_f1")


@pytest.mark.parametrize(
    "form",
    [
        "ignore: {test-metric: named by the benchmark, no-schedule: train.py has one}\n",
        "ignore:\n  - test-metric: named by the benchmark\n  - no-schedule: train.py has one\n",
    ],
)
def test_what_is_ignored_with_a_reason_stays_unsaid(form):
    assert said(form) == ["sweep.yaml:7 linear-learning-rate", "search_spaces/batch.yaml:4 batch-size-uncoupled"]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (
            "ignore: [test-metric]\n",
            "sweep.yaml:9: ignore: ignore needs a reason for each rule; write {rule-id: why it does not hold here}",
        ),
        (
            "ignore: {test-metrics: no}\n",
            "sweep.yaml:9: ignore.test-metrics: 'test-metrics' is no rule (did you mean "
            "'test-metric'?); `stepladder check` names each rule that it applies",
        ),
        ('ignore: {test-metric: ""}\n', "sweep.yaml:9: ignore.test-metric: is empty; write some text"),
    ],
)
def test_a_wrong_ignore_is_refused(form, message):
    with pytest.raises(SpecError) as caught:
        read(form)
    assert str(caught.value) == message


def test_to_ignore_a_rule_leaves_the_sweep_what_it_is():
    plain, ignoring = read().spec, read("ignore: {test-metric: named by the benchmark}\n").spec
    assert sweep_id(plain) == sweep_id(ignoring)
    assert differences(plain, ignoring) == ([], [])
