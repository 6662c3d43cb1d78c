"""What a sweep file may say of metrics beside the objective: the test set's, and bounds; each mistake with its line."""

from __future__ import annotations

import math

import pytest

from orchestrator.errors import SpecError
from orchestrator.sweep.constraints import Bound
from orchestrator.sweepfile.parse import parse_text
from orchestrator.sweepfile.spaces import no_spaces

FILE = """name: small
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {metric: epoch, max: 9}
search_space: {x: {low: 0.0, high: 1.0}}
budget: {trials: 4}
"""
PROGRAM = FILE.replace("trainable: train.py:train", "command: [./train]").replace("metric: epoch, ", "")


def parsed(text: str):
    return parse_text(text.encode(), "sweep.yaml", (), no_spaces, lambda _: ()).spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            FILE + "test: {metric: score}",
            "sweep.yaml:7: test.metric: 'score' is kept from everything until `stepladder test`, and so cannot be "
            "'score', by which something is chosen (objective.metric); name another metric",
        ),
        (FILE + "test: {metric: epoch}", "sweep.yaml:7: test.metric: 'epoch' is kept from everything"),
        (
            FILE.replace("metric: score", "metric: val/score") + "test: {metric: val}",
            "sweep.yaml:7: test.metric: 'val' is kept from everything until `stepladder test`, and so cannot be "
            "'val/score'",
        ),
        (
            FILE + "constraints: {latency: {max: 3}}\ntest: {metric: latency}",
            "sweep.yaml:8: test.metric: 'latency' is kept from everything until `stepladder test`, and so cannot be "
            "'latency', by which something is chosen (constraints.latency)",
        ),
        (FILE + "test: {metric: training_iteration}", "test.metric: 'training_iteration' says something else"),
        (PROGRAM + "test: {metric: checkpoint}", "test.metric: 'checkpoint' says something else in a report"),
        (FILE + "test: {}", "sweep.yaml:7: test.metric"),
        (
            PROGRAM + "metrics: {stdout: 'score (?P<score>.*)'}\ntest: {metric: held}",
            "sweep.yaml:7: metrics.stdout: no group is named held, which `test.metric` is; name a group so",
        ),
        (
            PROGRAM + "metrics: {stderr: 'score (?P<score>.*)'}\nconstraints: {ms/step: {max: 1}}",
            "sweep.yaml:7: metrics.stderr: no group is named ms/step, which `constraints.ms/step` is; "
            "give that metric a name of letters, digits and _",
        ),
        (
            FILE + "constraints: {epoch: {max: 3}}",
            "sweep.yaml:7: constraints.epoch: 'epoch' counts the training, and is the same for all; bound another",
        ),
        (PROGRAM + "constraints: {checkpoint: {max: 3}}", "constraints.checkpoint: 'checkpoint' is what a program's"),
        (FILE + "constraints: {latency: {}}", "sweep.yaml:7: constraints.latency: bounds nothing; write max, min"),
        (
            FILE + "constraints:\n  latency: {min: 4, max: 3}",
            "sweep.yaml:8: constraints.latency.min: min 4 is above max 3: no value could hold; lower min",
        ),
        (FILE + "constraints: {latency: 3}", "sweep.yaml:7: constraints.latency"),
        (FILE + "constraints: {latency: {maximum: 3}}", "sweep.yaml:7: constraints.latency.maximum"),
    ],
)
def test_a_mistake_is_told_by_line(text, message):
    with pytest.raises(SpecError) as caught:
        parsed(text)
    assert message in str(caught.value)


def test_what_is_right_is_read():
    spec = parsed(FILE + "constraints: {latency: {max: 20}, recall: {min: 0.5, max: 1}}\ntest: {metric: score_on_test}")
    assert spec.constraints == {"latency": Bound(max=20), "recall": Bound(min=0.5, max=1)}
    assert spec.test.metric == "score_on_test"
    assert [str(bound) for bound in (*spec.constraints.values(), Bound(min=0.25))] == [
        "at most 20", "0.5 to 1", "at least 0.25",
    ]  # fmt: skip


@pytest.mark.parametrize(("value", "holds"), [(0.5, True), (1, True), (1.01, False), (0.49, False), (math.nan, False)])
def test_a_bound_holds_its_ends(value, holds):
    assert Bound(min=0.5, max=1).holds(value) is holds
