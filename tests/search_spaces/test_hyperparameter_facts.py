"""Everything the five articles say about hyperparameters, as tables, is found in the shipped search spaces."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from orchestrator.project.spec_files import shipped_spaces, space_finder
from orchestrator.sweep.domains import Choice, Constant, Float, Int, Value
from orchestrator.sweepfile.catalogue import CatalogueSpace, catalogue_space
from orchestrator.sweepfile.lint import rules


@dataclass(frozen=True)
class Fact:
    """One line of an article about one hyperparameter."""

    space: str
    name: str
    tier: int
    sources: str
    """Letters of the articles."""
    holds: tuple[Value, ...] = ()
    """Values, the ends of the article's range among them, that the space can draw."""
    advised: tuple[Value, ...] | None = None
    """The article's range as the space marks it."""
    default: Value | None = None
    scale: str | None = None
    unit: str | None = None
    says: tuple[str, ...] = field(default_factory=tuple)
    """Words in its cautions or its source."""


FINETUNE = "one to two orders of magnitude"
RANGES = {
    "sgd-plain": (1e-2, 1e-1, 0.01),
    "sgd-momentum": (1e-3, 1e-2, 0.01),
    "adagrad": (1e-3, 1e-2, 0.01),
    "adadelta": (1e-2, 1e-1, 1.0),
    "rmsprop": (1e-3, 1e-2, 0.01),
    "adam": (1e-3, 1e-2, 0.001),
    "adamw": (1e-3, 1e-2, 0.001),
    "adamax": (1e-3, 1e-2, 0.002),
    "nadam": (1e-3, 1e-2, 0.002),
}
"""Learning rate from scratch by optimizer [A], with the catalogue's default."""

