"""The JSON Schemas in the package are what the code says, and every verb that answers in JSON has one."""

from __future__ import annotations

import inspect
import json

import pytest
import typer
from jsonschema import Draft202012Validator

from orchestrator.cli.json_answers import ANSWERS, json_schema_for
from orchestrator.cli.options import JsonOption
from orchestrator.cli.verbs import PANELS, function_of
from orchestrator.sweepfile.schema import json_schema
from orchestrator.views.schema_files import FOLDER, SWEEP_FILE, schema_file

STALE = "is not what the code says now: run scripts/schemas, and look at the difference, others' programs read it"


def answering() -> set[str]:
    """Every verb with --json."""
    found = set()
    for verb in (verb for verbs in PANELS.values() for verb in verbs):
        written = function_of(verb)
        own = {verb: written}
        if isinstance(written, typer.Typer):
            own = {f"{verb} {each.name}": each.callback for each in written.registered_commands}
            own |= {verb: written.registered_callback.callback}
        for name, function in own.items():
            hints = inspect.get_annotations(function, eval_str=True)
            found |= {name} if JsonOption in hints.values() else set()
    return found


def test_every_verb_that_answers_in_json_has_a_schema_and_no_other():
    assert answering() == set(ANSWERS)
    assert {SWEEP_FILE, *map(schema_file, ANSWERS)} == set(FOLDER.iterdir())


@pytest.mark.parametrize("verb", ANSWERS)
def test_a_verbs_schema_is_up_to_date(verb: str):
    found = json.loads(schema_file(verb).read_text())
    Draft202012Validator.check_schema(found)
    assert found == json_schema_for(verb), f"{schema_file(verb)} {STALE}"


def test_the_schema_of_sweep_files_is_up_to_date():
    assert json.loads(SWEEP_FILE.read_text()) == json_schema(), f"{SWEEP_FILE} {STALE}"


@pytest.mark.parametrize("verb", ANSWERS)
def test_every_key_of_an_answer_is_explained(verb: str):
    for name, shape in json.loads(schema_file(verb).read_text())["$defs"].items():
        assert shape["description"], name
        for key, told in shape.get("properties", {}).items():
            assert told.get("description"), f"{name}.{key}"
