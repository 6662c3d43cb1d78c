"""The coins of the soft stages, counted over many proposals with fixed seeds; four standard deviations are allowed."""

import math
from collections import Counter

import pytest
from pydantic import ValidationError

from orchestrator.errors import SpecError
from orchestrator.ladders.soft_stages import SoftStages
from orchestrator.sweep.domains import Choice, Float, Int
from orchestrator.sweep.plan import StagePlan
from orchestrator.sweep.trial import TrialState
from orchestrator.testing.played_ladders import (
    CONDITIONAL,
    SMOOTH,
    LearningSearcher,
    UniformSearcher,
    make_ladder,
    make_plan,
    play,
)

BLOCKS = [("learning_rate", "batch_size"), ("momentum", "weight_decay"), ("dropout",)]
JOINT = tuple(name for block in BLOCKS for name in block)


def ladder(space=SMOOTH, trials=100, seed=7, searcher=LearningSearcher, **options):
    return make_ladder(SoftStages, make_plan(SoftStages, space, trials, seed, **options), searcher, **options)


def draws(number, trials, count=1000, searcher=LearningSearcher, **options):
    """Proposals for one trial number over many seeds."""
    return [
        ladder(seed=seed, searcher=searcher, **options).propose(number, trials) for seed in range(count)
    ]  # fmt: skip


def history(space=SMOOTH, count=50, state=TrialState.COMPLETED, **options):
    """Trials of a sweep, trial n with value n / 100."""
    trials = play(ladder(space, **options), workers=1000)[:count]
    for trial in trials:
        trial.state, trial.values = state, {9.0: trial.number / 100}
    return trials


def about(found, count, chance):
    return abs(found - count * chance) <= 4 * math.sqrt(count * chance * (1 - chance))


def test_the_stages_share_85_percent_before_a_refinement_of_everything():
    stages = SoftStages.stages(
        [StagePlan(name="rate", tune=("a",), share=0.6), StagePlan(name="rest", tune=("b", "c"), share=0.4)],
        SoftStages.Options(),
    )
    assert [(stage.name, stage.tune, round(stage.share, 3)) for stage in stages] == [
        ("rate", ("a",), 0.51),
        ("rest", ("b", "c"), 0.34),
        ("refinement", ("a", "b", "c"), 0.15),
    ]


def test_the_name_of_the_refinement_is_taken():
    with pytest.raises(SpecError) as refused:
        SoftStages.stages([StagePlan(name="refinement", tune=("a",), share=1)], SoftStages.Options())
    assert str(refused.value) == "stages: the ladder adds a stage 'refinement' of its own; give yours another name"


@pytest.mark.parametrize("wrong", [{"block_probability": 1.1}, {"staged_share": 1.0}, {"elite_pool": 0}, {"typo": 1}])
def test_impossible_constants_are_refused(wrong):
    with pytest.raises(ValidationError):
        SoftStages.Options(**wrong)


@pytest.mark.thorough
def test_moves_fall_as_the_constants_say():
    moves = Counter(proposal.move for proposal in draws(50, history()))
    assert about(moves["block-model"], 1000, 0.25)
    assert about(moves["block-uniform"], 1000, 0.25)
    assert about(moves["prior"], 1000, 0.05)
    assert about(moves["model"], 1000, 0.45)
    assert sum(moves.values()) == 1000


@pytest.mark.thorough
def test_the_constants_can_be_set():
    moves = Counter(p.move for p in draws(50, history(), block_probability=0.8, block_model_probability=0.0))
    assert about(moves["block-uniform"], 1000, 0.8)
    assert moves["block-model"] == 0


def test_model_probability_is_what_the_constants_make_it():
    soft = ladder()
    assert soft.model_probability(50, reported=50, finished=50) == pytest.approx(0.5 * 0.5 + 0.5 * 0.9)
    assert soft.model_probability(50, reported=4, finished=50) == pytest.approx(0.9)
    assert soft.model_probability(8, reported=8, finished=8) == pytest.approx(0.5 * 0.5)
    assert soft.model_probability(50, reported=50, finished=5) == 0