FROM_SCRATCH = [
    Fact(
        space, "learning_rate", 1, "A", (low, high), (low, high), default, "log", says=(FINETUNE, "batch size changes")
    )
    for space, (low, high, default) in RANGES.items()
]
BETAS = [
    Fact(space, name, 3, "A", default=default, says=("few trials",))
    for space in ("adam", "adamw", "adamax", "nadam")
    for name, default in (("beta1", 0.9), ("beta2", 0.999), ("epsilon", 1e-8))
]
OTHERS = [
    Fact("sgd", "learning_rate", 1, "ABCE", (1e-3, 1e-2, 1e-1), default=0.01, scale="log", says=("moves during",)),
    Fact(
        "batch",
        "batch_size",
        2,
        "ABCE",
        (16, 32, 64, 128, 256),
        (32, 64, 128, 256),
        32,
        unit="examples",
        says=("learning rate must change", "collapses", "generalise worse", "memory", "N-pair", "powers of two"),
    ),
    Fact("batch-wide", "batch_size", 2, "ABCE", (1, 2, 4, 8, 512, 1024), default=32),
    Fact("sgd-momentum", "momentum", 2, "ABCD", (0.5, 0.9), (0.5, 0.9), 0.9, says=("five times", "begin low")),
    Fact(
        "weight-decay",
        "weight_decay",
        3,
        "ACD",
        (0.0, 1e-6, 1e-4, 5e-4, 1e-3, 0.01),
        (1e-4, 1e-3),
        5e-4,
        "log",
        says=("expressiveness", "0..1e-4", "5e-4 as usual advice"),
    ),
    Fact(
        "dropout",
        "dropout",
        3,
        "AB",
        (0.0, 0.5),
        (0.2, 0.5),
        0.2,
        says=("no effect", "underfits", "larger networks", "memory cell", "batch normalisation"),
    ),
    Fact(
        "convolution",
        "kernel_size",
        3,
        "AB",
        ("7x7", "5x5", "3x3", "1x1", "1x7+7x1"),
        default="3x3",
        says=("Square", "more parameters"),
    ),
    Fact("convolution", "pooling", 3, "B", ("max", "average", "global")),
    Fact("convolution", "pooling_size", 3, "B", ("2x2", "3x3"), default="2x2", says=("matter much",)),
    Fact(
        "depth", "depth", 4, "ABE", (1, 2, 3), says=("Fix it first", "few underfit", "many overfit", "3 often beat 2")
    ),
    Fact("network", "width", 3, "BE", says=("underfit", "until it overfits")),
    Fact("network", "activation", 3, "B", ("relu", "sigmoid"), says=("initialisation should match",)),
    Fact("network", "initialisation", 3, "B", ("uniform", "xavier_uniform", "kaiming_uniform"), says=("random draw",)),
    Fact("center-loss", "center_loss_weight", 1, "A", scale="log", says=("two orders of magnitude", "near each other")),
    Fact("multi-task", "task_weight_first", 1, "A", (0.1, 10.0), default=1.0, says=("no general advice", "two orders")),
    Fact("focal-loss", "focal_gamma", 1, "AF", (1.0, 2.0, 5.0), default=2.0, says=("Very sensitive", "extremes")),
    Fact("focal-loss", "focal_alpha", 1, "AF", (0.1, 0.25, 0.9), default=0.25, says=("Very sensitive", "extremes")),
    Fact("label-smoothing", "label_smoothing", 1, "A", (0.0,)),
    Fact("huber-loss", "huber_delta", 1, "B", default=1.0),
    Fact("huber-loss", "loss", 1, "B", ("huber",)),
    Fact("image-classifier", "loss", 1, "B", ("cross_entropy",)),
    Fact("tabular-mlp", "depth", 4, "A"),
]
SCHEDULES = [
    Fact("schedule-step", "step_size", 3, "CE", default=0.25, says=("30 of 120", "halve every 5", "x0.1 every 8")),
    Fact("schedule-step", "gamma", 3, "C", default=0.1),
    Fact("schedule-multi-step", "milestones", 3, "C", default="0.25, 0.67", says=("30 and 80",)),
    Fact("schedule-multi-step", "gamma", 3, "C", default=0.5),
    Fact("schedule-exponential", "gamma", 3, "C", default=0.9, says=("to 0 at once",)),
    Fact("schedule-linear", "start_factor", 3, "C", (1.0,)),
    Fact("schedule-linear", "end_factor", 3, "C", default=0.1),
    Fact("schedule-linear", "decay_length", 3, "C", default=0.67, says=("80 of 120",)),
    Fact("schedule-cyclic", "base_factor", 3, "C", default=0.5, says=("0.1 and 0.2",)),
    Fact("schedule-cyclic", "cycle_up", 3, "C", default=0.25, says=("30 epochs up",)),
    Fact("schedule-cyclic", "cycle_down", 3, "C", default=0.0833, says=("10 epochs down", "saddle points")),
    Fact("schedule-one-cycle", "peak_at", 3, "C", default=0.5),
    Fact("schedule-one-cycle", "div_factor", 3, "C", default=10.0),
    Fact("schedule-one-cycle", "final_div_factor", 3, "C", default=10.0, says=("fixed number of epochs",)),
    Fact("schedule-cosine", "end_factor", 3, "C", default=0.5, says=("eta_min 0.05",)),
    Fact("schedule-cosine", "decay_length", 3, "C", says=("T_max 20",)),
    Fact("schedule-halving", "halve_every", 3, "E", says=("every 5 epochs",)),
    Fact("schedule-constant-then-exponential", "hold", 3, "D", says=("exp(0.1 (10 - epoch))",)),
    Fact("warmup", "warmup", 3, "C", (0.0,), says=("warm-up",)),
    Fact(
        "schedules",
        "schedule",
        3,
        "C",
        ("none", "step", "multi_step", "exponential", "linear", "cyclic", "one_cycle", "cosine"),
        says=("moves during training", "early stopping"),
    ),
]

