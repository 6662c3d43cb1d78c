"""A command that only looked ends without letting go of what it saw; what it said is said by then."""

from __future__ import annotations

import io
import os
import sys

import pytest

from orchestrator.cli import leaving


class Left(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def left(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        raise Left

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(leaving, "_HELD", [])
    return codes


class Stream(io.StringIO):
    """A stream that knows how often it was flushed, and may have no reader."""

    def __init__(self, *, is_closed: bool = False) -> None:
        super().__init__()
        self.flushed, self.is_closed = 0, is_closed

    def flush(self) -> None:
        self.flushed += 1
        if self.is_closed:
            raise BrokenPipeError


def test_without_anything_held_the_interpreter_ends_as_ever(left: list[int]):
    leaving.leave(0, at_once=False)
    assert left == []


@pytest.mark.parametrize("code", [0, 1])
def test_with_what_was_looked_at_it_ends_when_all_is_said(code: int, left: list[int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdout", stream := Stream())
    leaving.hold("a large state")
    leaving.hold("another")
    assert leaving._HELD == ["another"], "--watch looks again and again"
    with pytest.raises(Left):
        leaving.leave(code, at_once=False)
    assert (left, stream.flushed) == ([code], 1)


def test_an_answer_without_a_reader_is_left_to_the_interpreter(left: list[int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdout", Stream(is_closed=True))
    leaving.leave(75, at_once=True)
    assert left == []
