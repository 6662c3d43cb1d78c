"""What of an earlier sweep's winner fits a new space."""

from __future__ import annotations

import pytest
from sweeps import make_spec

from orchestrator.sweep.space import Space
from orchestrator.sweep.warm import MOST_WARM, EarlierWinner, warm_trials


def space(**domains) -> Space:
    return Space(make_spec(search_space=domains).search_space)


RATE = {"type": "float", "low": 1e-3, "high": 0.1, "scale": "log", "default": 0.01}
WIDTH = {"type": "choice", "choices": [32, 64, 128], "default": 64}
KIND = {"type": "choice", "choices": ["sgd", "adam"], "default": "sgd"}
BETA = {"type": "float", "low": 0.8, "high": 0.99, "default": 0.9, "when": {"kind": ["adam"]}}


def warm(config, **domains):
    found, left_out = warm_trials(space(**domains), [EarlierWinner("runs/a", 7, config)])
    return found[0] if found else None, left_out


def test_what_fits_is_taken_as_it_is():
    found, left_out = warm({"rate": 0.05, "kind": "adam", "beta": 0.95}, rate=RATE, kind=KIND, beta=BETA)
    assert found.config == {"rate": 0.05, "kind": "adam", "beta": 0.95}
    assert found.notes == ("won runs/a, where it was trial 7",)
    assert left_out == []


@pytest.mark.parametrize(
    ("domain", "value", "taken"),
    [
        (RATE, 0.5, 0.1),
        (RATE, 1e-9, 1e-3),
        ({"type": "int", "low": 2, "high": 8, "default": 4}, 20, 8),
        ({"type": "int", "low": 2, "high": 8, "step": 3, "default": 2}, 6.9, 5),
        ({"type": "float", "low": 0.0, "high": 1.0, "step": 0.25, "default": 0.0}, 0.6, 0.5),
        (WIDTH, 100, 128),
        (WIDTH, 1, 32),
        (KIND, "lion", "sgd"),
        (WIDTH, "wide", 64),
        (RATE, "fast", 0.01),
        (RATE, float("inf"), 0.01),
    ],
)
def test_what_lies_outside_is_clipped_and_told(domain, value, taken):
    found, _ = warm({"x": value, "y": 0.5}, x=domain, y={"type": "float", "low": 0.0, "high": 1.0, "default": 0.1})
    assert found.config["x"] == taken
    assert f"x was {value!r} there, which is none of its values here" in found.notes


def test_what_it_lacks_takes_its_default_and_what_is_unknown_here_is_dropped():
    found, _ = warm({"rate": 0.05, "gone": 3}, rate=RATE, kind=KIND, beta=BETA)
    assert found.config == {"rate": 0.05, "kind": "sgd"}
    assert found.notes[1:] == ("kind: the default, as there was none there",)


def test_a_constant_stays_what_it_is_here():
    found, _ = warm({"rate": 0.05, "kind": "adam"}, rate=RATE, kind={"type": "constant", "value": "sgd"})
    assert found.config == {"rate": 0.05, "kind": "sgd"}


def test_who_shares_nothing_or_says_nothing_new_is_left_out_and_told():
    winners = [
        EarlierWinner("runs/a", 1, {"other": 1}),
        EarlierWinner("runs/b", 0, {"rate": 0.01}),
        EarlierWinner("runs/c", 3, {"rate": 0.02}),
        EarlierWinner("runs/d", 4, {"rate": 0.02}),
    ]
    found, left_out = warm_trials(space(rate=RATE), winners)
    assert [warm.config for warm in found] == [{"rate": 0.02}]
    assert left_out == [
        "runs/a: its winner has none of the hyperparameters that are tuned here",
        "runs/b: its winner is the baseline here, or one that is tried already",
        "runs/d: its winner is the baseline here, or one that is tried already",
    ]


def test_five_are_enough():
    winners = [EarlierWinner(f"runs/{number}", number, {"rate": 0.02 + number / 100}) for number in range(7)]
    found, left_out = warm_trials(space(rate=RATE), winners)
    assert len(found) == MOST_WARM
    assert left_out == ["runs/5: 5 winners are tried already", "runs/6: 5 winners are tried already"]
