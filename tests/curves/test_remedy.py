"""What follows from a diagnosis for one sweep: a change that its own file accepts, or none."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random

import pytest
from sweeps import SPACE, make_spec

from orchestrator.curves.diagnosis import CurvePoint, CurveVerdict, diagnose
from orchestrator.curves.remedy import TRIED, keep_untried_advice, learning_rate, remedy
from orchestrator.demos import demo_names, write_demo
from orchestrator.project.spec_files import load_parsed
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.sweepfile.parse import parse

LOSSES = {
    CurveVerdict.DIVERGING: [2.3, 2.5, math.nan],
    CurveVerdict.OSCILLATING: [1.6, 0.5, 0.8, 0.3, 0.6, 0.2, 0.5, 0.1],
    CurveVerdict.TOO_LOW: [2.30, 2.29, 2.28, 2.27, 2.26, 2.25],
    CurveVerdict.PLATEAU: [1.6, 0.8, 0.50, 0.55, 0.50, 0.54, 0.51, 0.53, 0.50, 0.54],
    CurveVerdict.OVERFITTING: [1.6, 0.8, 0.4, 0.2, 0.1, 0.05, 0.03, 0.02, 0.015, 0.01],
    CurveVerdict.STILL_IMPROVING: [1.6, 0.8, 0.4, 0.2],
    CurveVerdict.HEALTHY: [1.6, 0.5, 0.2, 0.12, 0.101, 0.1, 0.1, 0.1],
    CurveVerdict.TOO_SHORT: [1.6],
}
HELD = {CurveVerdict.OVERFITTING: [1.7, 1.0, 0.6, 0.5, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75]}


def shown(verdict, rate, last=None):
    """A diagnosis with this verdict of a training at this rate that ended at the fidelity `last`."""
    losses, held = LOSSES[verdict], HELD.get(verdict, [None] * 10)
    first = 0 if last is None else last - len(losses)
    curve = [CurvePoint(first + at + 1, loss, held[at]) for at, loss in enumerate(losses)]
    found = diagnose(curve, learning_rate=rate)
    assert found.verdict == verdict
    return found


def change(verdict, space, config, **spec):
    rest = {"momentum": SPACE["momentum"]}
    last = spec.pop("last", None)
    found = remedy(shown(verdict, learning_rate(config), last), make_spec(search_space=space | rest, **spec), config)
    return found and found.change


RATE = SPACE["learning_rate"]  # 1e-4 to 1, log, 0.01


@pytest.mark.parametrize(
    ("verdict", "domain", "rate", "wanted"),
    [
        (CurveVerdict.OSCILLATING, RATE, 0.3, "high=0.1"),
        (CurveVerdict.DIVERGING, RATE, 0.03, "high=0.015"),
        (CurveVerdict.TOO_LOW, RATE, 0.001, "low=0.01"),
        # the default would lie outside
        (CurveVerdict.OSCILLATING, RATE, 0.015, "={high: 0.005, default: 0.005}"),
        (CurveVerdict.TOO_LOW, RATE, 0.01, "={low: 0.1, default: 0.1}"),
        # the whole range would
        (CurveVerdict.DIVERGING, RATE, 1e-4, "={low: 5e-06, high: 5e-05, default: 5e-05}"),
        (CurveVerdict.TOO_LOW, RATE, 0.5, "={low: 5.0, high: 50.0, default: 5.0}"),
        (CurveVerdict.TOO_LOW, RATE, 0.469, "={low: 4.69, high: 46.9, default: 4.69}"),
        (CurveVerdict.OSCILLATING, RATE, 3e-4, "={low: 1e-05, high: 0.0001, default: 0.0001}"),
        # no range
        (CurveVerdict.DIVERGING, {"type": "constant", "value": 0.3}, 0.3, "={value: 0.15}"),
        (CurveVerdict.OSCILLATING, {"type": "choice", "choices": [0.3, 0.1, 0.03], "default": 0.1}, 0.3, None),
        (CurveVerdict.OSCILLATING, {"type": "choice", "choices": [0.3, 0.1, 0.03], "default": 0.3}, 0.3, None),
        (CurveVerdict.TOO_LOW, {"type": "choice", "choices": [0.3, 0.1, 0.01], "default": 0.01}, 0.01, None),
    ],
)
def test_the_learning_rates_range_is_moved(verdict, domain, rate, wanted):
    if wanted is None:
        kept = {CurveVerdict.OSCILLATING: "choices: [0.1, 0.03]", CurveVerdict.TOO_LOW: "choices: [0.3, 0.1]"}[verdict]
        default = ", default: 0.1" if domain["default"] != 0.1 else ""
        wanted = f"={{{kept}{default}}}"
    dot = "" if wanted.startswith("=") else "."
    assert change(verdict, {"learning_rate": domain}, {"learning_rate": rate}) == (
        f"search_space.learning_rate{dot}{wanted}"
    )


DECAY = {"type": "float", "low": 1e-6, "high": 1e-2, "scale": "log", "also": [0.0], "default": 1e-4}
FIXED = {"type": "constant", "value": "none"}
SCHEDULE = {"type": "choice", "choices": ["none", "step", "cosine"], "default": "none"}


@pytest.mark.parametrize(
    ("verdict", "space", "config", "wanted"),
    [
        (CurveVerdict.PLATEAU, {}, {}, "={choices: [none, cosine, step], default: cosine}"),
        (
            CurveVerdict.PLATEAU, {"schedule": SCHEDULE}, {"schedule": "none"},
            "={choices: [step, cosine], default: cosine}",
        ),
        (CurveVerdict.PLATEAU, {"schedule": FIXED}, {"schedule": "none"}, "={value: cosine}"),
        (CurveVerdict.PLATEAU, {"schedule": SCHEDULE}, {"schedule": "step"}, None),
        (CurveVerdict.OVERFITTING, {}, {}, "={low: 1.0e-5, high: 1.0e-2, scale: log, default: 5.0e-4}"),
        (CurveVerdict.OVERFITTING, {"weight_decay": DECAY}, {"weight_decay": 1e-3}, "={low: 0.003, default: 0.003}"),
        (CurveVerdict.OVERFITTING, {"weight_decay": DECAY}, {"weight_decay": 1e-6}, "={low: 3e-06}"),
        (CurveVerdict.OVERFITTING, {"weight_decay": DECAY}, {"weight_decay": 0.0}, "={also: []}"),
        (CurveVerdict.OVERFITTING, {"weight_decay": DECAY | {"default": 0.0}}, {"weight_decay": 0.0},
         "={also: [], default: 1e-06}"),
        (CurveVerdict.OVERFITTING, {"weight_decay": DECAY}, {}, None),
        (CurveVerdict.OVERFITTING, {"weight_decay": FIXED | {"value": 0}}, {"weight_decay": 0}, "={value: 0.0005}"),
    ],
)  # fmt: skip
def test_what_is_there_is_changed_and_what_is_not_is_added(verdict, space, config, wanted):
    name = {CurveVerdict.PLATEAU: "schedule", CurveVerdict.OVERFITTING: "weight_decay"}[verdict]
    found = change(verdict, space, config)
    assert found == (None if wanted is None else f"search_space.{name}{wanted}")
    spec = make_spec(search_space=space | {"momentum": SPACE["momentum"]})
    made = remedy(shown(verdict, None), spec, config)
    assert (made is not None and made.new is not None) == (name not in space)


def test_a_longer_training_is_proposed_after_a_full_one_only():
    assert change(CurveVerdict.STILL_IMPROVING, {}, {}, last=27) == "fidelity.max=54"
    assert change(CurveVerdict.STILL_IMPROVING, {}, {}, last=9) is None, "it returned by itself, twice that is no more"


def test_what_the_file_would_refuse_is_not_proposed():
    stepped = {"type": "float", "low": 0.1, "high": 0.5, "step": 0.2, "default": 0.1}
    assert change(CurveVerdict.OSCILLATING, {"learning_rate": stepped}, {"learning_rate": 0.5}) is None
    assert change(CurveVerdict.OSCILLATING, {"learning_rate": RATE}, {}) is None, "the rate is unknown"
    assert change(CurveVerdict.HEALTHY, {"learning_rate": RATE}, {"learning_rate": 0.1}) is None
    assert change(CurveVerdict.TOO_SHORT, {"learning_rate": RATE}, {"learning_rate": 0.1}) is None


def test_the_learning_rate_is_the_one_that_was_used():
    assert learning_rate({"learning_rate": 0.1}) == 0.1
    assert [learning_rate(config) for config in ({}, {"learning_rate": "auto"}, {"learning_rate": 0})] == [None] * 3


@pytest.mark.parametrize("demo", demo_names())
def test_whatever_is_proposed_for_a_shipped_sweep_its_file_accepts(demo, tmp_path: Path):
    file = write_demo(demo, tmp_path) / "sweep.yaml"
    spec = load_parsed(file).spec
    space, proposed = Space(spec.search_space), 0
    for number in range(2):
        config = space.draw(space.tunable, {}, Random(number))
        for verdict in CurveVerdict:
            found = remedy(shown(verdict, learning_rate(config), round(spec.fidelity.max)), spec, config)
            if found is not None:
                proposed += 1
                changed = load_parsed(file, [found.change]).spec
                assert changed != spec
    assert proposed >= 6


def test_a_sweep_file_in_shorthand_accepts_it():
    text = b"""
