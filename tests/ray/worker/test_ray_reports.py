from __future__ import annotations

import math

import numpy as np
import pytest

from orchestrator.ray.worker.reports import ReportError, ReportLines, WorkerReport, read_line, read_report


def test_numbers_count_and_the_rest_is_left_out():
    reported = {
        "epoch": np.int64(2),
        "score": np.float32(0.5),
        "nan": math.nan,
        "ok": True,
        "note": "x",
        "none": None,
        "val": {"loss": 1, "deep": {"f1": 0.25}},
        "list": [1],
    }
    report = read_report(reported, "score", "epoch")
    assert report.fidelity == 2.0
    assert math.isnan(report.metrics["nan"])
    assert {name: value for name, value in report.metrics.items() if name != "nan"} == {
        "epoch": 2.0,
        "score": 0.5,
        "ok": 1.0,
        "val/loss": 1.0,
        "val/deep/f1": 0.25,
    }
    assert all(type(value) is float for value in report.metrics.values())


def test_nested_keys_may_be_the_objective_and_the_fidelity():
    report = read_report({"val": {"acc": math.inf}, "at": {"step": 10}}, "val/acc", "at/step")
    assert (report.fidelity, report.metrics["val/acc"]) == (10.0, math.inf)


@pytest.mark.parametrize(
    ("reported", "text"),
    [
        ({}, "a report without 'score': it held nothing. The sweep file says `objective.metric: score`; "),
        ({"loss": 1}, "a report without 'score': it held loss. "),
        ({f"m{i:02}": i for i in range(20)}, "a report without 'score': it held m00, m01, "),
        ({"score": 1}, "a report without 'epoch': it held score. The sweep file says `fidelity.metric: epoch`; "),
        (
            {"score": "0.5", "epoch": 1},
            "'score' is reported as a str, not as a number; report float(...) or .item() of it",
        ),
        ({"score": 1, "epoch": math.nan}, "'epoch' is reported as nan: report how far the training is, e.g. the epoch"),
    ],
)
def test_a_report_without_what_counts_is_refused(reported, text):
    with pytest.raises(ReportError) as caught:
        read_report(reported, "score", "epoch")
    assert str(caught.value).startswith(text)
    assert len(str(caught.value)) < 300


def test_a_line_that_is_not_whole_yet_is_waited_for(tmp_path):
    path = tmp_path / "reports.jsonl"
    path.write_bytes(b'{"epoch": 1}\n\n{"epo')
    lines = ReportLines(path)
    assert list(lines.read(final=False)) == [(1, b'{"epoch": 1}\n')]
    assert list(lines.read(final=False)) == []
    with path.open("ab") as file:
        file.write(b'ch": 2}\n{"epoch": 3}')
    assert list(lines.read(final=False)) == [(3, b'{"epoch": 2}\n')]
    assert list(lines.read(final=True)) == [(4, b'{"epoch": 3}')]


def test_a_line_may_name_its_checkpoint():
    line = b'{"epoch": 2, "score": NaN, "note": "x", "checkpoint": "epoch-2.pt"}\n'
    report, checkpoint = read_line(line, 1, "score", "epoch")
    assert checkpoint == "epoch-2.pt"
    assert isinstance(report, WorkerReport)
    assert report.metrics.keys() == {"epoch", "score"}
    assert math.isnan(report.metrics["score"])


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            b"epoch 1\n",
            "line 7 of STEPLADDER_REPORTS is no JSON object: 'epoch 1'; append one such as {\"epoch\": 1, ...}",
        ),
        (b"[1]\n", "line 7 of STEPLADDER_REPORTS is no JSON object: '[1]'; "),
        (b"\xff\n", "line 7 of STEPLADDER_REPORTS is no JSON object: "),
        (b'{"epoch": 1}\n', "line 7 of STEPLADDER_REPORTS: a report without 'score': it held epoch. "),
        (
            b'{"epoch": 1, "score": 1, "checkpoint": "../x"}\n',
            "line 7 of STEPLADDER_REPORTS: '../x' names no checkpoint; give the name of a file in ",
        ),
        (b'{"epoch": 1, "score": 1, "checkpoint": 3}\n', "line 7 of STEPLADDER_REPORTS: 3 names no checkpoint; "),
    ],
)
def test_a_bad_line_is_told_by_its_number(line, text):
    with pytest.raises(ReportError) as caught:
        read_line(line, 7, "score", "epoch")
    assert str(caught.value).startswith(text)
