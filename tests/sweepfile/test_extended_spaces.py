"""Search spaces that extend others: laid over field by field, circles refused, couplings handed on."""

import pytest

from orchestrator.errors import SpecError
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile.parse import parse

HEAD = """\
name: digits
trainable: train.py:train
objective: {metric: val_accuracy, goal: maximize}
fidelity: {max: 27}
budget: {trials: 60}
"""
FILES = {
    "adam": """\
hyperparameters:
  optimizer: adam
  learning_rate: {low: 1e-4, high: 0.01, scale: log, default: 0.001, source: "[A]"}
""",
    "adam-finetune": "extends: [adam]\nhyperparameters:\n  learning_rate: {low: 1e-6, high: 1e-4, default: 1e-5}\n",
    "batch": "hyperparameters: {batch_size: {choices: [16, 32], default: 32}}\n",
    "job": "description: a job\nextends: [adam, batch]\ncouple: {learning_rate: {with: batch_size}}\n",
    "first": "extends: [second]\n",
    "second": "extends: [first]\n",
    "wrong": "extends: [nowhere]\nhyperparameters: {a: {low: 1, high: 3, default: 2}}\n",
    "deep": "extends: [adam-finetune]\nhyperparameters: {learning_rate: {lwo: 3}}\n",
    "list": "extends: [adam]\ncouple: [a]\n",
    "mine.yaml": "extends: [adam]\nhyperparameters: {learning_rate: {default: 0.002}}\n",
}


def find(entry: str) -> tuple[str, bytes]:
    if entry not in FILES:
        raise SpecError(f"{entry!r} is nowhere")
    return f"spaces/{entry.removesuffix('.yaml')}.yaml", FILES[entry].encode()


def spec(text: str) -> SweepSpec:
    return parse((HEAD + text).encode(), "sweep.yaml", (), find)


def said(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        spec(text)
    return str(caught.value)


def test_a_space_is_laid_over_the_one_it_extends_field_by_field():
    rate = spec("search_space: {extends: [adam-finetune]}\n").search_space["learning_rate"]
    assert (rate.low, rate.high, rate.default) == (1e-6, 1e-4, 1e-5)
    assert (rate.scale, rate.source, rate.provenance) == ("log", "[A]", "catalogue")


def test_a_default_of_the_users_own_file_is_no_recommendation():
    rate = spec("search_space: {extends: [mine.yaml]}\n").search_space["learning_rate"]
    assert (rate.default, rate.provenance) == (0.002, "user")


def test_a_job_hands_its_coupling_on():
    assert spec("search_space: {extends: [job]}\n").couple["learning_rate"].with_ == "batch_size"


def test_the_sweep_file_overrules_a_coupling_that_was_handed_on():
    own = "search_space: {extends: [job]}\ncouple: {learning_rate: {with: batch_size, rule: linear}}\n"
    assert spec(own).couple["learning_rate"].rule == "linear"


def test_a_coupling_to_a_constant_is_not_handed_on():
    assert spec("search_space: {extends: [job], batch_size: 32}\n").couple == {}


def test_the_same_definition_on_two_ways_is_no_conflict():
    assert set(spec("search_space: {extends: [job, batch]}\n").search_space) == {
        "optimizer",
        "learning_rate",
        "batch_size",
    }


def test_two_different_definitions_are_one():
    assert said("search_space: {extends: [adam, adam-finetune]}\n") == (
        "sweep.yaml:6: search_space.extends[1]: 'adam-finetune' defines learning_rate, which 'adam' defines too; "
        "drop one of the two, or define learning_rate in full in this file"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "first",
            "spaces/second.yaml:1: extends[0]: goes in a circle: first, which extends second, which extends first; "
            "drop one of them",
        ),
        ("wrong", "spaces/wrong.yaml:1: extends[0]: 'nowhere' is nowhere"),
        ("list", 'spaces/list.yaml:2: couple: ["a"] is not a mapping; write {learning_rate: {with: batch_size}}'),
    ],
)
def test_what_is_wrong_below_is_said_with_its_own_file(name, message):
    assert said(f"search_space: {{extends: [{name}]}}\n") == message


def test_an_unknown_key_below_is_said_with_its_own_line():
    assert said("search_space: {extends: [deep]}\n").startswith(
        "spaces/deep.yaml:2: hyperparameters.learning_rate.lwo: unknown key"
    )
