"""Callers in every order, stopped for ever at any point, with puts that arrive late: one winner, the same for all."""

from __future__ import annotations

from collections.abc import Generator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.storage.agreement import Decision, Get, Names, Pause, Put, agree


class Caller:
    """One caller, moved an operation at a time; a put may take effect any time after it was sent, or never."""

    def __init__(self, name: str, store: dict[str, bytes]) -> None:
        self.name = name
        self.store = store
        self.decision: Decision | None = None
        self.late: list[Put] = []
        self._run: Generator = agree(name, name.encode() * 2, Random(name))
        self._operation = next(self._run)

    def move(self) -> None:
        """Carry out the next operation and take its answer."""
        if self.decision is None:
            self._go_on(self._answer())

    def lose(self) -> None:
        """Crash in the middle of the next operation: a put of it may still arrive, the caller begins anew."""
        if self.decision is None:
            if isinstance(self._operation, Put):
                self.late.append(self._operation)
            self.name += "x"
            self._run = agree(self.name, self.name.encode() * 2, Random(self.name))
            self._operation = next(self._run)

    def arrive(self) -> None:
        """Let a put that was sent long ago take effect."""
        if self.late:
            put = self.late.pop(0)
            self.store[put.name] = put.content

    def _answer(self) -> object:
        match self._operation:
            case Put(name, content):
                assert name not in self.store
                self.store[name] = content
            case Names():
                return list(self.store)
            case Get(name):
                return self.store[name]
            case Pause(seconds):
                assert 0 <= seconds <= 3
        return None

    def _go_on(self, answer: object) -> None:
        try:
            self._operation = self._run.send(answer)
        except StopIteration as end:
            self.decision = end.value


MOVES = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["move"] * 12 + ["lose", "arrive"])), max_size=120)


@pytest.mark.thorough
@settings(max_examples=600)
@given(MOVES, st.permutations(range(4)))
def test_all_that_decide_decide_the_same(moves: list[tuple[int, str]], order: list[int]):
    store: dict[str, bytes] = {}
    callers = [Caller(name, store) for name in "abcd"]
    for index, move in moves:
        getattr(callers[index], move)()
    for index in order:  # whoever is left alone for long enough decides
        for _ in range(40):
            callers[index].move()
        callers[index].arrive()
    decisions = {caller.decision for caller in callers}
    assert None not in decisions
    (decision,) = decisions
    assert decision.content == decision.winner.encode() * 2
    assert decision.winner.strip("x") in "abcd"


def test_alone_it_takes_five_operations():
    store: dict[str, bytes] = {}
    caller = Caller("a", store)
    for _ in range(5):
        caller.move()
    assert caller.decision == Decision("a", b"aa")
    assert sorted(store) == ["000001-a-accept-a", "000001-a-promise"]


def test_one_that_wakes_up_late_learns_who_won():
    store: dict[str, bytes] = {}
    early, late = Caller("b", store), Caller("a", store)
    for _ in range(3):
        early.move()  # it has promised, seen nobody, and falls asleep
    for _ in range(60):
        late.move()
    assert late.decision == Decision("a", b"aa")
    for _ in range(60):
        early.move()
    assert early.decision == late.decision
