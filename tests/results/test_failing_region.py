from __future__ import annotations

from random import Random

import pytest
from scipy.stats import hypergeom
from sweeps import make_spec

from orchestrator.results.failing_region import failing_region, hypergeometric_tail
from orchestrator.sweep.trial import Attempt, Outcome, Trial, TrialState

SPACE = make_spec().search_space


def trials(fails, count: int = 60, seed: int = 0) -> list[Trial]:
    dice, found = Random(seed), []
    for number in range(count):
        config = {name: domain.from_unit(dice.random()) for name, domain in SPACE.items() if name != "beta1"}
        state = TrialState.FAILED if fails(config, dice) else TrialState.COMPLETED
        trial = Trial(number, "x", config, "s", "uniform", (), None, 0, state)
        trial.attempts.append(Attempt(0, 0.0, outcome=Outcome.ERROR, charged_s=10.0))
        found.append(trial)
    return found


def test_a_threshold_is_found_with_counts_and_cost():
    region = failing_region(trials(lambda c, _: c["batch_size"] > 100), SPACE)
    (condition,) = region.conditions
    assert (condition.name, condition.relation) == ("batch_size", ">=")
    assert 80 < condition.value < 130
    assert region.trials >= region.failed >= region.trials - 1 > 10
    assert region.failed_elsewhere == 0
    assert region.trials + region.trials_elsewhere == 60
    assert region.worker_s == 10.0 * region.failed


def test_a_choice_is_found():
    region = failing_region(trials(lambda c, _: c["optimizer"] == "adam"), SPACE)
    assert [condition.text for condition in region.conditions] == ["optimizer = adam"]


def test_what_is_there_under_a_choice_alone_does_not_stand_for_that_choice():
    """All of adam fails; a threshold on its beta1 that leaves one lucky trial out would tell nobody so."""
    found = trials(lambda _, __: False, 200)
    dice = Random(3)
    adam = [trial for trial in found if trial.config["optimizer"] == "adam"]
    for trial in adam:
        trial.config["beta1"] = SPACE["beta1"].from_unit(dice.random())
        trial.state = TrialState.FAILED
    min(adam, key=lambda trial: trial.config["beta1"]).state = TrialState.COMPLETED
    assert [condition.text for condition in failing_region(found, SPACE).conditions] == ["optimizer = adam"]
    for trial in adam:
        trial.state = TrialState.FAILED if trial.config["beta1"] > 0.9 else TrialState.COMPLETED
    assert [condition.name for condition in failing_region(found, SPACE).conditions] == ["beta1"]


def test_two_conditions_are_found():
    region = failing_region(trials(lambda c, _: c["optimizer"] == "adam" and c["learning_rate"] > 0.01, 200), SPACE)
    assert {condition.name for condition in region.conditions} == {"optimizer", "learning_rate"}
    assert region.failed >= 0.9 * region.trials


def test_nothing_is_said_of_failures_by_chance():
    said = [failing_region(trials(lambda _, d: d.random() < 0.3, seed=seed), SPACE) for seed in range(10)]
    assert said == [None] * 10


@pytest.mark.parametrize("fails", [lambda *_: True, lambda *_: False])
def test_nothing_is_said_where_all_fail_or_none(fails):
    assert failing_region(trials(fails), SPACE) is None
    assert failing_region([], SPACE) is None


def test_the_probability_is_the_hypergeometric_one():
    dice = Random(1)
    for _ in range(200):
        total = dice.randint(1, 60)
        marked, drawn = dice.randint(0, total), dice.randint(0, total)
        hits = dice.randint(0, min(marked, drawn))
        expected = hypergeom.sf(hits - 1, total, marked, drawn)
        assert hypergeometric_tail(hits, drawn, marked, total) == pytest.approx(expected)
