from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

from orchestrator.ray.worker.metric_sources import ReportFile
from orchestrator.ray.worker.reports import (
    FidelityCounter,
    ReportError,
    ReportLines,
    WorkerReport,
    read_report,
    read_said,
)


def counter(fidelity="epoch", since=0.0, *, counts=True, refuses=True):
    return FidelityCounter(fidelity, since, counts=counts, refuses=refuses)


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
    assert (report.texts, report.left_out) == ({"note": "x"}, {"none": "NoneType", "list": "list"})


class Scalar:
    """Stands for a framework's tensor without dimensions."""

    def __float__(self):
        return 0.25


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (np.array(3.0), 3.0),
        (np.array(3), 3.0),
        (np.bool_(True), 1.0),
        (np.float16(0.5), 0.5),
        (Decimal("1.5"), 1.5),
        (Fraction(1, 4), 0.25),
        (Scalar(), 0.25),
        (torch.tensor(0.5), 0.5),
        (torch.tensor(True), 1.0),
        (10**400, math.inf),
        ("0.5", None),
        (b"0.5", None),
        (np.array([3.0]), None),
        (torch.zeros(2), None),
        (1j, None),
        (np.datetime64("2026-01-01"), None),
        ([1], None),
    ],
)
def test_a_number_is_what_converts_itself_to_one_and_is_no_text(value, number):
    report = read_report({"epoch": 1, "score": 0.5, "side": value}, "score", "epoch")
    assert report.metrics.get("side") == number
    assert report.texts == ({"side": value} if isinstance(value, str) else {})
    kinds = {"side": type(value).__name__}
    assert report.left_out == ({} if number is not None or report.texts else kinds)


def test_every_report_is_counted_and_one_that_says_its_number_is_believed():
    counted = counter("training_iteration", since=3.0)
    first = read_report({"score": 1}, "score", "training_iteration", counted.count())
    assert (first.fidelity, first.metrics) == (4.0, {"score": 1.0, "training_iteration": 4.0})
    own = read_report({"score": 1, "training_iteration": 9}, "score", "training_iteration", counted.count())
    assert own.fidelity == 9.0
    beside = read_report({"score": 1, "epoch": 7}, "score", "epoch", counted.count())
    assert (beside.fidelity, beside.metrics["training_iteration"]) == (7.0, 6.0)
    assert counter(counts=False).count() is None


def test_texts_are_kept_as_the_log_can_hold_them_and_beside_a_number_of_their_name():
    reported = {
        "score": 1,
        "epoch": 1,
        "val": {"best": "yes"},
        "val/best": 2,
        "long": "y" * 10**6,
        "odd": "a\udcff\x00",
    }
    report = read_report(reported, "score", "epoch")
    assert (report.texts["val/best"], report.metrics["val/best"]) == ("yes", 2.0)
    assert len(report.texts["long"]) < 11_000
    assert report.texts["odd"] == "a\\udcff\\x00"


def test_the_score_of_a_training_without_fidelity_needs_nothing_beside_it():
    report = read_report({"score": 0.5}, "score", None, 3.0)
    assert (report.fidelity, report.metrics) == (1.0, {"score": 0.5, "training_iteration": 3.0})


@pytest.mark.parametrize(
    ("fidelities", "text"),
    [
        ([1, 2, 7, 1, 2], "'epoch' begins again: it was 7, then 1, now 2. "),
        ([0, 1, 0, 0, 0.5], "'epoch' begins again: it was 1, then 0, now 0.5. "),
        ([3, 2, 1, 2], "'epoch' begins again: it was 3, then 1, now 2. "),
        ([1, 2, 2, 3, 3, 0], None),
        ([1, 3, 2, 4, 3, 5], None),
        ([1, 2, 0, 3], None),
    ],
)
def test_a_fidelity_that_begins_again_is_refused_at_its_second_report(fidelities, text):
    strict, patient = counter(), counter(refuses=False)
    for fidelity in fidelities[:-1]:
        strict.see(fidelity)
    for fidelity in fidelities:
        patient.see(fidelity)
    if text is None:
        strict.see(fidelities[-1])
    else:
        with pytest.raises(ReportError) as caught:
            strict.see(fidelities[-1])
        assert str(caught.value) == (
            f"{text}Trainings are compared by a number that rises: count on over folds or phases, or leave out "
            "`fidelity.metric`: then the reports are counted"
        )


def test_nested_keys_may_be_the_objective_and_the_fidelity():
    report = read_report({"val": {"acc": math.inf}, "at": {"step": 10}}, "val/acc", "at/step")
    assert (report.fidelity, report.metrics["val/acc"]) == (10.0, math.inf)


@pytest.mark.parametrize(
    ("reported", "text"),
    [
        ({}, "a report without 'score': it held nothing. The sweep file says `objective.metric: score`; "),
        ({"loss": 1}, "a report without 'score': it held loss. "),
        ({"val": {"score": 1}}, "a report without 'score': it held val/score. "),
        (0.5, "a report is a dict, and this one is of type float: write {'score': ...}"),
        (None, "a report is a dict, and this one is of type NoneType: write {'score': ...}"),
        ({f"m{i:02}": i for i in range(20)}, "a report without 'score': it held m00, m01, "),
        (
            {"score": 1},
            "a report without 'epoch': it held score. The sweep file says `fidelity.metric: epoch`; report that key "
            "with every ray.tune.report(...), or name another one there, or leave it out: then the reports are counted",
        ),
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


def taken(line, number, folder):
    """What is made of a line that stands behind empty ones."""
    (folder / "reports.jsonl").write_bytes(b"\n" * (number - 1) + line)
    [(where, said)] = ReportFile(folder / "reports.jsonl", "score", "epoch").read(final=True)
    return read_said(said, where, "score", "epoch", counter())


def test_a_line_may_name_its_checkpoint(tmp_path):
    line = b'{"epoch": 2, "score": NaN, "note": "x", "checkpoint": "epoch-2.pt"}\n'
    report, checkpoint = taken(line, 1, tmp_path)
    assert checkpoint == "epoch-2.pt"
    assert isinstance(report, WorkerReport)
    assert report.metrics.keys() == {"epoch", "score", "training_iteration"}
    assert math.isnan(report.metrics["score"])


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            b"epoch 1\n",
            "line 7 of STEPLADDER_REPORTS is no JSON object: 'epoch 1'; append one such as {\"epoch\": 1, ",
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
def test_a_bad_line_is_told_by_its_number(line, text, tmp_path):
    with pytest.raises(ReportError) as caught:
        taken(line, 7, tmp_path)
    assert str(caught.value).startswith(text)
