import random

import pytest

from orchestrator.ladders._standings import Standings
from orchestrator.ladders.joint import Joint
from orchestrator.sweep.standing import best_completed, leader
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.testing.played_ladders import SMOOTH, make_plan

PLAN = make_plan(Joint, SMOOTH)
ENDS = [TrialState.COMPLETED, TrialState.PRUNED, TrialState.DIVERGED, TrialState.FAILED]


def step(trials, dice):
    """Add a trial, or let one report or end."""
    open_trials = [trial for trial in trials if not trial.state.is_final]
    kind = dice.random()
    if kind < 0.4 or not open_trials:
        block = dice.choice([("learning_rate",), ("dropout",)])
        trials.append(Trial(len(trials), "", {}, "s", "model", block, None, 0))
    elif kind < 0.8:
        trial = dice.choice(open_trials)
        trial.fidelity += 1
        trial.values[trial.fidelity] = round(dice.random(), 1)  # ties are common
    else:
        trial = dice.choice(open_trials)
        trial.state = dice.choice(ENDS)
        if trial.state in {TrialState.DIVERGED, TrialState.FAILED} and dice.random() < 0.5:
            trial.told = -1.0


def summary(standings, trials):
    leading = standings.leader(trials)
    return (
        leading and leading.number,
        [trial.number for trial in standings.completed(trials, 3)],
        standings.reported,
        standings.finished,
        standings.proposed,
    )


@pytest.mark.thorough
def test_standings_that_grew_equal_standings_made_at_once():
    for seed in range(20):
        dice, trials, grown = random.Random(seed), [], Standings(PLAN)
        for _ in range(200):
            step(trials, dice)
            if dice.random() < 0.5:
                grown.update(trials)
                once = Standings(PLAN)
                once.update(trials)
                assert summary(grown, trials) == summary(once, trials)


def test_standings_agree_with_a_plain_search():
    dice, trials, standings = random.Random(1), [], Standings(PLAN)
    for _ in range(500):
        step(trials, dice)
        standings.update(trials)
        leading = leader(PLAN.goal, trials)
        assert standings.leader(trials) is leading
        best = standings.completed(trials, 1)
        assert (best[0] if best else None) is best_completed(PLAN.goal, trials)
        assert standings.reported == sum(1 for trial in trials if trial.values)


def test_a_trial_that_ended_badly_is_learned_from_once_it_has_something_to_be_told():
    trials = [Trial(0, "", {}, "s", "model", ("dropout",), None, 0, state=TrialState.DIVERGED)]
    standings = Standings(PLAN)
    standings.update(trials)
    assert standings.finished.total() == 0
    trials[0].told = -3.0
    standings.update(trials)
    assert standings.finished == {("dropout",): 1}
