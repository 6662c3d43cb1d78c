"""Files of the project that several programs changed: told once, and never of a file that only one trial changes."""

from __future__ import annotations

import random

import pytest

from orchestrator.policies.shared_files import MOST_TOLD, SharedFiles

S = 1_000_000_000


class Told(list):
    """Programs on a wall clock of seconds; what a person is told is in the list."""

    def __init__(self):
        super().__init__()
        self.now_s = 0.0
        self.files = SharedFiles(self.append, lambda: int(self.now_s * S))

    def begin(self, trial, at_s):
        self.now_s = at_s
        self.files.begin(f"{trial}.0", trial)

    def end(self, trial, at_s):
        self.now_s = at_s
        self.files.end(f"{trial}.0")

    def hear(self, trial, seen_s, *writes):
        self.files.take(f"{trial}.0", int(seen_s * S), [(name, int(a * S), int(b * S)) for name, a, b in writes])


@pytest.fixture
def told():
    return Told()


TEXT = (
    "model.pt, beside the sweep file, is changed by more than one of the programs that ran at one time (trials 0, 1): "
    "what they write there is lost or mixed; let them write below {trial.folder}"
)


def test_two_that_run_at_once_and_change_one_file_are_told_of_once(told):
    told.begin(0, 0), told.begin(1, 0)
    told.hear(0, 11, ("model.pt", 0, 10))
    told.hear(1, 11)
    assert told == []
    for at_s in (20, 40, 60):
        told.hear(1, at_s + 5, ("model.pt", at_s - 10, at_s))
        told.hear(0, at_s + 5)
    assert told == [TEXT]


def test_a_change_that_either_may_have_made_tells_nothing(told):
    told.begin(0, 0), told.begin(1, 0)
    for at_s in (10, 20, 30):
        for trial in (0, 1):
            told.hear(trial, at_s + 5, ("model.pt", at_s - 10, at_s))
    assert told == []


def test_changes_between_two_looks_are_laid_together(told):
    """Trial 0 writes its own file twice between its looks; trial 1, which writes elsewhere, saw both."""
    told.begin(0, 0), told.begin(1, 0)
    told.hear(1, 12, ("of-0.pt", 0, 10))
    told.hear(0, 15, ("of-0.pt", 0, 14))
    told.hear(1, 16, ("of-0.pt", 10, 14))
    told.hear(0, 30), told.hear(1, 30)
    assert told == []


def test_one_after_the_other_may_use_one_file(told):
    for trial in range(4):
        told.begin(trial, 100 * trial)
        told.hear(trial, 100 * trial + 60, ("model.pt", 100 * trial - 50, 100 * trial + 50))
        told.hear(trial, 100 * trial + 80)
        told.end(trial, 100 * trial + 90)
    assert told == []


def test_what_is_saved_after_the_last_report_is_laid_to_who_was_not_heard(told):
    told.begin(0, 0), told.begin(1, 0)
    told.hear(0, 10, ("of-0.pt", 0, 5)), told.hear(1, 20)
    told.end(0, 40)  # it saved once more at 39, which only trial 1 saw
    told.hear(1, 45, ("of-0.pt", 5, 39))
    told.hear(1, 60)
    assert told == []


def test_no_more_than_a_few_files_are_told_of(told):
    told.begin(0, 0), told.begin(1, 0)
    names = [f"{number}.pt" for number in range(MOST_TOLD + 3)]
    told.hear(0, 11, *((name, 0, 10) for name in names)), told.hear(1, 11)
    told.hear(1, 25, *((name, 10, 20) for name in names)), told.hear(0, 25)
    told.hear(0, 30), told.hear(1, 30)
    assert len(told) == MOST_TOLD


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("is_shared", [False, True])
def test_trials_with_files_of_their_own_are_never_told_of(told, seed, is_shared):
    """Programs begin, write, look and end at random; each claims what changed whenever it wrote anything itself."""
    draw, at_s, running, changed, known, last = random.Random(seed), 0.0, {}, {}, {}, {}
    number = 0
    for _ in range(600):
        at_s += draw.uniform(0.5, 4)
        told.now_s = at_s
        if len(running) < 3 and draw.random() < 0.3:
            told.begin(number, at_s)
            running[number], known[number], last[number] = False, dict(changed), []
            number += 1
        for trial in list(running):
            if draw.random() < 0.4:
                changed["shared" if is_shared else f"of-{trial}"] = at_s
                running[trial] = True
            elif draw.random() < 0.3:
                running[trial] = True  # it prints
            if draw.random() < 0.5:
                new = [
                    (name, known[trial].get(name, 0), at)
                    for name, at in changed.items()
                    if known[trial].get(name) != at
                ]
                last[trial] += new if running[trial] else []
                known[trial], running[trial] = dict(changed), False
                if draw.random() < 0.6:
                    told.hear(trial, at_s, *last[trial])
                    last[trial] = []
                if draw.random() < 0.05:
                    del running[trial]
                    told.end(trial, at_s)
    assert len(told) == (1 if is_shared else 0)
