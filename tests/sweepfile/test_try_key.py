"""`try` in the sweep file: configurations of one's own, checked against the space, each mistake at its line."""

from __future__ import annotations

import pytest

from orchestrator import Sweep
from orchestrator.errors import SpecError
from orchestrator.sweepfile.parse import parse
from orchestrator.sweepfile.schema import json_schema

TEXT = """\
name: small
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {max: 9}
search_space:
  model.lr: {low: 1.0e-4, high: 1.0, scale: log, default: 0.01, tier: 1}
  optimizer: {choices: [sgd, adam], default: sgd, tier: 1}
  momentum: {low: 0.0, high: 0.99, default: 0.9, tier: 2, when: {optimizer: [sgd]}}
budget: {trials: 20}
try:
"""


def test_entries_are_typed_and_stay_as_they_are_written():
    spec = parse(f"{TEXT}  - {{model.lr: 3e-4}}\n  - {{optimizer: adam}}\n".encode(), "sweep.yaml")
    assert spec.try_ == ({"model.lr": 3e-4}, {"optimizer": "adam"})
    assert spec.model_dump(mode="json")["try"] == [{"model.lr": 3e-4}, {"optimizer": "adam"}]
    assert type(spec).model_validate(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{lr: 0.1}", "sweep.yaml:11: try[0].lr: 'lr' is not in the search space"),
        ("{model.lr: 3}", "sweep.yaml:11: try[0].model.lr: 'model.lr' cannot be 3; choose a number from 0.0001 to 1"),
        (
            "{optimizer: adam, momentum: 0.5}",
            "sweep.yaml:11: try[0].momentum: 'momentum' applies only where optimizer is sgd, which it is not here; "
            "give that too, or leave it out",
        ),
        ("{momentum: 0.9}", "sweep.yaml:11: try[0]: this is the baseline, which is tried first in any case"),
        ("{}", "sweep.yaml:11: try[0]: is empty; write at least one"),
        ("0.1", "sweep.yaml:11: try[0]: 0.1 is not a mapping; write one such as {key: value}"),
        (
            "{optimizer: adam}\n  - {optimizer: adam}",
            "sweep.yaml:12: try[1]: is the same as try[0]; remove one of them",
        ),
    ],
)
def test_a_mistake_is_told_at_its_line(entry: str, said: str):
    with pytest.raises(SpecError) as refused:
        parse(f"{TEXT}  - {entry}\n".encode(), "sweep.yaml")
    assert str(refused.value).startswith(said)


def test_in_python_it_has_a_name_that_python_takes(tmp_path):
    fields = {
        "name": "a",
        "trainable": "train.py:train",
        "objective": {"metric": "score", "goal": "maximize"},
        "fidelity": "none",
        "search_space": {"x": {"low": 0.0, "high": 1.0}},
        "budget": {"trials": 5},
    }
    assert Sweep(**fields, try_=[{"x": 0.25}], folder=tmp_path).spec.try_ == ({"x": 0.25},)


def test_editors_know_it():
    assert json_schema()["properties"]["try"]["type"] == "array"
