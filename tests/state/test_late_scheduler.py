"""A scheduler that is made late is shown every report as it was, however they are held until then."""

from __future__ import annotations

from random import Random

import pytest

from orchestrator.state import late_scheduler
from orchestrator.state.late_scheduler import Fidelities


@pytest.mark.parametrize("most", [1, 3, 2**16])
def test_fidelities_come_back_from_anywhere_however_many_there_are(most: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(late_scheduler, "MOST_LEVELS", most)
    for seed in range(20):
        dice, held, plain = Random(seed), Fidelities(), []
        kinds = [dice.choice([1.0, 0.5, 27.0, 1e9, dice.random()]) for _ in range(dice.randrange(1, 8))]
        for _ in range(200):
            plain.append(dice.choice(kinds))
            held.append(plain[-1])
            if not dice.randrange(20):
                held = Fidelities(memoryview(held.column.tobytes()), held.levels and list(held.levels))
        for first in (0, 1, 77, 200):
            assert list(held.since(first)) == plain[first:], seed
        assert (held.levels is None) == (len(set(plain)) > most)


def test_whole_numbers_are_fidelities_too():
    held = Fidelities()
    for fidelity in (3, 3.0, True):
        held.append(fidelity)
    assert list(held.since(0)) == [3.0, 3.0, 1.0]


def test_more_fidelities_than_there_are_places_for_are_held_as_they_are():
    held, count = Fidelities(), 2**16 + 10
    for number in range(count):
        held.append(number / 7)
    assert held.levels is None
    assert list(held.since(0)) == [number / 7 for number in range(count)]
