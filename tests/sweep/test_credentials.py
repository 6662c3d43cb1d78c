"""Credentials among the values of a sweep are refused, by key path, and never repeated."""

from __future__ import annotations

import pytest
from sweeps import SPACE, make_spec

from orchestrator.control.border import Border
from orchestrator.errors import SpecError
from orchestrator.sweep.credentials import refuse_credentials
from orchestrator.sweep.trial import Outcome

URL = "postgres://ada:hunter2@db/runs"
KEY = "AKIAHUNTER2HUNTER2AB"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"search_space": {**SPACE, "db": {"type": "constant", "value": URL}}}, "search_space.db.value"),
        ({"search_space": {**SPACE, "db": {"type": "choice", "choices": ["a", URL], "default": "a"}}},
         "search_space.db.choices[1]"),
        ({"search_space": {**SPACE, "db": {"type": "constant", "value": {"main": [URL]}}}},
         "search_space.db.value.main[0]"),
        ({"command": ["python", "train.py", f"--key={KEY}", "{learning_rate}"], "trainable": None}, "command[2]"),
        ({"command": ["python", "train.py", "--api-key=hunter2", "{learning_rate}"], "trainable": None}, "command[2]"),
        ({"command": ["python", "train.py", "--password", "hunter2"], "trainable": None}, "command[3]"),
        ({"search_space": {**SPACE, "api_key": {"type": "constant", "value": "hunter2"}}},
         "search_space.api_key.value"),
    ],
)  # fmt: skip
def test_a_value_that_holds_one_is_refused_by_its_key_path_and_not_repeated(changes, path):
    with pytest.raises(SpecError) as refused:
        refuse_credentials(make_spec(**changes))
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{path}: holds a credential, which every record and process list would show; ")
    assert "hunter2" not in str(refused.value).lower()


@pytest.mark.parametrize("value", ["postgres://db/runs", "ssh://git@github.com/ada/x.git", "s3://bucket/data", "key"])
def test_what_only_names_a_place_is_none(value):
    refuse_credentials(make_spec(search_space={**SPACE, "db": {"type": "constant", "value": value}}))


@pytest.mark.parametrize("value", ["$WANDB_API_KEY", "/run/secrets/key", True, 3])
def test_a_constant_that_only_refers_to_one_is_none(value):
    refuse_credentials(make_spec(search_space={**SPACE, "api_key": {"type": "constant", "value": value}}))


def test_a_program_is_named_without_them():
    spec = make_spec(command=["python", "train.py", "--api-key=hunter2"], trainable=None)
    assert spec.program == "python train.py --api-key=..."


def test_an_error_is_recorded_without_them():
    ended = Border("score").ending(0, 0, Outcome.ERROR, f"OperationalError: cannot reach {URL}\nwith {KEY}")
    assert ended == (Outcome.ERROR, "OperationalError: cannot reach postgres://...@db/runs\nwith ...")
