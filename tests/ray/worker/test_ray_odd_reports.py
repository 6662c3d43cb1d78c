"""What a training says is data: names, numbers and texts that no log can hold are refused in words, or cleaned."""

from __future__ import annotations

import math
import pickle
from decimal import Decimal
from fractions import Fraction

import msgspec
import numpy as np
import pytest

from orchestrator.ray.worker.failure import ERROR, AttemptFailed, describe
from orchestrator.ray.worker.metric_sources import ReportFile
from orchestrator.ray.worker.reports import FidelityCounter, ReportError, read_report, read_said
from orchestrator.sweep.recordable import LONGEST_TEXT


def nested(depth: int) -> dict:
    return {"x": 1} if depth == 0 else {"a": nested(depth - 1)}


@pytest.mark.parametrize(
    ("extra", "text"),
    [
        (
            {"m\udcff": 1},
            "the metric 'm\\udcff' has a control character, or half of a surrogate pair, in its name; rename",
        ),
        ({"a\x00b": 1}, "the metric 'a\\x00b' has a control character"),
        ({"a\nb": 1}, "the metric 'a\\nb' has a control character"),
        ({"\u2028": 1}, "the metric '\\u2028' has a control character"),
        ({"x" * 1_000_000: 1}, f"the metric '{'x' * 60}'... has a name of 1,000,000 characters; 250 are the most"),
        (
            {f"m{i}": i for i in range(10_000)},
            "a report holds 10,002 metrics; 5,000 are the most: report sums or means",
        ),
        ({1: 0.5, "1": 0.6}, "a report holds two metrics of one name, '1'; rename one of them"),
        ({"a": {"b": 1}, "a/b": 2}, "a report holds two metrics of one name, 'a/b'; rename one of them"),
        ({"a": {"b": "x"}, "a/b": "y"}, "a report holds two texts of one name, 'a/b'; rename one of them"),
        (nested(25), "a report holds mappings more than 20 deep in one another; report fewer levels"),
        ({"val": {"\ud800": 1}}, "the metric 'val/\\ud800' has a control character"),
    ],
)
def test_a_report_that_no_log_can_hold_is_refused_in_words(extra, text):
    with pytest.raises(ReportError) as caught:
        read_report({"epoch": 1, "score": 0.5, **extra}, "score", "epoch")
    assert str(caught.value).startswith(text)
    assert len(str(caught.value)) < 300
    msgspec.json.encode(str(caught.value))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (10**400, math.inf),
        (-(10**400), -math.inf),
        (Fraction(10**400), math.inf),
        (Decimal("1e400"), math.inf),
        (2**70, float(2**70)),
        (Decimal("0.25"), 0.25),
        (np.array(0.5), 0.5),
        (np.bool_(True), 1.0),
        (np.float16(0.5), 0.5),
        (np.int64(3), 3.0),
        (True, 1.0),
        ({"a": 1}, None),
        (np.array([0.5]), None),
        (np.complex64(1), None),
        (1j, None),
        ("0.5", None),
        (np.str_("0.5"), None),
        (b"1", None),
        ("x" * 10_000_000, None),
        (Decimal("sNaN"), None),
        (None, None),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_number_is_what_one_float_can_stand_for(value, number):
    metrics = read_report({"epoch": 1, "score": 0.5, "other": value}, "score", "epoch").metrics
    assert metrics.get("other") == number
    assert all(type(found) is float for found in metrics.values())


@pytest.mark.parametrize(
    "line",
    [
        b'{"epoch": 1, "score": 0.5, "m\\udcff": 1}',
        b'{"epoch": 1, "score": 0.5, "a\\u0000": 1}',
        b"[" * 200_000,
        b'{"epoch": 1, "score": ' + b"1" * 5_000 + b"}",
        b'{"epoch": 1e400, "score": 1}',
        b'{"' + b"n" * 1_000_000 + b'": 1}',
    ],
    ids=["surrogate", "nul", "deep", "long number", "infinite epoch", "long name"],
)
def test_a_line_that_no_log_can_hold_is_refused_by_number(line: bytes, tmp_path):
    path = tmp_path / "reports.jsonl"
    path.write_bytes(b"\n" * 6 + line)

    def take():
        [(where, said)] = ReportFile(path, "score", "epoch").read(final=True)
        read_said(said, where, "score", "epoch", FidelityCounter("epoch", 0.0, refuses=False))

    with pytest.raises(ReportError, match=r"^line 7 of STEPLADDER_REPORTS") as caught:
        take()
    assert len(str(caught.value)) < 600
    msgspec.json.encode(str(caught.value))


@pytest.mark.parametrize("text", ["bad \udcff name", "nul \x00", "red \x1b[31m", "x" * 10_000_000, "a\r\nb\rc"])
def test_the_text_of_an_error_is_one_that_every_log_and_table_holds(text: str):
    failed = describe(ValueError(text))
    assert failed.outcome == ERROR
    assert len(failed.text) <= LONGEST_TEXT
    assert set(failed.text) <= {"\n", *map(chr, range(32, 127))}
    msgspec.json.encode(failed.text)
    again = pickle.loads(pickle.dumps(failed))
    assert isinstance(again, AttemptFailed)
    assert again.text == failed.text
