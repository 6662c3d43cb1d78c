from collections import Counter

import pytest
from pydantic import ValidationError

from orchestrator.errors import SpecError
from orchestrator.ladders.hard_stages import HardStages
from orchestrator.ladders.joint import Joint
from orchestrator.ladders.random import Random
from orchestrator.ladders.screen_stages_joint import ScreenStagesJoint
from orchestrator.sweep.domains import Choice, Float
from orchestrator.sweep.plan import StagePlan
from orchestrator.sweep.standing import stage_of
from orchestrator.sweep.trial import TrialState
from orchestrator.testing.played_ladders import (
    SMOOTH,
    LearningSearcher,
    ListingSearcher,
    UniformSearcher,
    make_ladder,
    make_plan,
    play,
)

BLOCKS = [
    StagePlan(name="rate", tune=("a",), share=0.6),
    StagePlan(name="rest", tune=("b", "c"), share=0.4),
]


def shape(stages):
    return [(stage.name, stage.tune, round(stage.share, 4)) for stage in stages]


def test_hard_stages_are_the_users_blocks():
    assert HardStages.stages(BLOCKS, HardStages.Options()) == tuple(BLOCKS)


def test_a_screen_and_a_joint_search_enclose_the_stages():
    assert shape(ScreenStagesJoint.stages(BLOCKS, ScreenStagesJoint.Options())) == [
        ("screen", ("a", "b", "c"), 0.225),
        ("rate", ("a",), 0.315),
        ("rest", ("b", "c"), 0.21),
        ("joint", ("a", "b", "c"), 0.25),
    ]


def test_joint_and_random_have_one_stage():
    assert shape(Joint.stages(BLOCKS, Joint.Options())) == [("joint", ("a", "b", "c"), 1)]
    assert shape(Random.stages(BLOCKS, Random.Options())) == [("random", ("a", "b", "c"), 1)]
    assert Random.searcher_blocks(Random.stages(BLOCKS, Random.Options())) == []


@pytest.mark.parametrize("name", ["screen", "joint"])
def test_the_names_of_the_ladders_own_stages_are_taken(name):
    with pytest.raises(SpecError) as refused:
        ScreenStagesJoint.stages([StagePlan(name=name, tune=("a",), share=1)], ScreenStagesJoint.Options())
    assert str(refused.value) == f"stages: the ladder adds a stage {name!r} of its own; give yours another name"


def test_a_screen_and_a_joint_search_must_leave_something():
    with pytest.raises(ValidationError, match="leave nothing for the stages; their sum must be below 1"):
        ScreenStagesJoint.Options(screen_share=0.5, joint_share=0.5)


def test_a_stage_draws_its_block_alone():
    plan = make_plan(HardStages, SMOOTH)
    trials = play(make_ladder(HardStages, plan), 4)
    for trial in trials[1:]:
        assert trial.block == stage_of(plan, trial.number).tune
        held = trials[trial.parent].config
        assert {name for name in held if held[name] != trial.config[name]} <= set(trial.block)


def test_later_blocks_stand_at_their_defaults():
    plan = make_plan(HardStages, SMOOTH)
    trials = play(make_ladder(HardStages, plan), 4)
    first = [trial for trial in trials if trial.stage == "tier-1"]
    assert all(trial.config["dropout"] == 0.2 and trial.config["momentum"] == 0.9 for trial in first)


def test_the_best_current_value_is_held_without_a_barrier():
    plan = make_plan(HardStages, SMOOTH)
    ladder = make_ladder(HardStages, plan)
    trials = play(ladder, 1000)
    assert {trial.parent for trial in trials[1:]} == {0}
    for trial in trials:
        trial.values = {1.0: trial.number % 17}
    trials[16].state = TrialState.DIVERGED
    assert make_ladder(HardStages, plan).propose(60, trials).parent == 33  # the earliest of the best that live


def test_a_stages_model_learns_from_its_own_trials_and_the_one_it_began_with():
    seen = {}

    class Watching(LearningSearcher):
        def propose(self, request, trials):
            seen[request.number] = [trial.number for trial in trials]
            return super().propose(request, trials)

    trials = play(make_ladder(HardStages, make_plan(HardStages, SMOOTH, 30), Watching))
    assert seen[9] == list(range(9))
    began_with = trials[10].parent
    assert began_with < 10
    assert seen[10] == [began_with]
    assert seen[15] == [began_with, *range(10, 15)]


def test_a_stage_follows_a_model_once_its_own_trials_are_enough():
    trials = play(make_ladder(HardStages, make_plan(HardStages, SMOOTH, 30)))
    first = [trial.move for trial in trials[:10]]
    assert first == ["baseline", *["block-uniform"] * 5, *["block-model"] * 4]
    assert [trial.move for trial in trials[10:20]] == [*["block-uniform"] * 5, *["block-model"] * 5]


def test_where_a_block_has_nothing_left_its_trials_go_to_the_next_one():
    space = {
        "optimizer": Choice(choices=("sgd", "adam"), default="sgd", tier=1),
        "momentum": Float(low=0.0, high=1.0, default=0.9, tier=2),
    }
    trials = play(make_ladder(HardStages, make_plan(HardStages, space, 20), UniformSearcher))
    drawn = Counter(trial.block for trial in trials if trial.stage == "tier-1")
    assert drawn[("optimizer",)] >= 1
    assert drawn[("momentum",)] >= 5
    assert len([trial for trial in trials if trial.stage == "tier-1"]) == 10  # shares are dealt by number all the same


def test_where_a_list_has_ended_its_trials_go_to_the_next_one():
    trials = play(make_ladder(HardStages, make_plan(HardStages, SMOOTH, 60), ListingSearcher))
    drawn = Counter(trial.block for trial in trials[1:])
    assert set(drawn.values()) <= {4, 5}
    assert len(trials) == 1 + drawn.total()


def test_joint_without_prior_draws_asks_the_searcher_from_trial_one_on():
    plain = {"prior_trials": 0, "prior_probability": 0.0}
    plan = make_plan(Joint, SMOOTH, 20, **plain)
    moves = [trial.move for trial in play(make_ladder(Joint, plan, **plain))]
    assert moves == ["baseline", *["uniform"] * 5, *["model"] * 14]
