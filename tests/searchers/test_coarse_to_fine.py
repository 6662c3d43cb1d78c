"""Ranges narrow to where the good values lie, the incumbent inside, and TPE follows."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.searchers import ProposalRequest
from orchestrator.searchers.coarse_to_fine import CoarseToFineSearcher
from orchestrator.sweep.domains import Choice, Float, Int
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Trial, TrialState, trial_id

SPACE = Space(
    {
        "learning_rate": Float(low=1e-4, high=1.0, scale="log", default=1e-2),
        "weight_decay": Float(low=1e-6, high=1e-2, scale="log", also=(0.0,), default=1e-4),
        "batch_size": Int(low=16, high=512, scale="log", default=64),
        "optimizer": Choice(choices=("sgd", "adam"), default="sgd"),
        "momentum": Float(low=0.0, high=0.99, default=0.9, when={"optimizer": ("sgd",)}),
    }
)
BLOCK = tuple(SPACE)


def make(goal="maximize", **options) -> CoarseToFineSearcher:
    return CoarseToFineSearcher(SPACE, goal, CoarseToFineSearcher.Options(**options))


def quality(config) -> float:
    return -abs(SPACE["learning_rate"].to_unit(config["learning_rate"]) - 0.7)


def ended(number: int, config, value: float | None = None, state=TrialState.PRUNED, fidelity=3.0) -> Trial:
    trial = Trial(number, trial_id(number, config), config, "a", "uniform", BLOCK, None, 0, state)
    trial.values = {fidelity: quality(config) if value is None else value}
    trial.fidelity = fidelity
    return trial


def asked(number: int, held=None, seed: int = 7) -> ProposalRequest:
    return ProposalRequest(number, BLOCK, held or {}, f"{seed}/{number}/0", first_rung=3.0)


def play(searcher: CoarseToFineSearcher, count: int, seed: int = 7) -> list[Trial]:
    trials: list[Trial] = []
    for number in range(count):
        trials.append(ended(number, searcher.propose(asked(number, seed=seed), trials)))
    return trials


def drawn_units(searcher, trials, name, held=None):
    configs = [searcher.propose(asked(1000 + n, held), trials) for n in range(40)]
    return [SPACE[name].to_unit(config[name]) for config in configs if name in config]


def test_each_round_draws_nearer_to_the_good_values():
    trials = play(make(rounds=3), 30)
    near = [[-quality(trial.config) for trial in trials[start : start + 10]] for start in (0, 10, 20)]
    means = [sum(part) / len(part) for part in near]
    assert means[0] > 1.5 * means[1] > 1.5 * means[2]


@pytest.mark.thorough
def test_behind_the_rounds_tpe_goes_on_over_the_whole_ranges():
    searcher = make()
    trials = play(searcher, 20)
    assert searcher.startup_trials == 20
    guidance = searcher.guidance(asked(20), trials)
    assert guidance.max_fidelity is None
    assert guidance.notes == (
        "coarse-to-fine (learning_rate, weight_decay, batch_size, optimizer, momentum): after 2 rounds TPE goes on, "
        "whole ranges and full trainings",
    )
    box = searcher._box(asked(20), trials, 2)
    names = ("learning_rate", "batch_size", "momentum")
    left = [
        name
        for name in names
        for unit in drawn_units(searcher, trials, name)
        if not box[name][0] <= unit <= box[name][1]
    ]
    assert left


def test_what_was_narrowed_is_said_with_the_reason():
    block = ("learning_rate", "batch_size")
    trials = [
        ended(n, {**SPACE.baseline, "learning_rate": 10 ** (-n / 2.5), "batch_size": 64}, value=-float(n == 9))
        for n in range(10)
    ]
    for trial, value in zip(trials, [0, 0, 0, 9, 8, 7, 0, 0, 0, 0], strict=True):
        trial.values = {3.0: float(value)}
    guidance = make().guidance(ProposalRequest(10, block, {}, "7/10/0", first_rung=3.0), trials)
    assert guidance.max_fidelity == 3.0
    assert guidance.notes == (
        "coarse-to-fine, round 2 of 2: learning_rate 0.0001..1 -> 0.00398..0.158; batch_size 16..512 -> 41..99; "
        "where the best 3 of 10 trials lie, incumbent kept inside",
    )


def test_the_rounds_are_short_unless_asked_otherwise():
    assert make().guidance(asked(0), []).max_fidelity == 3.0
    assert make(coarse_fidelity=5.0).guidance(asked(0), []).max_fidelity == 5.0
    assert make().guidance(ProposalRequest(0, BLOCK, {}, "7/0/0"), []).max_fidelity is None


def test_trials_are_judged_at_the_training_that_the_rounds_give():
    """The one that was trained on and so has the best value at last looked worst at first."""
    trials = [ended(n, {**SPACE.baseline, "learning_rate": 0.5 + n / 100}, value=1.0) for n in range(9)]
    late = ended(9, {**SPACE.baseline, "learning_rate": 1e-4}, 0.0)
    late.values, late.fidelity, late.state = {3.0: 0.0, 27.0: 1.0}, 27.0, TrialState.COMPLETED
    box = make()._box(asked(10), [*trials, late], 1)
    assert SPACE["learning_rate"].from_unit(box["learning_rate"][0]) > 0.1


@pytest.mark.thorough
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), goal=st.sampled_from(["maximize", "minimize"]), keep=st.floats(0.05, 1))
def test_the_incumbent_stays_inside_and_no_range_is_left(seed, goal, keep):
    random = Random(seed)
    searcher = make(goal, rounds=3, keep=keep, round_trials=5)
    trials: list[Trial] = []
    for number in range(14):
        state = random.choice([TrialState.PRUNED, TrialState.COMPLETED, TrialState.DIVERGED, TrialState.RUNNING])
        config = SPACE.draw(BLOCK, {}, random)
        trials.append(ended(number, config, random.random(), state, random.choice([1.0, 3.0, 27.0])))
        trials[-1].told = 0.0 if state is TrialState.DIVERGED else None
    held = SPACE.draw(BLOCK, {}, random)
    learned = sum(trial.is_learned for trial in trials)
    box = searcher._box(asked(14, held), trials, min(2, learned // 5))
    alive = [t for t in trials if t.state is not TrialState.DIVERGED]
    pick = max if goal == "maximize" else min
    for incumbent in (held, *([pick(alive, key=lambda t: t.value).config] if alive else [])):
        for name, value in incumbent.items():
            assert box[name][0] <= SPACE[name].to_unit(value) <= box[name][1]
    assert all(0.0 <= low <= high <= 1.0 for low, high in box.values())
    assert box["optimizer"] == (0.0, 1.0)
    for number in range(20):
        assert SPACE.problems(searcher.propose(asked(100 + number, held), trials)) == []


def test_a_round_leaves_a_part_of_every_range_and_narrows_within_the_last():
    trials = [ended(n, {**SPACE.baseline, "learning_rate": 0.03 + n * 1e-6}, float(n)) for n in range(20)]
    first, second = (make()._box(asked(20), trials, rounds)["learning_rate"] for rounds in (1, 2))
    assert second[1] - second[0] == pytest.approx((first[1] - first[0]) * 0.25) == pytest.approx(0.25**2)
    assert first[0] <= second[0] <= second[1] <= first[1]


def test_better_than_random_when_trials_are_few():
    better = 0
    for seed in range(20):
        random = Random(f"{seed}/random")
        blind = max(quality(SPACE.draw(BLOCK, {}, random)) for _ in range(20))
        better += max(quality(trial.config) for trial in play(make(), 20, seed)) > blind
    assert better >= 13
