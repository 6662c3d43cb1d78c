"""A held learning rate follows the batch size, there and back, and never out of its range."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import members
from orchestrator.ladders._coupling import Couplings
from orchestrator.searchers.random import RandomSearcher
from orchestrator.sweep.coupling import Coupling
from orchestrator.sweep.domains import Choice, Float, Int
from orchestrator.sweep.plan import StagePlan
from orchestrator.sweep.space import Space
from orchestrator.testing.played_ladders import SMOOTH, make_ladder, make_plan, play

SPACE = Space(
    {
        "optimizer": Choice(choices=("sgd", "adam"), default="sgd"),
        "learning_rate": Float(low=1e-4, high=1.0, scale="log", default=1e-2),
        "batch_size": Choice(choices=(16, 32, 64, 128, 256, 512), default=32),
        "momentum": Float(low=0.0, high=0.99, default=0.9, when={"optimizer": ("sgd",)}),
        "weight_decay": Float(low=1e-6, high=1e-2, scale="log", also=(0.0,), default=1e-4),
    }
)
BATCHES = SPACE["batch_size"].choices


def coupled(other: str, rule: str = "auto", reference: float | None = None, name: str = "learning_rate") -> Couplings:
    return Couplings(SPACE, {name: Coupling.model_validate({"with": other, "rule": rule, "reference": reference})})


def moved(couplings: Couplings, parent: dict, **new) -> dict:
    return couplings.apply(SPACE.complete({**parent, **new}), tuple(new), parent)[0]


@pytest.mark.parametrize(
    ("other", "rule", "optimizer", "after", "expected"),
    [
        ("batch_size", "linear", "adam", 128, 0.04),
        ("batch_size", "sqrt", "sgd", 128, 0.02),
        ("batch_size", "auto", "sgd", 128, 0.04),
        ("batch_size", "auto", "adam", 128, 0.02),
        ("batch_size", "auto", "adam", 16, 0.01 / math.sqrt(2)),
        ("momentum", "effective-rate", "sgd", 0.5, 0.05),
        ("momentum", "auto", "sgd", 0.95, 0.005),
    ],
)
def test_each_rule_holds_what_it_says(other, rule, optimizer, after, expected):
    parent = SPACE.complete({"optimizer": optimizer})
    assert moved(coupled(other, rule), parent, **{other: after})["learning_rate"] == pytest.approx(expected)


@given(
    rate=st.floats(1e-4, 1.0),
    there=st.sampled_from(BATCHES),
    back=st.sampled_from(BATCHES),
    rule=st.sampled_from(["linear", "sqrt", "auto"]),
    optimizer=st.sampled_from(["sgd", "adam"]),
)
def test_there_and_back_is_the_same_rate_unless_clipped(rate, there, back, rule, optimizer):
    parent = SPACE.complete({"optimizer": optimizer, "learning_rate": rate, "batch_size": back})
    couplings = coupled("batch_size", rule)
    config, notes = couplings.apply({**parent, "batch_size": there}, ("batch_size",), parent)
    assert 1e-4 <= config["learning_rate"] <= 1.0
    returned = moved(couplings, config, batch_size=back)
    assert 1e-4 <= returned["learning_rate"] <= 1.0
    if not any("clipped" in note for note in notes):
        assert returned["learning_rate"] == pytest.approx(rate, rel=1e-12)
    assert bool(notes) == (there != back)


@given(rate=st.floats(1e-4, 1.0), there=st.floats(0, 0.99), back=st.floats(0, 0.99))
def test_momentum_there_and_back_too(rate, there, back):
    parent = SPACE.complete({"learning_rate": rate, "momentum": back})
    config = moved(coupled("momentum"), parent, momentum=there)
    assert 1e-4 <= config["learning_rate"] <= 1.0
    if 1e-4 < config["learning_rate"] < 1.0:
        assert config["learning_rate"] / (1 - there) == pytest.approx(rate / (1 - back), rel=1e-9)
        assert moved(coupled("momentum"), config, momentum=back)["learning_rate"] == pytest.approx(rate, rel=1e-9)


def test_the_note_says_what_was_done_and_what_was_clipped():
    parent = SPACE.complete({"learning_rate": 0.25, "batch_size": 64})
    _, notes = coupled("batch_size", "linear").apply({**parent, "batch_size": 128}, ("batch_size",), parent)
    assert notes == ("learning_rate 0.25 -> 0.5, as batch_size 64 -> 128 (linear)",)
    config, notes = coupled("batch_size", "linear").apply({**parent, "batch_size": 512}, ("batch_size",), parent)
    assert config["learning_rate"] == 1.0
    assert notes == ("learning_rate 0.25 -> 1, as batch_size 64 -> 512 (linear, clipped to its range from 2)",)


def test_a_draw_of_the_learning_rate_itself_is_not_coupled():
    config = {**SPACE.baseline, "batch_size": 512, "learning_rate": 0.03}
    assert coupled("batch_size").apply(config, ("batch_size", "learning_rate"), SPACE.baseline) == (config, ())


def test_a_default_belongs_to_the_reference_and_a_held_value_to_its_trial():
    drawn = ("batch_size",)
    for reference, expected in ((None, 0.04), (64.0, 0.02)):
        config = {**SPACE.baseline, "batch_size": 128}
        couplings = coupled("batch_size", "linear", reference)
        assert couplings.apply(config, drawn, None)[0]["learning_rate"] == pytest.approx(expected)
        assert couplings.apply(config, drawn, SPACE.baseline)[0]["learning_rate"] == pytest.approx(0.04)


def test_nothing_follows_what_one_of_the_two_trials_lacks():
    parent = SPACE.complete({"optimizer": "adam"})
    assert moved(coupled("momentum"), parent, optimizer="sgd")["learning_rate"] == 0.01
    assert moved(coupled("momentum"), SPACE.baseline, optimizer="adam")["learning_rate"] == 0.01


def test_a_value_outside_its_range_on_purpose_stays():
    parent = SPACE.complete({"weight_decay": 0.0})
    couplings = coupled("batch_size", "linear", name="weight_decay")
    assert moved(couplings, parent, batch_size=128)["weight_decay"] == 0.0


def test_a_chain_is_followed_from_its_head_however_it_is_written():
    links = {
        "weight_decay": Coupling.model_validate({"with": "learning_rate", "rule": "linear"}),
        "learning_rate": Coupling.model_validate({"with": "batch_size", "rule": "linear"}),
    }
    for order in (list(links), list(reversed(links))):
        couplings = Couplings(SPACE, {name: links[name] for name in order})
        config = moved(couplings, SPACE.baseline, batch_size=64)
        assert (config["learning_rate"], config["weight_decay"]) == pytest.approx((0.02, 2e-4))


DOMAINS = {
    **SMOOTH,
    "batch_size": Int(low=16, high=512, scale="log", default=64, tier=2, provenance="catalogue"),
}
COUPLE = {"learning_rate": {"with": "batch_size", "rule": "sqrt"}}


def coupled_plan(ladder, stages=None):
    plan = make_plan(ladder, DOMAINS)
    spec = plan.spec.model_copy(update={"couple": {k: Coupling.model_validate(v) for k, v in COUPLE.items()}})
    return plan.model_copy(update={"spec": spec, **({} if stages is None else {"stages": stages})})


@pytest.mark.parametrize("name", ["hard-stages", "soft-stages", "screen-stages-joint"])
def test_every_block_move_of_the_batch_moves_the_rate(name):
    ladder = members.load("orchestrator.ladders", name)
    plan = coupled_plan(ladder)
    trials = play(make_ladder(ladder, plan), 4)
    assert len({repr(sorted(trial.config.items())) for trial in trials}) == len(trials)
    followed = 0
    for trial in trials:
        assert plan.space.problems(trial.config) == []
        if trial.parent is None or "learning_rate" in trial.block:
            continue
        held, config = trials[trial.parent].config, trial.config
        factor = math.sqrt(config["batch_size"] / held["batch_size"]) if "batch_size" in trial.block else 1.0
        expected = min(max(held["learning_rate"] * factor, 1e-4), 1.0)
        assert config["learning_rate"] == pytest.approx(expected)
        followed += factor != 1.0
    assert followed >= 5


@pytest.mark.parametrize("name", members.names("orchestrator.ladders"))
def test_a_rate_that_no_stage_opens_follows_the_batch_in_every_draw(name):
    ladder = members.load("orchestrator.ladders", name)
    blocks = [
        StagePlan(name="rest", tune=("batch_size",), share=0.5),
        StagePlan(name="b", tune=("momentum",), share=0.5),
    ]
    plan = coupled_plan(ladder, ladder.stages(blocks, ladder.Options()))
    trials = play(make_ladder(ladder, plan, RandomSearcher), 4)
    for trial in trials:
        assert trial.config["learning_rate"] == pytest.approx(0.01 * math.sqrt(trial.config["batch_size"] / 64))
    assert make_ladder(ladder, plan, RandomSearcher).propose(30, trials[:30]).config == trials[30].config
