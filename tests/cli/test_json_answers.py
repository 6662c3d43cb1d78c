"""What verbs answer with `--json` is what their published schemas say, of sweeps of every kind."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.cli.json_answers import ANSWERS
from orchestrator.cli.say import answer_json
from orchestrator.cli.submit import _sent_document
from orchestrator.errors import UsageError
from orchestrator.project.first_word import FirstWord, WordState
from orchestrator.project.records import SubmissionRecord
from orchestrator.results.best import best_document
from orchestrator.results.tested import WinnerOnTestSet
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location
from orchestrator.sweep.trial import FIRST_REPLICATE
from orchestrator.views.schema_files import answer_schema

KEPT = Path(__file__).parents[1] / "formats" / "format_1"
SWEEPS = sorted(path.parent for path in KEPT.rglob("journal"))
REAL = KEPT / "real"


def conform(verb: str, document: Any) -> None:
    schema = answer_schema(verb)
    problems = [
        f"{'/'.join(map(str, problem.absolute_path))}: {problem.message[:400]}"
        for problem in Draft202012Validator(schema).iter_errors(document)
    ]
    assert problems == [], f"{verb} --json is not what orchestrator/schemas says"


def answered(*arguments: object) -> Any:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code in (0, 1), result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("folder", SWEEPS, ids=lambda folder: folder.name)
def test_what_is_said_of_a_sweep(folder: Path):
    state = read_sweep(Location.parse(str(folder)))
    conform("status", answered("status", folder))
    conform("trials", answered("trials", folder))
    conform("run", json.loads(json.dumps(best_document(state, Location.parse(str(folder))))))
    for number in [trial.number for trial in state.trials[:3]] + [FIRST_REPLICATE] * bool(state.replicates):
        conform("show", answered("show", folder, number))


def test_what_is_said_of_several_and_of_a_folder():
    conform("compare", answered("compare", *SWEEPS[:2]))
    listed = answered("ls", KEPT)
    assert len(listed) >= 10
    conform("ls", listed)
    conform("trials", answered("trials", SWEEPS[0], "--columns", "trial,state"))


def test_what_is_said_of_what_lies_there(tmp_path: Path):
    folder = shutil.copytree(REAL / "old", tmp_path / "old")
    found = answered("audit", folder)
    assert found["findings"], "nothing to be described"
    conform("audit", found)
    conform("gc", answered("gc", folder))


def test_what_is_said_of_a_sweep_file_and_of_the_catalogue(tmp_path: Path):
    assert CliRunner().invoke(app, ["init", "digits", "--to", str(tmp_path / "digits")]).exit_code == 0
    file = tmp_path / "digits" / "sweep.yaml"
    conform("plan", answered("plan", file))
    conform("plan", answered("plan", file, "--workers", 2, "--epoch-seconds", 3))
    checked = answered("check", file, "fidelity.min=9")
    conform("check", checked)
    conform("spaces", answered("spaces"))
    conform("spaces show", answered("spaces", "show", "sgd"))


@pytest.mark.thorough
def test_what_is_said_of_a_rehearsal(tmp_path: Path):
    assert CliRunner().invoke(app, ["init", "digits", "--to", str(tmp_path)]).exit_code == 0
    arguments = ("--benchmark", "digits-cosine", "--seeds", 1, "budget.trials=8", "searcher=random", "confirm=none")
    conform("simulate", answered("simulate", tmp_path / "sweep.yaml", *arguments))


def test_what_is_said_of_a_sweep_that_was_sent_off():
    record = SubmissionRecord("small", "sweep.yaml", "ray_job", "http://head:8265", "job-1", "/runs/small")
    for word in (None, FirstWord(WordState.WAITING, "it waits for 2 places")):
        conform("submit", json.loads(json.dumps(_sent_document(record, word))))
        conform("resume", json.loads(json.dumps(_sent_document(record, word))))
    job = {"job": "job-1", "target": "", "state": "running", "text": ""}
    conform("status", {"job": job})


def test_what_is_said_of_a_measurement():
    conform("test", None)
    found = WinnerOnTestSet(
        metric="test_accuracy", value=0.9, trial=3, is_winner=True, from_fidelity=9.0, measured_t=1.0, times=1,
        reasons=("asked",), problem=None,
    )  # fmt: skip
    conform("test", json.loads(json.dumps(asdict(found))))


def test_a_number_that_is_not_finite_is_null(capsys: pytest.CaptureFixture[str]):
    answer_json({"loss": float("nan"), "all": (1.5, float("inf")), "name": "a"})
    assert json.loads(capsys.readouterr().out) == {"loss": None, "all": [1.5, None], "name": "a"}


def test_a_schema_is_printed_by_the_name_of_its_verb():
    for verb in ANSWERS:
        result = CliRunner().invoke(app, ["schema", *verb.split()], catch_exceptions=False)
        assert json.loads(result.stdout)["title"] == f"stepladder {verb} --json"
    with pytest.raises(UsageError, match=r"^stauts: no verb with --json; choose one of audit, check, compare, "):
        answer_schema("stauts")
