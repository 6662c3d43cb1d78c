"""`stepladder init`: the demonstrations are found by listing, copied whole, and never written over somebody's work."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from orchestrator.demos import MODELINE, SCHEMA, demo_names, write_demo
from orchestrator.errors import StorageError, UsageError
from orchestrator.project.workspace import linted_plan


def test_demonstrations_are_the_folders_with_a_sweep_file():
    assert demo_names() == ["digits", "fashion", "text"]


def test_a_demonstration_is_written_into_a_new_folder(tmp_path: Path):
    folder = write_demo("digits", tmp_path / "a" / "b")
    assert folder == tmp_path / "a" / "b"
    assert sorted(path.name for path in folder.iterdir()) == [SCHEMA, "sweep.yaml", "train.py"]


@pytest.mark.parametrize("name", demo_names())
def test_the_linter_has_nothing_to_say_of_a_demonstration(name: str, tmp_path: Path):
    _, remarks = linted_plan(write_demo(name, tmp_path) / "sweep.yaml")
    assert [remark.rule.id for remark in remarks] == []


@pytest.mark.parametrize("name", demo_names())
def test_an_editor_finds_the_schema_of_a_demonstration(name: str, tmp_path: Path):
    file = write_demo(name, tmp_path) / "sweep.yaml"
    assert file.read_text().startswith(MODELINE)
    schema = json.loads((tmp_path / MODELINE.strip().rpartition("=")[2]).read_text())
    jsonschema.validate(YAML(typ="safe").load(file), schema)


def test_other_files_in_the_folder_stay(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    write_demo("digits", tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_nothing_is_written_over(tmp_path: Path):
    (tmp_path / "train.py").write_text("mine")
    with pytest.raises(UsageError, match=r"train\.py is there already and may hold your changes; .* --to"):
        write_demo("digits", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["train.py"]
    assert (tmp_path / "train.py").read_text() == "mine"


def test_an_unknown_demonstration_is_answered_with_the_nearest(tmp_path: Path):
    with pytest.raises(UsageError, match=r"'digit' is not a demonstration; .* \(did you mean 'digits'\?\)"):
        write_demo("digit", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file.folder cannot be written: Not a directory; .* --to"):
        write_demo("digits", tmp_path / "file" / "folder")
