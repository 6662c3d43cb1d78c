"""Exit codes have one home: who leaves with one and who reads one agree."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from architecture import modules

from orchestrator import exitcodes
from orchestrator.errors import (
    ClusterError,
    ClusterLostError,
    LeaseHeldError,
    SpecError,
    StorageAwayError,
    StorageError,
    UsageError,
)
from orchestrator.storage.requests import DriverRequest


def numbers(path: Path) -> set[int]:
    return {
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and type(node.value) is int
    }


def test_the_codes_of_work_left_stand_in_one_module():
    holding = [module for module, path in modules().items() if numbers(path) & set(exitcodes.WORK_LEFT)]
    assert holding == ["exitcodes"]


def test_each_request_that_a_driver_obeys_has_a_code_and_must_not_be_repeated():
    assert {exitcodes.OF_LEAVING[kind] for kind in DriverRequest} == {exitcodes.DONE}


@pytest.mark.parametrize(
    ("code", "expected"),
    [(75, True), ("75", True), (130, True), ("130", True), (0, False), (1, False), (-15, False), ("", False),
     ("75:0", False), (None, False)],
)  # fmt: skip
def test_a_code_is_read_as_a_number_or_as_text(code, expected):
    assert exitcodes.leaves_work(code) is expected


def test_errors_leave_with_the_codes_that_their_tree_says():
    assert [error.exit_code for error in (UsageError, SpecError, StorageError, LeaseHeldError)] == [2, 2, 1, 1]
    assert [error.exit_code for error in (StorageAwayError, ClusterLostError, ClusterError)] == [75, 75, 1]