@pytest.mark.parametrize(("reported", "moved"), [(4, 0.0), (5, 0.5)])
def test_block_moves_wait_for_five_reported_trials(reported, moved):
    trials = history()
    for trial in trials[reported:]:
        trial.state, trial.values = TrialState.RUNNING, {}
    found = sum(proposal.move.startswith("block-") for proposal in draws(50, trials, 500))
    assert about(found, 500, moved)


def test_running_trials_with_a_report_count_and_lead():
    trials = history(state=TrialState.RUNNING)
    parents = {p.parent for p in draws(50, trials, 500) if p.move.startswith("block-")}
    assert parents == {49}


@pytest.mark.thorough
def test_a_searcher_without_enough_finished_trials_is_not_called_a_model():
    trials = history(state=TrialState.RUNNING)
    moves = Counter(proposal.move for proposal in draws(50, trials))
    assert moves["model"] == moves["block-model"] == 0
    assert about(moves["block-uniform"], 1000, 0.5)
    assert about(moves["uniform"], 1000, 0.45)


@pytest.mark.thorough
def test_a_searcher_that_does_not_learn_is_not_called_a_model():
    moves = Counter(proposal.move for proposal in draws(50, history(), searcher=UniformSearcher))
    assert set(moves) == {"prior", "uniform", "block-uniform"}


@pytest.mark.thorough
def test_elites_are_the_best_current_value_or_one_of_three_best_completed():
    trials = history()
    for number in (47, 49):
        trials[number].state = TrialState.RUNNING
    trials[48].state = TrialState.PRUNED
    parents = Counter(p.parent for p in draws(50, trials, 4000) if p.move.startswith("block-"))
    assert set(parents) == {49, 46, 45, 44}
    assert about(parents[49], parents.total(), 0.6)
    assert all(about(parents[number], parents.total(), 0.4 / 3) for number in (46, 45, 44))


def test_trials_that_diverged_or_failed_are_never_elites():
    trials = history()
    for number in range(3, 50):
        trials[number].state = TrialState.DIVERGED if number % 2 else TrialState.FAILED
    parents = {p.parent for p in draws(50, trials, 500) if p.move.startswith("block-")}
    assert parents == {0, 1, 2}


def test_a_lower_value_leads_where_the_goal_is_to_minimize():
    trials = history()
    made = make_plan(SoftStages, SMOOTH)
    objective = made.spec.objective.model_copy(update={"goal": "minimize"})
    plan = made.model_copy(update={"spec": made.spec.model_copy(update={"objective": objective})})
    proposals = [make_ladder(SoftStages, plan).propose(50, trials)]
    for seed in range(200):
        spec = plan.spec.model_copy(update={"seed": seed})
        proposals.append(make_ladder(SoftStages, plan.model_copy(update={"spec": spec})).propose(50, trials))
    assert {p.parent for p in proposals if p.move.startswith("block-")} == {0, 1, 2}


def test_only_one_block_of_the_elite_moves():
    trials = history()
    for proposal in draws(50, trials, 300):
        if proposal.parent is not None:
            elite = trials[proposal.parent].config
            changed = {name for name in elite if proposal.config[name] != elite[name]}
            assert changed
            assert changed <= set(proposal.block)


@pytest.mark.thorough
@pytest.mark.parametrize(("number", "current"), [(10, 0), (30, 1), (60, 2)])
def test_the_block_is_mostly_the_stages_own(number, current):
    blocks = Counter(p.block for p in draws(number, history(count=number)) if p.move.startswith("block-"))
    assert about(blocks[BLOCKS[current]], blocks.total(), 0.7)
    assert all(about(blocks[block], blocks.total(), 0.15) for block in BLOCKS if block != BLOCKS[current])


@pytest.mark.thorough
def test_every_block_is_equally_likely_in_the_refinement():
    blocks = Counter(p.block for p in draws(90, history(count=90)) if p.move.startswith("block-"))
    assert all(about(blocks[block], blocks.total(), 1 / 3) for block in BLOCKS)


