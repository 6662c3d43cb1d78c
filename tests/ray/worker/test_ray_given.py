"""What a training is given: a configuration that holds nothing else, and what is known of the trial."""

from __future__ import annotations

import copy
import json
import os
import pickle

import pytest
import yaml

from orchestrator.ray.worker.given import Configuration, TrialInfo, announce

TOLD = {
    "trial_id": "0007-abc",
    "number": 7,
    "attempt": 1,
    "seed": 2**40,
    "max_fidelity": 9.0,
    "rungs": [1.0, 9.0],
    "checkpoint": None,
    "from_fidelity": 0.0,
    "from_iteration": 0.0,
    "sweep_folder": "/runs/sweep",
    "purpose": "train",
}


@pytest.fixture
def config(monkeypatch):
    monkeypatch.setattr(Configuration, "_was_told", False)
    return Configuration({"lr": 0.1, "layers": 2}, TrialInfo.of(TOLD))


@pytest.mark.parametrize(
    "handed_on",
    [
        lambda config: (lambda **all_: all_)(**config),
        lambda config: {**config},
        lambda config: dict(config),
        lambda config: dict(config.items()),
        lambda config: dict(zip(config, config.values(), strict=True)),
        lambda config: dict(zip(config.keys(), map(config.get, config), strict=True)),
        lambda config: config.copy(),
        lambda config: copy.copy(config),
        lambda config: copy.deepcopy(config),
        lambda config: config | {},
        lambda config: json.loads(json.dumps(config)),
        lambda config: json.loads(json.dumps(config, indent=2)),
        lambda config: pickle.loads(pickle.dumps(config)),
        lambda config: yaml.safe_load(yaml.safe_dump(config)),
        lambda config: yaml.safe_load(yaml.dump(config)),
        lambda config: yaml.safe_load(yaml.dump(config, Dumper=yaml.CSafeDumper)),
        lambda config: eval(repr(config)),
        lambda config: {name: config[name] for name in reversed([*reversed(config)])},
    ],
)
def test_whoever_hands_a_configuration_on_hands_on_hyperparameters_alone(config, handed_on):
    other = handed_on(config)
    assert type(other) is dict
    assert other == {"lr": 0.1, "layers": 2} == config
    assert len(config) == 2
    with pytest.raises(KeyError):
        other["_trial"]


@pytest.mark.parametrize(
    "asked",
    [
        lambda config: config["_trial"],
        lambda config: config.get("_trial"),
        lambda config: config.get("_trial", {}),
        lambda config: config.setdefault("_trial", {}),
        lambda config: config.pop("_trial"),
        lambda config: config.pop("_trial", None),
        lambda config: config["_trial" if "_trial" in config else "lr"],
    ],
)
def test_older_training_code_finds_what_it_asks_for_and_is_told_once(config, asked, recwarn):
    with pytest.warns(FutureWarning, match="give the training function a parameter named `trial`") as warned:
        assert asked(config) == TOLD
    assert [warning.filename for warning in warned] == [__file__], "the line that asked is named"
    again = Configuration({}, TrialInfo.of(TOLD))
    assert asked(again) == TOLD
    assert not recwarn.list, "once a process"


def test_older_code_may_take_it_out_and_put_its_own_in(config):
    del config["_trial"]
    assert "_trial" not in config
    assert config.get("_trial") is None
    assert config.pop("_trial", 3) == 3
    for asked in (lambda: config["_trial"], lambda: config.pop("_trial"), lambda: config["other"]):
        with pytest.raises(KeyError):
            asked()
    config["_trial"] = {"seed": 1}
    assert config["_trial"] == config.get("_trial") == config.pop("_trial") == {"seed": 1}
    with pytest.raises(KeyError):
        del config["_trial"]


def test_the_trial_answers_by_attribute_and_by_key():
    trial = TrialInfo.of(TOLD)
    assert trial.seed == trial["seed"] == trial.get("seed") == 2**40
    assert trial.rungs == (1.0, 9.0)
    assert dict(trial) == {**TOLD, "rungs": (1.0, 9.0)}
    assert trial.get("sed") is None
    with pytest.raises(KeyError, match="sed"):
        trial["sed"]
    assert pickle.loads(pickle.dumps(trial)) == trial


def test_variables_say_the_same_and_nothing_of_the_trial_before(monkeypatch):
    monkeypatch.setattr(os, "environ", {"PATH": "/bin", "STEPLADDER_REPORTS": "/mine"})
    announce(TrialInfo.of({**TOLD, "checkpoint": "/runs/checkpoint_000003"}))
    assert os.environ["STEPLADDER_CHECKPOINT"] == "/runs/checkpoint_000003"
    announce(TrialInfo.of(TOLD))
    assert os.environ == {
        "PATH": "/bin",
        "STEPLADDER_REPORTS": "/mine",
        "STEPLADDER_TRIAL_ID": "0007-abc",
        "STEPLADDER_NUMBER": "7",
        "STEPLADDER_ATTEMPT": "1",
        "STEPLADDER_SEED": str(2**40),
        "STEPLADDER_MAX_FIDELITY": "9.0",
        "STEPLADDER_RUNGS": "[1.0, 9.0]",
        "STEPLADDER_FROM_FIDELITY": "0.0",
        "STEPLADDER_FROM_ITERATION": "0.0",
        "STEPLADDER_SWEEP_FOLDER": "/runs/sweep",
        "STEPLADDER_PURPOSE": "train",
    }


@pytest.fixture
def dotted():
    return Configuration({"model.lr": 0.1, "model.net.widths": [64], "bs": 32, "none": None}, TrialInfo.of(TOLD))


def test_names_with_dots_are_nested_and_answer_as_they_are_written(dotted):
    assert dict(dotted) == {"model": {"lr": 0.1, "net": {"widths": [64]}}, "bs": 32, "none": None}
    assert dotted["model"]["lr"] == dotted["model.lr"] == dotted.get("model.lr") == 0.1
    assert dotted["model.net.widths"] == [64]
    assert "model.lr" in dotted
    assert "none" in dotted
    assert (len(dotted), list(dotted)) == (3, ["model", "bs", "none"])
    assert json.loads(json.dumps(dotted)) == copy.deepcopy(dotted) == {**dotted}
    assert yaml.safe_load(yaml.safe_dump(dotted)) == dotted
    for absent in ("model.none", "model.net", "model.lr.x"):
        assert absent not in dotted
        assert dotted.get(absent, "else") == "else"
        with pytest.raises(KeyError, match=absent):
            dotted[absent]


def test_a_training_that_changes_the_nested_form_sees_it_in_the_other(dotted):
    dotted["model"]["lr"] = 0.2
    assert dotted["model.lr"] == 0.2
    del dotted["model"]["lr"]
    assert "model.lr" not in dotted
    assert dotted.get("model.lr") is None


def test_names_stay_flat_where_the_file_says_so():
    config = Configuration({"model": "resnet", "model.lr": 0.1}, TrialInfo.of(TOLD), is_nested=False)
    assert dict(config) == {"model": "resnet", "model.lr": 0.1}
    assert config["model.lr"] == 0.1
