"""The name and the storage of a file are read whatever else is wrong with it, and never guessed where they are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.sweepfile.heading import Heading, read_heading

FILE = """\
name: digits
storage: s3://bucket/runs
trainable: train.py:train
objective: {metric: score, goal: maximize}
stages:
  - {name: first, tune: [a]}
  - name: second
    tune: [b]
search_space:
  a: {low: 1.0e-4, high: 1.0, scale: log, default: 0.01}
budget: {trials: 6}
"""
HEAD = FILE.index("trainable")


def read(text: str | bytes, *overrides: str) -> Heading:
    return read_heading(text if isinstance(text, bytes) else text.encode(), "sweep.yaml", overrides)


@pytest.mark.parametrize(
    ("step", "typed"), list(enumerate(["", "\n", "\t", ":", "'", '"', "[", "}", "&", "*", "!", "%", "#", "-", "\0"]))
)
def test_one_slip_anywhere_below_leaves_name_and_storage(step: int, typed: str):
    for at in range(HEAD + step, len(FILE), 15):
        text = FILE[:at] + typed + FILE[at + 1 :]
        if "\nname: second" not in text:
            assert read(text) == Heading("digits", "s3://bucket/runs", ""), text


def test_a_file_cut_off_anywhere_below_has_them_too():
    for at in range(HEAD, len(FILE), 7):
        assert read(FILE[:at]) == Heading("digits", "s3://bucket/runs", "")


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_no_bytes_at_all_are_an_error(content: bytes):
    found = read(content)
    assert (found.trouble == "") is (found.name is not None and found.storage is not None)


@settings(max_examples=50)
@given(st.binary(max_size=60).filter(lambda junk: b"name" not in junk and b"storage" not in junk))
def test_junk_in_a_line_of_its_own_hides_nothing(junk: bytes):
    content = FILE[:HEAD].encode() + b"junk: " + junk.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"
    if "\x85" in (text := junk.decode(errors="ignore")) or "\u2028" in text or "\u2029" in text:
        return
    assert read(content).name in ("digits", None)
    assert read(content + FILE[HEAD:].encode()).storage in ("s3://bucket/runs", None)


@pytest.mark.parametrize(
    ("text", "name", "storage"),
    [
        ("name: digits", "digits", "runs"),
        ("'name': \"digits\"  # mine\nx: [", "digits", "runs"),
        ('{"name": "digits", "storage": "out"}', "digits", "out"),
        ("name: digits\r\nstorage: out\r\nx: [\r\n", "digits", "out"),
        ("\ufeffname: digits\nx: [", "digits", "runs"),
        ("x: [\nname : digits\nstorage:\t/data", "digits", "/data"),
        ("x: [\n# name: old\nname: digits", "digits", "runs"),
        ("x: [\n  name: inside\nname: digits", "digits", "runs"),
        ("x: [\nnames: 3\nname: digits", "digits", "runs"),
    ],
)
def test_both_are_read(text: str, name: str, storage: str):
    assert read(text) == Heading(name, storage, "")


@pytest.mark.parametrize(
    ("text", "name", "storage", "trouble"),
    [
        ("", None, "runs", "sweep.yaml: a sweep file is a mapping; begin with `name: ...`"),
        ("x: 1", None, "runs", "sweep.yaml: name: is missing"),
        ("name:", None, "runs", "sweep.yaml: name: null is no name of a sweep"),
        ("name: true", None, "runs", "sweep.yaml: name: true is no name of a sweep"),
        ("name: 12", None, "runs", "sweep.yaml: name: 12 is no name of a sweep"),
        ("name: ../up", None, "runs", "sweep.yaml: name: '../up' is no name of a sweep"),
        ("name: a\nname: b", None, "runs", "sweep.yaml:2: name: duplicate key, given in line 1 already; keep one"),
        ("x: [\nname: a\nname: b", None, "runs", "sweep.yaml:1: not valid YAML: a bracket is not closed, or a comma"),
        ("name: a\nstorage: 1", "a", None, "sweep.yaml: storage: is no place for sweeps"),
        ("name: a\nstorage: ''", "a", None, "sweep.yaml: storage: is no place for sweeps"),
        ("name: a\nstorage: ftp://x/y", "a", None, "sweep.yaml: storage: is no place for sweeps"),
        (b"name: a\nstorage: out\xff", "a", None, "sweep.yaml:2: this line is not UTF-8; save the file as UTF-8"),
    ],
)
def test_what_is_in_doubt_is_not_guessed(text: str | bytes, name: str | None, storage: str | None, trouble: str):
    found = read(text)
    assert (found.name, found.storage) == (name, storage)
    assert found.trouble.startswith(trouble)


def test_overrides_name_the_sweep_and_its_storage_and_the_rest_is_passed_over():
    assert read("x: [", "name=mine", "storage=/data", "budget.trials=", "nonsense") == Heading("mine", "/data", "")
    assert read("name: a", "name=[b").name is None
    assert read("name: a", "name").name == "a"