CAUTIONS = {
    1: ["tiny-batch-normalised"],
    2: ["extreme-batch-size"],
    3: ["large-batch"],
    4: ["batch-size-uncoupled"],
    5: ["batch-dependent-loss"],
    6: ["loss-weight-range"],
    7: ["recurrent-dropout"],
    8: ["dropout-before-norm"],
    9: ["minor-share", "betas-few-trials", "strong-weight-decay"],
    10: ["no-schedule", "schedule-horizon"],
    11: ["depth-early"],
    12: ["test-metric"],
    13: ["exponential-gamma"],
    14: ["batch-memory"],
    15: ["data-first"],
}
"""The articles' cautions by number, and the rules that apply them."""


@cache
def shown(name: str) -> CatalogueSpace:
    return catalogue_space(name, space_finder(Path()))


@pytest.mark.parametrize(
    "fact", [*FROM_SCRATCH, *BETAS, *OTHERS, *SCHEDULES], ids=lambda fact: f"{fact.space}-{fact.name}"
)
def test_each_fact_is_in_the_catalogue(fact: Fact):
    domain = shown(fact.space).hyperparameters[fact.name]
    assert domain.tier == fact.tier
    missing = [value for value in fact.holds if not domain.contains(value)]
    assert not missing
    for letter in fact.sources:
        assert f"[{letter}" in f"{domain.source} {domain.cautions}"
    if fact.default is not None:
        assert domain.default == fact.default
    if fact.advised is not None:
        assert domain.advised == fact.advised
    if fact.scale is not None:
        assert isinstance(domain, Float | Int)
        assert domain.scale == fact.scale
    if fact.unit is not None:
        assert domain.unit == fact.unit
    told = " ".join([domain.source or "", *domain.cautions])
    assert [words for words in fact.says if words not in told] == []


@pytest.mark.parametrize("space", RANGES)
def test_fine_tuning_lies_one_to_two_orders_of_magnitude_lower(space):
    low, high, default = RANGES[space]
    tuned: Any = shown(f"{space}-finetune").hyperparameters["learning_rate"]
    assert tuned.low == pytest.approx(low / 100)
    highest = 1.0 if space == "adadelta" else high  # torch's Adadelta works at 1, not at the source's rates
    assert tuned.high == pytest.approx(highest / 10)
    assert tuned.default < default / 9.9
    assert FINETUNE in tuned.source
    assert shown(f"{space}-finetune").hyperparameters["optimizer"] == shown(space).hyperparameters["optimizer"]


def test_adadelta_carries_the_source_range_and_the_one_that_works():
    rate: Any = shown("adadelta").hyperparameters["learning_rate"]
    assert rate.advised == (0.01, 0.1)
    assert (rate.default, rate.high) == (1.0, 3.0)
    assert "hardly learns" in rate.source


def test_the_order_of_importance_is_the_articles():
    tiers = {
        name: shown("image-classifier").hyperparameters[name].tier for name in shown("image-classifier").hyperparameters
    }
    assert tiers["learning_rate"] == tiers["label_smoothing"] == 1
    assert tiers["batch_size"] == tiers["momentum"] == 2
    assert {tiers[name] for name in ("weight_decay", "dropout", "kernel_size", "warmup", "optimizer")} == {3}


def test_nothing_tunes_epochs_or_the_seed():
    for name in shipped_spaces():
        assert {"epochs", "seed"}.isdisjoint(shown(name).hyperparameters)


@pytest.mark.parametrize(("number", "ids"), CAUTIONS.items(), ids=lambda value: str(value)[:20])
def test_each_caution_is_a_rule(number, ids):
    for rule in ids:
        assert rule in rules()
        assert rules()[rule].source


def test_every_hyperparameter_carries_all_that_the_catalogue_promises():
    for name in shipped_spaces():
        assert shown(name).description
        for key, domain in shown(name).hyperparameters.items():
            assert domain.source or isinstance(domain, Constant), f"{name}: {key}"
            if isinstance(domain, Constant):
                continue
            assert domain.provenance == "catalogue"
            assert domain.cautions, f"{name}: {key}"
            assert isinstance(domain, Choice) or domain.scale in {"linear", "log"}
