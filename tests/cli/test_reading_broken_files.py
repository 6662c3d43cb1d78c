"""Reading and stopping a sweep never depend on what is written next: the sweep file may be anything, or gone."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli.app import app
from orchestrator.errors import SpecError, StepladderError, SweepNotFoundError, UsageError
from orchestrator.project.records import SubmissionRecord, write_record
from orchestrator.storage.lease import Holder, acquire
from orchestrator.storage.requests import DriverRequest, requested

FILE = """\
name: test
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {metric: epoch, min: 3, max: 27}
search_space:
  learning_rate: {low: 1.0e-4, high: 1.0, scale: log, default: 0.01}
budget: {trials: 6}
"""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


class Folder:
    """A user's folder with a sweep that runs, driven by this very process, and its file."""

    def __init__(self, root: Path, story) -> None:
        self.root = root
        self.file = root / "sweep.yaml"
        self.file.write_text(FILE)
        (root / "train.py").write_text("def train(config): ...\n")
        self.story = story

    def start(self, sweep, *overrides: str) -> None:
        """Begin the sweep in this folder's storage, as `stepladder run` would have."""
        planned, *rest = self.story
        plan = planned.plan | {
            "provenance": planned.plan["provenance"]
            | {"source": str(self.file.resolve()), "overrides": list(overrides)}
        }
        sweep.write([msgspec.structs.replace(planned, plan=plan), *rest])
        sweep.files.replace("plan.json", json.dumps(plan).encode())
        acquire(sweep.files, Holder.current(), time.time(), time.sleep)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, story, sweep) -> Folder:
    monkeypatch.chdir(tmp_path)
    made = Folder(tmp_path, story)
    made.start(sweep)
    return made


def edit(*pairs: tuple[str, str]) -> Callable[[Folder], None]:
    def change(folder: Folder) -> None:
        text = folder.file.read_text()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        folder.file.write_text(text)

    return change


def write(content: bytes) -> Callable[[Folder], None]:
    return lambda folder: folder.file.write_bytes(content) and None


def add(text: str) -> Callable[[Folder], None]:
    return lambda folder: folder.file.write_text(folder.file.read_text() + text) and None


