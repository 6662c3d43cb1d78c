"""What `plan` says a sweep would do and cost."""

import pytest
from sweeps import make_plan, smooth

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.planning.estimate import Hours, estimate
from orchestrator.planning.making import make_ladder
from orchestrator.sweep.standing import stage_of


def test_stages_are_the_trials_that_the_plan_deals_to_them():
    plan = make_plan(budget={"trials": 60})
    found = estimate(plan, 4)
    assert [stage.name for stage in found.stages] == ["tier-1", "tier-2", "tier-3", "refinement"]
    assert found.stages[0].first == 0
    assert found.stages[-1].last == 59
    for stage in found.stages:
        numbers = [number for number in range(60) if stage_of(plan, number).name == stage.name]
        assert (stage.first, stage.last, stage.trials) == (numbers[0], numbers[-1], len(numbers))


def test_a_stage_too_small_for_a_trial_has_none():
    stages = [
        {"name": "a", "tune": ["momentum"], "share": 0.999},
        {"name": "b", "tune": ["learning_rate"], "share": 0.001},
    ]
    found = estimate(make_plan(budget={"trials": 5}, stages=stages), 1)
    assert [stage.trials for stage in found.stages if stage.name == "b"] == [0]
    assert sum(stage.trials for stage in found.stages) == 5


def test_model_based_proposals_are_the_sum_of_the_ladders_chances():
    plan = make_plan(budget={"trials": 60})
    ladder = make_ladder(plan)
    found = estimate(plan, 8)
    for stage in found.stages:
        numbers = range(max(1, stage.first), stage.last + 1)
        chances = [ladder.model_probability(n, max(0, n - 8), max(0, n - 8)) for n in numbers]
        assert stage.model_based == pytest.approx(sum(chances))
    assert 0 < sum(stage.model_based for stage in found.stages) < 60


def test_more_workers_than_trials_leave_nothing_to_a_model():
    plan = make_plan(budget={"trials": 60})
    assert [stage.model_based for stage in estimate(plan, 64).stages] == [0, 0, 0, 0]


def test_training_is_at_most_full_and_ideally_thirds_survive_each_rung():
    found = estimate(make_plan(budget={"trials": 60}), 4)
    assert found.most_fidelity == 60 * 27
    assert [(bracket.rungs, bracket.share) for bracket in found.brackets] == [((3, 9), 1)]
    assert found.brackets[0].expected == pytest.approx(3 + 6 / 3 + 18 / 9)
    assert found.expected_fidelity == pytest.approx(60 * 7)


def test_the_expectation_weighs_the_brackets_by_their_shares():
    found = estimate(make_plan(scheduler={"name": "asha", "brackets": 2}), 4)
    first, second = found.brackets
    assert second.expected == pytest.approx(9 + 18 / 3)
    assert found.expected_fidelity == pytest.approx(30 * (first.share * 7 + second.share * 15))


def test_without_rungs_every_training_is_full_and_the_curves_alone_tell_the_median_rule():
    assert estimate(make_plan(scheduler="none"), 4).expected_fidelity == 30 * 27
    unknown = estimate(make_plan(scheduler="median"), 4, 10)
    assert (unknown.expected_fidelity, unknown.expected_hours) == (None, None)
    assert unknown.most_hours is not None


SHORT = {"name": "coarse-to-fine", "round_trials": 5}
ALONE = {"name": "rate", "tune": ["learning_rate"], "searcher": SHORT}
REST = {"name": "rest", "tune": ["momentum", "batch_size", "optimizer"], "share": 0.6}


@pytest.mark.thorough
@pytest.mark.parametrize(
    "changes",
    [
        {"stages": [ALONE, REST], "search": {"name": "hard-stages"}},
        {"stages": [ALONE, REST], "search": {"name": "screen-stages-joint"}},
        {"stages": [ALONE, REST], "search": {"name": "soft-stages"}},
        {"searcher": SHORT, "search": {"name": "joint", "prior_trials": 0}},
        {"searcher": SHORT, "search": {"name": "soft-stages"}},
        {"searcher": SHORT, "search": {"name": "random"}},
    ],
    ids=lambda changes: f"{changes['search']['name']}{'' if 'stages' in changes else '-everywhere'}",
)
def test_the_short_trainings_expected_are_about_those_that_come(changes):
    seen, expected = 0, 0.0
    for seed in range(6):
        plan = make_plan(budget={"trials": 60}, scheduler="none", seed=seed, **changes)
        found = estimate(plan, 1)
        state, _ = simulate_plan(plan, smooth, SimulatedCluster(workers=1))
        seen += sum(trial.max_fidelity is not None for trial in state.trials)
        expected += sum(stage.short for stage in found.stages)
        short = sum(stage.short for stage in found.stages)
        assert found.expected_fidelity == pytest.approx(60 * 27 - short * (27 - 3))
        assert found.most_fidelity == 60 * 27
    assert seen == pytest.approx(expected, rel=0.2)


def test_a_short_training_is_judged_at_the_rungs_before_its_end():
    everywhere = {"name": "coarse-to-fine", "round_trials": 1000, "coarse_fidelity": 10}
    plan = make_plan(searcher=everywhere, search={"name": "joint", "prior_trials": 0, "prior_probability": 0})
    found = estimate(plan, 4)
    assert found.stages[0].short == 29
    assert found.expected_fidelity == pytest.approx(1 * 7 + 29 * (3 + 6 / 3 + 1 / 9))


def test_hours_follow_once_the_time_of_an_epoch_is_known():
    plan = make_plan(budget={"trials": 40}, resources={"cpus": 2, "gpus": 0.25})
    assert estimate(plan, 4).most_hours is None
    found = estimate(plan, 4, seconds_per_fidelity=40)
    assert found.most_hours == Hours(gpu=pytest.approx(3), cpu=pytest.approx(24), wall=pytest.approx(3))
    assert found.expected_hours == Hours(
        gpu=pytest.approx(3 * 7 / 27), cpu=pytest.approx(24 * 7 / 27), wall=pytest.approx(3 * 7 / 27)
    )


def test_no_number_of_workers_makes_a_training_shorter():
    found = estimate(make_plan(budget={"trials": 3}), 1000, 3600)
    assert found.most_hours is not None
    assert found.most_hours.wall == 27
    assert estimate(make_plan(budget={"trials": 1}), 8, 3600).expected_hours == Hours(gpu=0, cpu=7, wall=27)


def test_a_space_that_can_be_exhausted_says_how_many_configurations_it_has():
    space = {
        "a": {"type": "int", "low": 1, "high": 4, "default": 1},
        "b": {"type": "choice", "choices": ["x", "y", "z"], "default": "x"},
    }
    assert estimate(make_plan(), 4).configurations is None
    assert estimate(make_plan(search_space=space), 4).configurations == 12