name: short
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {max: 27}
search_space: {learning_rate: 0.3, width: {low: 1, high: 9, default: 3}}
budget: {trials: 5}
"""
    spec = parse(text, "sweep.yaml")
    for verdict in CurveVerdict:
        found = remedy(shown(verdict, 0.3, 27), spec, {"learning_rate": 0.3, "width": 3})
        if found is not None:
            parse(text, "sweep.yaml", [found.change])
    oscillating = remedy(shown(CurveVerdict.OSCILLATING, 0.3), spec, {"learning_rate": 0.3})
    assert parse(text, "sweep.yaml", [oscillating.change]).search_space["learning_rate"].value == 0.1


def ended(number: int, rate: float, value: float, state: TrialState = TrialState.COMPLETED) -> Trial:
    config = {"learning_rate": rate}
    return Trial(number, f"{number}", config, "s", "prior", (), None, 0, state, values={9.0: value}, fidelity=9.0)


@pytest.mark.parametrize(
    ("verdict", "others", "advice"),
    [
        (CurveVerdict.TOO_LOW, [ended(n, 0.03, 0.5) for n in range(1, 7)],
         "6 trials at higher learning rates did no better"),
        (CurveVerdict.OSCILLATING, [ended(n, 0.005, 0.5, TrialState.PRUNED) for n in range(1, 7)],
         "6 trials at lower learning rates did no better"),
        (CurveVerdict.TOO_LOW, [ended(n, 0.03, 0.5) for n in range(1, TRIED)], None),
        (CurveVerdict.TOO_LOW, [ended(n, 0.012, 0.5) for n in range(1, 7)], None),
        (CurveVerdict.TOO_LOW, [ended(n, 0.001, 0.5) for n in range(1, 7)], None),
        (CurveVerdict.TOO_LOW, [ended(n, 0.03, 0.5, TrialState.INTERRUPTED) for n in range(1, 7)], None),
        (CurveVerdict.TOO_LOW, [*(ended(n, 0.03, 0.5) for n in range(1, 7)), ended(7, 0.03, 0.95)], None),
    ],
)  # fmt: skip
def test_a_rate_is_not_advised_where_the_sweep_tried_that_side_and_it_did_no_better(verdict, others, advice):
    found, best = shown(verdict, 0.01), ended(0, 0.01, 0.9)
    kept = keep_untried_advice(found, best, [best, *others], "maximize")
    if advice is None:
        assert kept == found
        assert kept.change is not None
    else:
        assert (kept.advice, kept.change, kept.verdict) == (advice, None, verdict)


def test_only_what_is_advised_about_the_rate_is_held_against_other_rates():
    found, best = shown(CurveVerdict.OVERFITTING, 0.01), ended(0, 0.01, 0.9)
    others = [ended(number, rate, 0.5) for number, rate in enumerate([0.001] * 9 + [0.1] * 9, 1)]
    assert keep_untried_advice(found, best, [best, *others], "maximize") == found
