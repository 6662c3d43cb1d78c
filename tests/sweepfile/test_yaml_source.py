"""YAML 1.2 with the line of every key, and nothing beyond what a sweep file needs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.sweepfile.yaml_source import UnreadableError, read


def data(text: str):
    tree = read(text.encode(), "a.yaml")
    assert not tree.messages
    return tree.data


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-5", 1e-5), ("1E5", 1e5), ("1.0e-3", 1e-3), (".5", 0.5), ("5.", 5.0), ("-0.1", -0.1), ("+1.5e+3", 1500.0),
        ("12", 12), ("-3", -3), ("+3", 3), ("007", 7), ("0o17", 15), ("0x1F", 31),
        ("true", True), ("True", True), ("FALSE", False), ("null", None), ("~", None), ("", None),
        ("on", "on"), ("off", "off"), ("yes", "yes"), ("No", "No"), ("y", "y"),
        ("1_000", "1_000"), ("1:30", "1:30"), ("2024-01-01", "2024-01-01"), ("e5", "e5"), ("1e", "1e"), (".", "."),
        ("'1'", "1"), ('"true"', "true"), ("'~'", "~"), ('"a\\tb"', "a\tb"), ("nan", "nan"), ("inf", "inf"),
    ],
)  # fmt: skip
def test_scalars_follow_the_core_schema(written, value):
    found = data(f"key: {written}\n")["key"]
    assert found == value
    assert type(found) is type(value)


def test_every_key_and_item_has_its_line():
    tree = read(b"\n# head\na: 1\nb:\n  - x\n  - c: 2\n    d:\n      e: 3\nf: {g: 1,\n  h: 2}\n", "a.yaml")
    lines = {path: place.line for path, place in tree.places.items()}
    assert lines == {
        (): 1, ("a",): 3, ("b",): 4, ("b", 0): 5, ("b", 1): 6, ("b", 1, "c"): 6, ("b", 1, "d"): 7,
        ("b", 1, "d", "e"): 8, ("f",): 9, ("f", "g"): 9, ("f", "h"): 10,
    }  # fmt: skip


def test_a_byte_order_mark_and_windows_line_ends_are_no_mistake():
    tree = read(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "a.yaml")
    assert tree.data == {"a": 1, "b": 2}
    assert tree.places["b",].line == 2


def test_one_document_may_be_framed():
    assert data("%YAML 1.2\n---\na: 1\n...\n") == {"a": 1}


def test_an_anchor_that_nothing_refers_to_is_harmless():
    assert data("a: &here [1, 2]\n") == {"a": [1, 2]}


def test_a_block_text_is_text_and_may_hold_anything_printable():
    assert data("a: |\n  1: {]\nb: 2\n") == {"a": "1: {]\n", "b": 2}


def test_of_duplicate_keys_the_first_is_kept_and_all_are_found():
    tree = read(b"a: 1\na: 2\nb: {c: 1, c: {d: 1, d: 2}}\n", "a.yaml")
    assert tree.data == {"a": 1, "b": {"c": 1}}
    assert [str(message) for message in tree.messages.values()] == [
        "a.yaml:2: a: duplicate key, given in line 1 already; keep one",
        "a.yaml:3: b.c: duplicate key, given in line 3 already; keep one",
        "a.yaml:3: b.c (again).d: duplicate key, given in line 3 already; keep one",
    ]


def test_a_merge_key_is_a_key_like_any_other():
    assert data("a: {<<: {b: 1}}") == {"a": {"<<": {"b": 1}}}


@pytest.mark.parametrize("number", ["1" * 5000, "-" + "9" * 18, "0x" + "f" * 40])
def test_whole_numbers_that_no_log_can_hold_are_refused(number):
    tree = read(f"a: {number}".encode(), "a.yaml")
    assert tree.data == {"a": None}
    assert str(tree.messages["a",]).endswith(" is too large; write at most 17 digits")


@given(st.binary(max_size=60) | st.text(alphabet="ab:-[]{}&*!|>'\"%@#?,\n \t1.e~\\", max_size=60).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_whatever_comes_it_is_data_or_one_finding(content):
    assert outcome(content).startswith("a.yaml:")


def outcome(content: bytes) -> str:
    try:
        return str(read(content, "a.yaml").places[()])
    except UnreadableError as error:
        return str(error.message)
