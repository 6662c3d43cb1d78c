"""The leaderboard says what a plain look at all trials says, however often and in whatever steps it was kept up."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from orchestrator.sweep import leaderboard
from orchestrator.sweep.leaderboard import Leaderboard
from orchestrator.sweep.standing import leader, ranked, winner
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.sweep.trial_list import TrialList

ENDS = [TrialState.COMPLETED, TrialState.PRUNED, TrialState.DIVERGED, TrialState.FAILED]
STAGES = ["one", "two", "three"]


def step(trials, dice):
    """Add a trial, or let one report, end, break a bound, or be opened again."""
    kind = dice.random()
    if kind < 0.4 or not trials:
        stage = STAGES[min(len(trials) // 15, 2)] if dice.random() < 0.9 else dice.choice(STAGES)
        trials.append(Trial(len(trials), "", {}, stage, "model", (), None, 0))
        return
    number = dice.randrange(len(trials))
    trials.note(number)
    trial = trials[number]
    if kind < 0.7 and not trial.state.is_final:
        trial.fidelity += dice.choice([0, 1])
        trial.values[trial.fidelity] = round(dice.random(), 1)  # ties are common
    elif kind < 0.85:
        trial.state = dice.choice(ENDS)
    elif kind < 0.95:
        trial.state = TrialState.INTERRUPTED
    else:
        trial.breaks = dice.choice([(), ("memory",)])


def plain_trail(goal, trials):
    """The best completed trial before each stage's first and up to its newest, by one look at all of them."""
    best, before, after = None, {}, {}
    for trial in trials:
        before.setdefault(trial.stage, best)
        if trial.state is TrialState.COMPLETED:
            best = leader(goal, [trial] if best is None else [best, trial])
        after[trial.stage] = best
    return [(before.get(stage, best), after.get(stage, best)) for stage in STAGES]


def check(board, goal, trials):
    def at(number):
        return None if number is None else trials[number]

    assert at(board.leader()) is leader(goal, trials)
    assert at(board.winner()) is winner(goal, trials)
    done = [trial.number for trial in ranked(goal, trials) if trial.state is TrialState.COMPLETED]
    assert [board.completed(pool) for pool in (1, 3, 500)] == [done[:1], done[:3], done]
    assert board.reported == sum(1 for trial in trials if trial.values)
    assert +board.counts() == Counter(trial.state for trial in trials)
    for stage in STAGES:
        assert +board.counts_of(stage) == Counter(trial.state for trial in trials if trial.stage == stage)
    assert [(at(board.best_before(stage)), at(board.best_after(stage))) for stage in STAGES] == plain_trail(
        goal, trials
    )


@pytest.mark.parametrize("at_once", [1_000, 1, 5])
@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_it_says_what_a_plain_look_says(goal, at_once, monkeypatch):
    """New trials are taken one by one, or sorted in one go, as those of a sweep that is read."""
    monkeypatch.setattr(leaderboard, "AT_ONCE", at_once)
    for seed in range(12 if at_once == 1_000 else 5):
        dice, trials, board = random.Random(seed), TrialList(), Leaderboard(goal)
        for _ in range(200):
            step(trials, dice)
            if dice.random() < 0.3:
                board.update(trials)
                check(board, goal, trials)


def test_an_empty_one_knows_nobody():
    board = Leaderboard("maximize")
    board.update(TrialList())
    check(board, "maximize", TrialList())


def test_it_names_what_may_have_changed():
    trials, board = TrialList(), Leaderboard("maximize")
    trials.extend(Trial(number, "", {}, "one", "model", (), None, 0) for number in range(5))
    assert board.update(trials) == [0, 1, 2, 3, 4]
    trials.note(3)
    trials.note(1)
    trials.note(3)
    assert board.update(trials) == [1, 3]
    assert board.update(trials) == []