def test_a_block_that_is_inactive_in_the_elite_is_not_moved():
    trials = history(CONDITIONAL)
    for proposal in draws(30, trials[:30], 500, space=CONDITIONAL):
        if proposal.move.startswith("block-"):
            assert set(proposal.block) & set(trials[proposal.parent].config)


def test_a_sweep_of_one_block_has_no_block_moves():
    space = {"momentum": Float(low=0.0, high=1.0, default=0.9), "dropout": Float(low=0.0, high=1.0, default=0.2)}
    trials = play(ladder(space))
    assert {trial.move for trial in trials} == {"baseline", "prior", "uniform", "model"}


def test_the_first_trials_are_drawn_around_the_defaults():
    trials = play(ladder(), workers=1000)
    assert all(trial.move == "prior" for trial in trials[1:12])
    assert about(sum(trial.move == "prior" for trial in trials[12:]), 88, 0.1)


def test_prior_draws_lie_around_the_defaults_on_their_scale():
    units = {name: [] for name in JOINT}
    for proposal in draws(2, history(count=2)):
        for name, value in proposal.config.items():
            units[name].append(SMOOTH[name].to_unit(value))
    for name, drawn in units.items():
        default = SMOOTH[name].to_unit(SMOOTH[name].default)
        inside = sum(abs(unit - default) < 0.25 for unit in drawn)
        # One spread on either side, but for what is clipped and the cells of whole numbers.
        assert 0.62 <= inside / len(drawn) <= 0.9, name
        assert min(drawn) >= 0
        assert max(drawn) <= 1
    assert sum(unit == 0 for unit in units["dropout"]) > 100  # clipped, not drawn again


def test_choices_keep_their_default_half_the_time_and_are_uniform_else():
    space = {
        "activation": Choice(choices=("relu", "gelu", "tanh", "elu"), default="gelu", provenance="catalogue"),
        "width": Int(low=1, high=10**6, default=500, provenance="catalogue", tier=2),
    }
    trials = history(space, 2)
    found = Counter(p.config["activation"] for p in draws(2, trials, space=space))
    assert about(found["gelu"], 1000, 0.5 + 0.5 / 4)
    assert all(about(found[choice], 1000, 0.5 / 4) for choice in ("relu", "tanh", "elu"))


@pytest.mark.thorough
def test_users_defaults_alternate_with_uniform_draws_and_the_catalogues_do_not():
    def spread(number, name):
        default = SMOOTH[name].to_unit(SMOOTH[name].default)
        drawn = [SMOOTH[name].to_unit(p.config[name]) for p in draws(number, history(count=number))]
        return sum((unit - default) ** 2 for unit in drawn) / len(drawn)

    assert spread(2, "weight_decay") == pytest.approx(0.25**2, rel=0.12)
    assert spread(3, "weight_decay") == pytest.approx(1 / 12 + (0.5 - 0.6) ** 2, rel=0.12)
    assert spread(2, "momentum") == pytest.approx(spread(3, "momentum"), rel=0.12)


def test_a_draw_of_users_defaults_alone_is_called_uniform_on_odd_trials():
    space = {name: domain.model_copy(update={"provenance": "user"}) for name, domain in SMOOTH.items()}
    trials = play(ladder(space), workers=1000)
    assert [trial.move for trial in trials[:12]] == ["baseline", *(["uniform", "prior"] * 6)[:11]]


def test_with_256_workers_and_no_report_every_trial_has_something_to_do():
    trials = play(ladder(trials=256), workers=256)
    moves = Counter(trial.move for trial in trials)
    assert moves.keys() == {"baseline", "prior", "uniform"}
    assert len(trials) == 256


@pytest.mark.thorough
def test_half_of_the_joint_draws_model_everything_together():
    asked = []

    class Watching(LearningSearcher):
        def propose(self, request, trials):
            asked.append(request)
            return super().propose(request, trials)

    draws(50, history(), searcher=Watching)
    joint = [request.correlated for request in asked if request.block == JOINT]
    assert about(sum(joint), len(joint), 0.5)
    assert all(request.correlated for request in asked if request.block != JOINT)


SMOOTH_SPACE = make_plan(SoftStages, SMOOTH).space
