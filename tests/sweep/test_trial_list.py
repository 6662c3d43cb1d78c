"""Whoever follows the trials of a search looks at what changed, and a reader makes those that it asks for."""

from __future__ import annotations

from random import Random

import pytest

from orchestrator.errors import StorageError
from orchestrator.sweep import trial_list
from orchestrator.sweep.trial import Trial
from orchestrator.sweep.trial_list import KeptTrials, TrialList, Watch


def trial(number: int) -> Trial:
    return Trial(number, f"{number:04d}", {}, "one", "model", (), None, 0)


def kept(count: int, size: int) -> tuple[KeptTrials, list[int]]:
    """So many trials in pieces, and which pieces were made so far."""
    made: list[int] = []

    def make(piece: int) -> list[Trial]:
        made.append(piece)
        return [trial(number) for number in range(piece * size, min(count, (piece + 1) * size))]

    return KeptTrials(count, size, make), made


@pytest.mark.parametrize(("count", "size"), [(0, 5), (1, 5), (5, 5), (6, 5), (23, 5), (23, 100)])
def test_trials_that_are_kept_are_read_as_a_list_is(count: int, size: int):
    plain = [trial(number) for number in range(count)]
    found, _ = kept(count, size)
    assert (len(found), list(found), list(reversed(found)), sorted(found, key=id) != [] or not count) == (
        count, plain, plain[::-1], True,
    )  # fmt: skip
    dice = Random(count)
    for _ in range(60):
        ends = [dice.choice([None, dice.randint(-30, 30)]) for _ in range(2)]
        step = dice.choice([None, 1, 2, 7, -1, -3])
        assert kept(count, size)[0][ends[0] : ends[1] : step] == plain[ends[0] : ends[1] : step], (ends, step)
    for place in range(-count - 2, count + 2):
        if -count <= place < count:
            assert kept(count, size)[0][place] == plain[place]
        else:
            with pytest.raises(IndexError):
                kept(count, size)[0][place]
    found.append(trial(count))
    assert list(found) == [*plain, trial(count)]


def test_only_what_is_asked_for_is_made_and_once():
    found, made = kept(1_000, 100)
    assert found[250].number == 250
    assert found[299] is found[299]
    assert [t.number for t in found[195:205]] == list(range(195, 205))
    for number in range(1_000, 1_003):
        found.append(trial(number))
    assert [t.number for t in found[1_000:]] == [1_000, 1_001, 1_002]
    assert made == [2, 1]
    assert sum(1 for _ in found) == 1_003
    assert sorted(made) == list(range(10))


def test_what_cannot_be_made_is_told_and_asked_for_again():
    tries = []

    def make(piece: int) -> list[Trial]:
        tries.append(piece)
        raise StorageError("it is gone")

    found = KeptTrials(10, 5, make)
    for _ in range(2):
        with pytest.raises(StorageError, match="gone"):
            found[7]
    assert tries == [1, 1]


@pytest.mark.parametrize("most", [4, 30, 10**6])
@pytest.mark.parametrize("is_kept", [False, True])
def test_no_change_is_missed_however_rarely_somebody_looks(is_kept: bool, most: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trial_list, "MOST_NOTED", most)
    for seed in range(30):
        dice = Random(f"{seed}/{most}")
        trials = kept(20, 6)[0] if is_kept else TrialList()
        watches = [(Watch(), set(range(len(trials))), chance) for chance in (1.0, 0.3, 0.02)]
        for _ in range(300):
            if dice.random() < 0.2 or not len(trials):
                trials.append(trial(len(trials)))
                number = len(trials) - 1
            else:
                trials.note(number := dice.randrange(len(trials)))
            for watch, due, chance in watches:
                due.add(number)
                if dice.random() < chance:
                    looked = watch.look(trials)
                    assert looked == sorted(set(looked))
                    assert due <= set(looked)
                    assert most < 10**6 or due == set(looked)
                    due.clear()
        assert len(trials.changed) <= most
