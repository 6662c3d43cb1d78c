"""The key `metrics`: each mistake is told with its place, and a pattern may stand by itself."""

from __future__ import annotations

import pytest
from sweeps import make_spec

from orchestrator.errors import SpecError
from orchestrator.planning.compile import sweep_id
from orchestrator.sweepfile.parse import parse

FILE = """name: t
command: [python, train.py]
objective: {metric: acc, goal: maximize}
fidelity: {metric: epoch, max: 3}
search_space: {lr: {low: 0.1, high: 1.0, default: 0.5}}
budget: {trials: 2}
metrics: """


def test_a_pattern_may_stand_by_itself_and_needs_no_fidelity_where_reports_are_counted():
    counted = FILE.replace("metric: epoch, ", "")
    metrics = parse((counted + r"{stdout: 'acc (?P<acc>[\d.]+)'}").encode(), "sweep.yaml").metrics
    assert metrics is not None
    assert metrics.patterns == (r"acc (?P<acc>[\d.]+)",)
    assert metrics.groups == {"acc"}


@pytest.mark.parametrize(
    ("metrics", "complaint"),
    [
        (r"{stdout: 'acc (?P<acc>.*'}", r"metrics.stdout[0]: 'acc (?P<acc>.*' is no regular expression: missing ), "
                                         "unterminated subpattern at position 4"),
        (r"{stdout: ['acc \d+']}", r"metrics.stdout[0]: 'acc \\d+' names no metric; name a group of it, as in "
                                   r"(?P<val_accuracy>[\d.]+)"),
        (r"{stderr: 'epoch (?P<epoch>\d+)'}", "metrics.stderr: no group is named acc, which `objective.metric` is; "
                                               "name a group so"),
        (r"{stdout: '(?P<acc>.*)'}", "metrics.stdout: no group is named epoch, which `fidelity.metric` is; "
                                     "name a group so"),
        ("{stdout: []}", "metrics.stdout: is empty; write at least one"),
        ("{}", "metrics: metrics are read at one place, none is written; keep one of stdout, stderr, jsonl, csv, "
               "tensorboard"),
        ("{csv: a.csv, jsonl: b.jsonl}", "metrics: metrics are read at one place, jsonl and csv is written; keep one "
                                         "of stdout, stderr, jsonl, csv, tensorboard"),
        ("{csv: ../m.csv}", "metrics.csv: '../m.csv' leads out of the attempt's folder, which no two trials share; "
                            "let the program write into {trial.folder}, and give the path from there"),
        ("{jsonl: /tmp/m.jsonl}", "metrics.jsonl: '/tmp/m.jsonl' leads out of the attempt's folder, which no two "
                                  "trials share; let the program write into {trial.folder}, and give the path from "
                                  "there"),
    ],
)  # fmt: skip
def test_a_mistake_is_told(metrics, complaint):
    with pytest.raises(SpecError) as raised:
        parse((FILE + metrics).encode(), "sweep.yaml")
    assert str(raised.value) == f"sweep.yaml:7: {complaint}"


def test_an_objective_that_no_group_can_be_named_is_told():
    text = FILE.replace("metric: acc", "metric: val/acc") + r"{stdout: '(?P<acc>.*) (?P<epoch>.*)'}"
    said = r"no group is named val/acc, which `objective\.metric` is; give that metric a name of letters, digits and _$"
    with pytest.raises(SpecError, match=said):
        parse(text.encode(), "sweep.yaml")


def test_a_function_has_no_metrics_to_be_read():
    text = FILE.replace("command: [python, train.py]", "trainable: t.py:t") + "{csv: m.csv}"
    with pytest.raises(
        SpecError, match=r"^sweep\.yaml:7: metrics: says where a program's metrics are read, and there is no"
    ):
        parse(text.encode(), "sweep.yaml")


def test_where_metrics_are_read_is_part_of_the_search():
    command = {"command": ["python", "t.py"], "trainable": None}
    assert sweep_id(make_spec(**command)) != sweep_id(make_spec(**command, metrics={"csv": "m.csv"}))