BUDGET = "budget: {trials: 6}"
BROKEN: dict[str, tuple[Callable[[Folder], None], str]] = {
    "unknown key": (edit(("budget:", "budgett:")), "sweep.yaml:7: budgett: unknown key"),
    "wrong type": (edit((BUDGET, "budget: {trials: many}")), "sweep.yaml:7: budget.trials"),
    "wrong type of a section": (edit((BUDGET, "budget: [1, 2]")), "sweep.yaml:7: budget"),
    "broken range": (edit(("high: 1.0,", "high: 1.0e-9,")), "sweep.yaml:6: search_space.learning_rate"),
    "key missing": (edit(("objective: {metric: score, goal: maximize}\n", "")), "objective"),
    "duplicate key": (add("budget: {trials: 7}\n"), "sweep.yaml:8: budget: duplicate key"),
    "name twice, the same": (add("name: test\n"), "sweep.yaml:8: name: duplicate key"),
    "a space that is not there": (
        edit(("search_space:\n", "search_space:\n  extends: [./none.yaml]\n")), "there is no file './none.yaml'"
    ),
    "a space of no such name": (edit(("search_space:\n", "search_space:\n  extends: [sgdd]\n")), "did you mean 'sgd'"),
    "a searcher that is none": (add("searcher: tpee\n"), "tpee"),
    "an open bracket": (edit((BUDGET, "budget: {trials: 6")), "sweep.yaml:7: not valid YAML"),
    "an open bracket above the name": (write(b"budget: {trials: 6\n" + FILE.encode()), "not valid YAML"),
    "an open quote": (edit((BUDGET, 'budget: {trials: "6}')), "sweep.yaml:7: not valid YAML"),
    "a line without a colon": (edit((BUDGET, f"{BUDGET}\nhalf a thought")), "sweep.yaml:"),
    "indentation": (edit((BUDGET, f"  {BUDGET}")), "sweep.yaml:"),
    "a tab": (edit(("  learning_rate", "\tlearning_rate")), "sweep.yaml:6: this line is indented with a tab"),
    "an alias": (edit((BUDGET, "budget: *six")), "sweep.yaml:7: "),
    "a tag": (edit((BUDGET, "budget: !python/object {trials: 6}")), "sweep.yaml:7: budget: a tag"),
    "a second document": (add("---\nother: 1\n"), "sweep.yaml:8: a second document"),
    "not UTF-8": (write(FILE.replace("score", "sc\xf6re").encode("latin-1")), "sweep.yaml:3: this line is not UTF-8"),
    "a control character": (edit(("score", "sc\x07ore")), "sweep.yaml:3: this is a binary file"),
    "a conflict of git": (
        edit((BUDGET, f"<<<<<<< HEAD\n{BUDGET}\n=======\nbudget: {{trials: 9}}\n>>>>>>> other")), "sweep.yaml:"
    ),
    "empty": (write(b""), "sweep.yaml:1: the file is empty"),
    "a list": (write(b"- 1\n- 2\n"), "a sweep file is a mapping"),
    "binary": (write(bytes(range(256))), "sweep.yaml:1: this is a binary file"),
    "the name gone": (edit(("name: test\n", "")), "name: is missing"),
    "the name a number": (edit(("name: test", "name: 7")), "sweep.yaml:1: name"),
    "the name no name": (edit(("name: test", "name: a/b")), "sweep.yaml:1: name"),
    "the name unclosed": (edit(("name: test", "name: 'test")), "sweep.yaml:1: not valid YAML"),
    "two names": (add("name: other\n"), "sweep.yaml:8: name: duplicate key"),
    "storage a list": (add("storage: [runs]\n"), "sweep.yaml:8: storage"),
    "storage that climbs": (add("storage: ../runs\n"), "sweep.yaml:8: storage"),
    "storage with a secret": (add("storage: s3://key:secret@bucket/runs\n"), "credentials"),
    "train.py renamed": (lambda folder: (folder.root / "train.py").rename("trainer.py") and None, "train.py"),
    "train.py broken": (lambda folder: (folder.root / "train.py").write_text("def (") and None, "train.py:1"),
    "the function renamed": (edit(("train.py:train", "train.py:fit")), "defines no function 'fit'"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_a_running_sweep_is_shown_and_stopped_by_a_broken_file(folder: Folder, sweep, kind: str):
    change, message = BROKEN[kind]
    change(folder)
    shown = call("status", "sweep.yaml", "--json")
    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["condition"] == "running"
    (note,) = [line for line in shown.stderr.splitlines() if line.startswith("note: ")]
    assert note.startswith("note: sweep.yaml is not valid now (")
    assert note.endswith("); the sweep is as it was started")
    assert message in note

    assert call("stop", "sweep.yaml").stdout.startswith("stop requested: ")
    assert requested(sweep.files) is DriverRequest.STOP
    with pytest.raises(StepladderError) as caught:
        call("resume", "sweep.yaml", "--cpus", 1)
    assert message in str(caught.value), "resume fails at compile time alone, with the file's messages"
    assert isinstance(caught.value, SpecError)


@pytest.mark.parametrize("kind", ["unknown key", "the name gone", "an open quote", "train.py renamed"])
def test_it_is_exported_and_cancelled_likewise(folder: Folder, sweep, kind: str):
    BROKEN[kind][0](folder)
    exported = call("export", "sweep.yaml")
    assert json.loads(exported.stdout)
    assert "note: sweep.yaml is not valid now (" in exported.stderr
    assert call("cancel", "sweep.yaml").stdout.startswith("cancel requested: ")
    assert requested(sweep.files) is DriverRequest.CANCEL
    with pytest.raises(UsageError, match=r"^no trial has printed anything; see `stepladder status "):
        call("logs", "sweep.yaml")


def test_a_valid_file_has_no_note(folder: Folder):
    assert "note:" not in call("status", "sweep.yaml").stderr


def test_a_file_is_judged_under_the_overrides_that_the_sweep_was_started_with(tmp_path, monkeypatch, story, sweep):
    monkeypatch.chdir(tmp_path)
    made = Folder(tmp_path, story)
    made.file.write_text(FILE.replace(BUDGET, "budget: {}").replace("name: test\n", ""))
    made.start(sweep, "budget.trials=6", "name=test")
    shown = call("status", "sweep.yaml")
    assert shown.exit_code == 0
    assert "note:" not in shown.stderr


def test_a_deleted_file_still_names_its_sweep(folder: Folder, sweep):
    folder.file.unlink()
    shown = call("status", "sweep.yaml")
    assert shown.exit_code == 0
    assert "note: sweep.yaml is not there now; the sweep is as it was started" in shown.stderr
    assert call("stop", "sweep.yaml").exit_code == 0
    assert requested(sweep.files) is DriverRequest.STOP
    assert call("cancel", sweep.folder).exit_code == 0
    with pytest.raises(UsageError, match=r"its sweep file is not where it was \(.*/runs/test/sweep.yaml is a copy of"):
        call("resume", "sweep.yaml", "--cpus", 1)
    with pytest.raises(UsageError, match="its sweep file is not where it was"):
        call("resume", sweep.folder)


def test_a_folder_or_a_device_in_the_files_place_changes_nothing(folder: Folder):
    folder.file.unlink()
    os.mkfifo(folder.file)
    shown = call("status", "sweep.yaml")
    assert shown.exit_code == 0
    assert "it is not an ordinary file" in shown.stderr


def second_sweep(folder: Folder, name: str) -> Path:
    other = folder.root / "runs" / name
    (other / "journal").mkdir(parents=True)
    for path in sorted((folder.root / "runs" / "test").rglob("*")):
        if path.is_file():
            copy = other / path.relative_to(folder.root / "runs" / "test")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return other


@pytest.mark.parametrize("command", ["status", "stop", "cancel", "export", "logs", "resume"])
def test_where_several_sweeps_may_be_meant_they_are_named(folder: Folder, sweep, command: str):
    other = second_sweep(folder, "other")
    edit(("name: test", "name: [test]"))(folder)
    with pytest.raises(UsageError) as caught:
        call(command, "sweep.yaml")
    assert str(caught.value) == (
        'sweep.yaml: name: ["test"] is no name of a sweep\nso the file does not tell which sweep is meant, and several '
        f"were started from it; give one of their folders instead: {other}, {sweep.folder}"
    )


@pytest.mark.parametrize("command", ["status", "stop", "cancel", "export", "logs", "resume"])
def test_where_no_sweep_is_known_it_says_what_to_give(tmp_path, monkeypatch, command: str):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        call(command, "none.yaml")
    assert str(caught.value) == (
        "none.yaml: there is no such file\nso the file does not tell which sweep is meant, and no sweep that was "
        "started from it is known here; give the sweep's folder instead, e.g. runs/<name>"
    )


def test_a_file_that_names_another_sweep_now_never_reaches_the_old_one(folder: Folder, sweep):
    edit(("name: test", "name: next"))(folder)
    for command in ("status", "stop", "cancel", "export"):
        with pytest.raises(SweepNotFoundError) as caught:
            call(command, "sweep.yaml")
        assert f"{folder.root}/runs/next: there is no sweep; start one with" in str(caught.value)
        assert f"sweeps that were started from sweep.yaml under another name: {sweep.folder}" in str(caught.value)
    assert requested(sweep.files) is None


def test_a_storage_that_was_misspelt_is_told_of_where_no_sweep_is_found(tmp_path, monkeypatch, story, make_sweep):
    monkeypatch.chdir(tmp_path)
    made = Folder(tmp_path, story)
    made.start(make_sweep(tmp_path / "far"))
    made.file.write_text(FILE + f"storag: {tmp_path}/far/runs\n")
    with pytest.raises(SweepNotFoundError) as caught:
        call("stop", "sweep.yaml")
    assert "sweep.yaml is not valid now (sweep.yaml:8: storag: unknown key" in str(caught.value)
    assert "; where that concerns its name or its storage, give the sweep's folder instead" in str(caught.value)


def test_a_sweep_of_another_file_is_not_taken_for_this_ones(folder: Folder):
    (folder.root / "other.yaml").write_text("half a thought")
    with pytest.raises(UsageError, match="no sweep that was started from it is known here"):
        call("stop", "other.yaml")


def test_a_storage_that_was_written_is_searched_too(tmp_path, monkeypatch, story, make_sweep):
    monkeypatch.chdir(tmp_path)
    made, sweep = Folder(tmp_path, story), make_sweep(tmp_path / "far")
    made.file.write_text(FILE + f"storage: {tmp_path}/far/runs\n")
    made.start(sweep)
    edit(("name: test", "name: {}"))(made)
    assert call("stop", "sweep.yaml").exit_code == 0
    assert requested(sweep.files) is DriverRequest.STOP


def sent(folder: Folder, name: str = "test", launcher: str = "local") -> SubmissionRecord:
    record = SubmissionRecord(
        name, "sweep.yaml", launcher, "", str(folder.root / ".stepladder" / f"{name}-1.job"),
        str(folder.root / "runs" / name),
    )  # fmt: skip
    write_record(folder.file, record)
    return record


BROKEN_YAML = FILE.replace("name: test", "name: 'test")


@pytest.mark.parametrize("content", [BROKEN_YAML, FILE.replace("budget:", "budgett:"), None])
def test_a_sweep_that_was_sent_off_is_found_by_its_record(folder: Folder, sweep, content: str | None):
    record = sent(folder)
    Path(record.job).with_suffix(".log").write_text("trial 0 started\n")
    folder.file.unlink()
    if content is not None:
        folder.file.write_text(content)
    shown = json.loads(call("status", "sweep.yaml", "--json").stdout)
    assert (shown["condition"], shown["job"]["state"]) == ("running", "gone")
    assert call("logs", "sweep.yaml").stdout == "trial 0 started\n"
    assert json.loads(call("export", "sweep.yaml").stdout)
    asked = call("stop", "sweep.yaml")
    assert asked.stdout == "stop requested: no new trials, the running trials finish, then the driver leaves\n"
    assert requested(sweep.files) is DriverRequest.STOP


def test_a_sweep_here_of_the_files_name_is_meant_before_one_that_was_sent_under_another(folder: Folder, sweep):
    sent(folder, "other")
    assert json.loads(call("status", "sweep.yaml", "--json").stdout)["job"] is None
    assert call("stop", "sweep.yaml").exit_code == 0
    assert requested(sweep.files) is DriverRequest.STOP


def test_records_and_folders_are_named_together_where_several_may_be_meant(folder: Folder, sweep):
    sent(folder, "other")
    folder.file.write_text("[")
    with pytest.raises(UsageError, match=f"several were started from it.*: {folder.root}/runs/other, {sweep.folder}"):
        call("stop", "sweep.yaml")
