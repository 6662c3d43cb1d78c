"""Names of hyperparameters with dots, dashes and slashes, wherever a sweep file or an override writes them."""

from __future__ import annotations

import pytest

from orchestrator.errors import SpecError
from orchestrator.planning.compile import compile_plan
from orchestrator.sweep.plan import Provenance
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile.parse import parse
from orchestrator.sweepfile.placeholders import filled

TEXT = """\
name: digits
trainable: train.py:train
objective: {metric: val_accuracy, goal: maximize}
fidelity: {metric: epoch, min: 3, max: 27}
budget: {trials: 60}
couple: {model.optimizer.lr: {with: data/batch-size, rule: linear}}
stages: [{name: first, tune: [model.optimizer.lr, data/batch-size]}, {name: second, tune: [sigma-density.min-value]}]
search_space:
  extends: [mine]
  model.optimizer.lr: {low: 1e-4, high: 0.1, scale: log, default: 0.01}
  model.optimizer.name: {choices: [sgd, adam], default: sgd}
  data/batch-size: {choices: [16, 32], default: 16}
  sigma-density.min-value: {low: 0.0, high: 1.0, default: 0.5, when: {model.optimizer.name: [adam]}}
"""
MINE = b"hyperparameters:\n  my.own.x: {low: 0.0, high: 1.0, default: 0.5}\n"


def spec(*overrides: str, text: str = TEXT) -> SweepSpec:
    return parse(text.encode(), "sweep.yaml", overrides, lambda entry: (f"{entry}.yaml", MINE))


def said(*overrides: str, text: str = TEXT) -> list[str]:
    with pytest.raises(SpecError) as caught:
        spec(*overrides, text=text)
    return str(caught.value).splitlines()


def test_names_stand_wherever_the_file_names_a_hyperparameter():
    plan = compile_plan(spec(), Provenance(versions={}, git_commit=None, code_hash=""))
    assert set(plan.space) == {
        "model.optimizer.lr", "model.optimizer.name", "data/batch-size", "sigma-density.min-value", "my.own.x",
    }  # fmt: skip
    assert plan.spec.couple["model.optimizer.lr"].with_ == "data/batch-size"
    assert plan.spec.nested


@pytest.mark.parametrize(
    ("override", "name", "key", "value"),
    [
        ("search_space.model.optimizer.lr.high=0.5", "model.optimizer.lr", "high", 0.5),
        ("search_space.model.optimizer.name.choices=[adam, sgd]", "model.optimizer.name", "choices", ("adam", "sgd")),
        ("search_space.data/batch-size.choices[1]=64", "data/batch-size", "choices", (16, 64)),
        ("search_space.sigma-density.min-value.when.model.optimizer.name=[sgd]", "sigma-density.min-value", "when",
         {"model.optimizer.name": ("sgd",)}),
        ("search_space.my.own.x.high=2.0", "my.own.x", "high", 2.0),
        ("search_space.data/batch-size={value: 8}", "data/batch-size", "choices", None),
    ],
)  # fmt: skip
def test_an_override_takes_the_longest_known_name(override: str, name: str, key: str, value: object):
    if value is None:
        assert "both" not in said(override)[0]
        return
    assert getattr(spec(override).search_space[name], key) == value


def test_an_override_reaches_into_couplings_by_name():
    assert spec("couple.model.optimizer.lr.rule=sqrt").couple["model.optimizer.lr"].rule == "sqrt"


def test_an_override_of_a_key_that_a_hyperparameter_has_not_names_the_hyperparameter():
    assert said("search_space.model.optimizer.lr.hihg=0.5")[0].startswith(
        "override search_space.model.optimizer.lr.hihg=0.5: search_space.model.optimizer.lr.hihg: unknown key; choose "
    )


@pytest.mark.parametrize("name", ["model.", ".lr", "model..lr", "a/", "-lr", "_lr", "a b", "lr[0]", "a" * 129, "1x"])
def test_other_names_are_refused(name: str):
    with pytest.raises(SpecError, match="cannot name a hyperparameter; use letters, digits and _, a letter first, and"):
        spec(text=TEXT + f'  "{name}": 3\n')


def test_a_value_beside_a_mapping_of_the_same_name_is_refused_unless_names_stay_flat():
    both = TEXT + "  model: resnet\n"
    assert said(text=both)[0] == (
        "sweep.yaml:14: search_space.model: 'model' stands beside 'model.optimizer.lr', which makes a mapping of it in "
        "the configuration; rename one of them, or write nested: false"
    )
    assert not spec("nested=false", text=both).nested


def test_whether_names_nest_makes_another_sweep_only_where_a_name_has_dots():
    ground = Provenance(versions={}, git_commit=None, code_hash="")
    flat = TEXT[: TEXT.index("couple")] + "search_space:\n  a-b: {low: 0.0, high: 1.0}\n"
    ids = [[compile_plan(spec(f"nested={told}", text=text), ground).sweep_id for told in ("true", "false")]
           for text in (TEXT, flat)]  # fmt: skip
    assert ids[0][0] != ids[0][1]
    assert ids[1][0] == ids[1][1]


def test_a_command_takes_names_and_values_of_every_kind():
    command = ["python", "train.py", "--model.lr={model.lr}", "--widths", "{net/widths}", "--none={none}", "--x", "{x}"]
    config = {"model.lr": -1e-05, "net/widths": [64, 64], "none": None}
    assert filled(command, config, {}) == [
        "python", "train.py", "--model.lr=-1e-05", "--widths", "[64, 64]", "--none=null",
    ]  # fmt: skip


def test_a_command_cannot_name_what_hides_behind_the_trial():
    text = TEXT.replace("trainable: train.py:train", "command: [python, train.py]") + "  trial.seed: 3\n"
    assert said(text=text) == [
        "sweep.yaml:14: search_space.trial.seed: '{trial.seed}' in a command is what is known of the trial; rename it"
    ]
