"""What a sweep file leaves out: tier, scale and default by the catalogue's name, else by plain rules, and told."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import SpecError
from orchestrator.planning.compile import compile_plan
from orchestrator.project.spec_files import shipped_spaces, space_finder
from orchestrator.sweep.domains import Choice, Constant
from orchestrator.sweep.plan import Provenance
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile.known import ALIASES, SPACES, canonical
from orchestrator.sweepfile.parse import parse
from orchestrator.sweepfile.spaces import no_spaces

HEAD = """\
name: digits
trainable: train.py:train
objective: {metric: val_accuracy, goal: maximize}
fidelity: {metric: epoch, min: 3, max: 27}
budget: {trials: 60}
search_space:
"""
find = space_finder(Path(__file__).parent)
UNKNOWN = "the catalogue does not know the name"


def spec(space: str, *overrides: str) -> SweepSpec:
    return parse((HEAD + space).encode(), "sweep.yaml", overrides, find)


def domain(fields: str, name: str = "x"):
    return spec(f"  {name}: {fields}\n").search_space[name]


def test_a_file_without_tiers_is_searched_in_the_order_of_the_articles():
    found = spec(
        "  beta1: {low: 0.8, high: 0.99}\n  dropout: {low: 0.0, high: 0.5}\n  batch_size: {choices: [16, 32, 64]}\n"
        "  num_layers: {low: 1, high: 6}\n  lr: {low: 1e-4, high: 0.1}\n  mom: {low: 0.5, high: 0.99}\n"
        "  wd: {low: 1e-6, high: 1e-2}\n  focal_gamma: {low: 0.5, high: 5.0}\n"
    )
    plan = compile_plan(found, Provenance(versions={}, git_commit=None, code_hash=""))
    assert [stage.tune for stage in plan.stages[:-1]] == [
        ("focal_gamma", "lr"),
        ("batch_size", "mom"),
        ("beta1", "dropout", "wd"),
        ("num_layers",),
    ]
    space = plan.space
    assert space.baseline == {
        "focal_gamma": 2.0, "lr": 0.01, "batch_size": 32, "mom": 0.9, "beta1": 0.9, "dropout": 0.2, "wd": 5e-4,
        "num_layers": 3,
    }  # fmt: skip
    assert [name for name in space if getattr(space[name], "scale", "linear") == "log"] == ["lr", "wd"]
    assert space["lr"].supplied == dict.fromkeys(
        ("tier", "scale", "default"), "the catalogue's learning_rate, search space sgd"
    )
    assert {space[name].provenance for name in space} == {"catalogue"}


def test_what_the_file_writes_stands():
    found = spec("  lr: {low: 1e-4, high: 0.1, scale: linear, default: 0.05, tier: 3}\n").search_space["lr"]
    assert (found.tier, found.scale, found.default, found.supplied, found.provenance) == (3, "linear", 0.05, {}, "user")


def test_a_learning_rate_goes_by_the_optimizer_of_the_baseline():
    rate = "  lr: {low: 1e-4, high: 0.1}\n"
    assert spec(rate + "  optimizer: adamw\n").search_space["lr"].default == 0.001
    assert spec(rate + "  opt: {choices: [adam, sgd]}\n").search_space["lr"].default == 0.001
    assert spec(rate + "  opt: {choices: [adam, sgd], default: sgd}\n").search_space["lr"].default == 0.01
    assert spec(rate + "  optimizer: lion\n").search_space["lr"].default == 0.01
    assert spec(rate + "  optimizer: {low: 1, high: 2}\n").search_space["lr"].default == 0.01


@pytest.mark.parametrize(
    ("fields", "default", "told"),
    [
        ("{low: 0.0, high: 7.0}", 3.5, "the middle value of the range"),
        ("{low: 1e-6, high: 1e-3, scale: log}", 3.16e-5, "the middle value of the range"),
        ("{low: 0.0, high: 0.5, step: 0.1}", 0.3, "the middle value of the range"),
        ("{low: 1, high: 10}", 6, "the middle value of the range"),
        ("{low: 3.0, high: 3.0}", 3.0, "the middle value of the range"),
        ("{choices: [8, 2, 4]}", 4, "the middle choice of the range"),
        ("{choices: [8, 2, 4], ordered: false}", 8, "the first of the choices"),
        ("{choices: [b, a]}", "b", "the first of the choices"),
        ("{choices: [null, [1, 2]]}", None, "the first of the choices"),
    ],
)
def test_a_default_that_nobody_knows_is_the_middle(fields: str, default: object, told: str):
    found = domain(fields)
    assert found.default == default
    assert found.supplied == {"tier": UNKNOWN, "default": told}
    assert found.provenance == "user"


def test_the_catalogues_default_is_taken_only_where_the_range_holds_it():
    found = domain("{low: 1e-6, high: 1e-4}", "lr")
    assert found.default == 1e-5
    assert found.supplied["default"] == "the middle value of the range; the catalogue's 0.01 is not in it"
    assert domain("{low: 16, high: 256, step: 24}", "batch_size").default == 136


def test_a_scale_is_logarithmic_only_where_the_range_can_have_it():
    assert domain("{low: 0.0, high: 0.1}", "weight_decay").scale == "linear"
    assert domain("{low: 16, high: 1024}", "hidden_size").scale == "log"
    assert domain("{choices: [16, 32]}", "hidden_size").supplied.keys() == {"tier", "default"}


def test_the_fields_of_an_extended_space_are_no_ones_guess():
    found = spec("  extends: [sgd]\n  momentum: {low: 0.6, high: 0.95}\n")
    assert not any(domain.supplied for domain in found.search_space.values())


def test_where_no_spaces_can_be_looked_up_the_rules_alone_hold():
    found = parse((HEAD + "  lr: {low: 1e-4, high: 0.1}\n").encode(), "sweep.yaml", (), no_spaces)
    assert (found.search_space["lr"].tier, found.search_space["lr"].scale) == (1, "linear")
    assert found.search_space["lr"].supplied["tier"] == UNKNOWN


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("{low: 2.0, high: 1.0}", "x.low: low 2.0 is above high 1.0; swap them"),
        ("{low: 0.0, high: 1.0, scale: log}", "x.scale: scale log needs low above 0, not 0.0; raise low, or"),
        ("{low: 0.0}", "x.high: is missing; write e.g. `high: 0.1`"),
        ("{choices: []}", "x.choices: is empty; write at least one"),
        ("{low: a, high: 1.0}", "x.low: 'a' is not a number; write one such as 0.1 or 1e-3"),
    ],
)
def test_a_definition_that_is_wrong_is_told_without_a_word_on_what_it_lacks(fields: str, said: str):
    with pytest.raises(SpecError) as caught:
        domain(fields)
    assert len(str(caught.value).splitlines()) == 1
    assert said in str(caught.value)


def test_what_was_supplied_makes_the_same_sweep_as_the_same_written():
    ground = Provenance(versions={}, git_commit=None, code_hash="")
    supplied = spec("  x: {low: 0.0, high: 7.0}\n")
    written = spec("  x: {low: 0.0, high: 7.0, scale: linear, default: 3.5, tier: 1}\n")
    assert compile_plan(supplied, ground).sweep_id == compile_plan(written, ground).sweep_id


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("lr", "learning_rate"), ("model.optimizer.lr", "learning_rate"), ("Batch-Size", "batch_size"),
        ("optim/weight_decay", "weight_decay"), ("dropout_2", "dropout"), ("dropout1", "dropout"),
        ("n_units_l2", "width"), ("beta_1", "beta1"), ("beta2", "beta2"), ("gamma", None), ("l2", "weight_decay"),
        ("color", None), ("seed", None), ("learning_rate_schedule", None),
    ],
)  # fmt: skip
def test_names_are_known_as_people_write_them(name: str, known: str | None):
    assert canonical(name) == known


def test_every_known_name_is_defined_by_the_space_that_is_named_for_it():
    assert ALIASES.keys() <= SPACES.keys()
    aliases = [alias for names in ALIASES.values() for alias in names]
    assert len(set(aliases)) == len(aliases)
    assert not set(aliases) & SPACES.keys()
    for name, space in SPACES.items():
        assert space in shipped_spaces()
        found = spec(f"  extends: [{space}]\n  other: {{low: 0.0, high: 1.0}}\n").search_space[name]
        assert isinstance(found, Choice | Constant) or found.default is not None
