"""The published JSON Schema takes what the reader takes, and refuses what no file may hold."""

import json
from pathlib import Path

import jsonschema
import pytest

from orchestrator import members
from orchestrator.planning.compile import PACKAGES
from orchestrator.sweepfile.schema import json_schema
from orchestrator.sweepfile.yaml_source import read

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "orchestrator" / "demos").rglob("sweep.yaml"))
MINIMAL = """\
name: digits
trainable: train.py:train
objective: {metric: val_accuracy, goal: maximize}
fidelity: {max: 27}
search_space: {extends: [sgd]}
budget: {trials: 60}
"""
VALID = [
    "",
    "stages: auto\nresources: {cpus: 1, gpus: 0.25}\nstorage: runs\nseed: 7\nmax_attempts: 2\nkeep_checkpoints: all",
    "retry: {lost: 0}",
    "fidelity: none",
    "seeding: false\nworkdir: project",
    "fidelity: {max: 9}",
    "limits: {storage: 10m}",
    "limits: {storage: 0}",
    "stages: [{name: a, tune: [learning_rate], share: 0.5}, {name: b, tune: [momentum]}]",
    "budget: {trials: 60, gpu_hours: 40, wall: 8h}",
    "budget: {trials: 60, wall: 90, cpu_hours: null}",
    "search_space: {a: 32, b: adam, c: false, d: {value: 3}, e: {choices: [1, x, true], default: x}}",
    "search_space: {a: {low: 1, high: 3, default: 2}, b: {low: 1e-3, high: 1, scale: log, default: 0.1, tier: 2}}",
    "search_space: {extends: [./mine.yaml], momentum: {high: 0.9}, beta: {default: 1, when: {optimizer: [adam]}}}",
    "search: joint\nsearcher: {name: manual, configs: [{learning_rate: 0.1}]}",
    "scheduler: {name: asha, brackets: 2}",
    "scheduler: {name: asha, options: {brackets: 2}}",
    "searcher: my_lab.bo:MySearcher\nscheduler: {name: my_lab:Mine, patience: 3}",
    "search: {name: lab:L, options: {a: 1}}",
    "stages: [{name: a, tune: [learning_rate], searcher: lab:S}]\nrules: [my_lab.rules:no_big_batch]",
    "ignore: {no-schedule: train.py has its own}",
    "ignore: [no-schedule: train.py has its own, data-first: done]",
    "resources: {gpus: 8, nodes: 2, processes: 4}",
    "confirm: {share: 0.3, top: 3}",
    "confirm: none",
    "search_space: {a: {low: 1e-6, high: 1e-2, scale: log, also: [0.0], default: 0.0, advised: [1e-4, 1e-3]}}",
]
INVALID = [
    "name: my sweep",
    "trainable: train",
    "command: [python, train.py]",
    "objective: {metric: a, goal: max}",
    "budget: {trials: 0}",
    "budget: {trials: 60, wall: soon}",
    "budget: {trials: 60, wall: 0}",
    "bugdet: {trials: 60}",
    "fidelity: once",
    "retry: {lost: -1}",
    "retry: {everything: 3}",
    "limits: {storage: -1}",
    "limits: {everything: 1h}",
    "confirm: {top: 0}",
    "confirm: all",
    "stages: automatic",
    "stages: [{name: a}]",
    "search_space: {}",
    "search_space: {_a: 3}",
    "search_space: {a: [1, 2]}",
    "search_space: {a: {low: 1.0, high: 2.0, default: 1.0, also: [zero]}}",
    "ignore: [no-schedule]",
    'ignore: {no-schedule: ""}',
    "search_space: {a: {lwo: 1}}",
    "search_space: {a: {low: 1, high: 2, default: 1, provenance: catalogue}}",
    "search_space: {extends: sgd}",
    "searcher: tpee",
    "searcher: my_lab/bo.py:MySearcher",
    "searcher: 'my_lab:'",
    "rules: [no_big_batch]",
    "searcher: {name: tpe, candidate: 3}",
    "searcher: {candidates: 3}",
    "searcher: {name: manual}",
    "scheduler: {name: asha, brackets: 99}",
    "scheduler: {name: asha, options: {bracket: 2}}",
]


@pytest.fixture(scope="module")
def validator():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def merged(text: str):
    return {**read(MINIMAL.encode(), "a.yaml").data, **(read(text.encode(), "b.yaml").data or {})}


@pytest.mark.parametrize("text", VALID)
def test_what_may_be_written_passes(validator, text):
    assert [error.message for error in validator.iter_errors(merged(text))] == []


def test_a_command_takes_the_place_of_a_trainable(validator):
    written = merged("")
    del written["trainable"]
    assert not validator.is_valid(written)
    assert validator.is_valid({**written, "command": ["torchrun", "train.py", "--lr", "{learning_rate}"]})
    assert not validator.is_valid({**written, "command": []})
    assert not validator.is_valid({**written, "command": "python train.py"})


@pytest.mark.parametrize("text", INVALID)
def test_what_no_file_may_hold_fails(validator, text):
    assert not validator.is_valid(merged(text))


def test_the_shipped_examples_pass(validator):
    assert EXAMPLES
    for path in EXAMPLES:
        assert [error.message for error in validator.iter_errors(read(path.read_bytes(), str(path)).data)] == []


def test_it_is_plain_json_in_the_dialect_it_names():
    schema = json.loads(json.dumps(json_schema()))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("key", PACKAGES)
def test_every_member_and_option_is_offered(key):
    offered = json_schema()["properties"][key]["anyOf"]
    assert offered[0]["enum"] == members.names(PACKAGES[key])
    assert offered[1]["pattern"].endswith("$")
    for name in members.names(PACKAGES[key]):
        options = set(members.load(PACKAGES[key], name).Options.model_fields)
        assert {"name", *options} in [set(form["properties"]) for form in offered[3:]]
