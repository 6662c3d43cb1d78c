"""Names with dots as nested configurations."""

from __future__ import annotations

import pytest

from orchestrator.sweep.nesting import clashes, nested, outermost, reached


def test_dots_nest_and_nothing_else_does():
    flat = {"model.lr": 0.1, "model.net.widths": [64, 64], "batch-size": 32, "optim/wd": None, "model.aux": {"a.b": 1}}
    found = nested(flat)
    assert found == {
        "model": {"lr": 0.1, "net": {"widths": [64, 64]}, "aux": {"a.b": 1}},
        "batch-size": 32,
        "optim/wd": None,
    }
    assert [reached(found, name) for name in flat] == list(flat.values())


@pytest.mark.parametrize("name", ["model.none", "model.lr.deeper", "none.lr"])
def test_what_is_not_there_is_a_key_error(name: str):
    with pytest.raises(KeyError, match=name):
        reached({"model": {"lr": 0.1}}, name)


def test_names_that_would_be_a_value_and_a_mapping_are_found_at_any_depth():
    assert list(clashes(["model", "model.lr", "model.lr.low", "models", "a-b", "a-b.c"])) == [
        ("a-b", "a-b.c"),
        ("model", "model.lr"),
        ("model", "model.lr.low"),
        ("model.lr", "model.lr.low"),
    ]
    assert list(clashes(["model.lr", "model.wd", "lr"])) == []


def test_the_outermost_keys_hold_what_lies_below_them():
    space = {"model.lr": 1, "lr": 2, "model.wd": 3}
    assert outermost(space, is_nested=True) == {"model": [1, 3], "lr": [2]}
    assert outermost(space, is_nested=False) == {"model.lr": [1], "lr": [2], "model.wd": [3]}
