from __future__ import annotations

import math

import numpy as np
import pytest

from orchestrator.runtime.ray.reports import ReportError, read_report


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
