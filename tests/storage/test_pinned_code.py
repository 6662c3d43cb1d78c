"""Pinned code in a sweep's folder: kept by content, read back whole or not at all, and imported from a working copy."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from orchestrator.errors import StorageError
from orchestrator.storage import code_copy
from orchestrator.storage.code_copy import missing_beside, working_copy
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.location import Location
from orchestrator.storage.pinned_code import PinnedCode, TakenCode, damaged_code, hashed, keep_code, read_code

CONTENTS = {"exp/train.py": b"import net\n", "exp/run.sh": b"#!/bin/sh\n", "lib/net.py": b"LAYERS = 3\n"}


def taken(root: Path, contents: dict[str, bytes] = CONTENTS) -> TakenCode:
    files = {path: hashed(content) for path, content in contents.items()}
    code = PinnedCode(str(root), "exp", files, ("exp/run.sh",), ("data", "exp/notes.txt", "gone"))
    return TakenCode(code, contents)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for path, content in CONTENTS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    (root / "data").mkdir()
    (root / "data" / "1.bin").write_text("1")
    (root / "exp" / "notes.txt").write_text("notes")
    for made in ("exp/__pycache__", ".git", "exp/runs/other/journal", "env", "exp/runs/edited"):
        (root / made).mkdir(parents=True)
    (root / "exp" / "runs" / "other" / "plan.json").write_text("{}")
    (root / "env" / "pyvenv.cfg").write_text("")
    return root


@pytest.fixture
def sweep(root: Path) -> Location:
    sweep = Location.parse(root / "exp" / "runs" / "edited")
    keep_code(sweep.files(), taken(root))
    return sweep


@pytest.fixture(params=["shared", "own"])
def is_shared(request, monkeypatch, tmp_path) -> bool:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(code_copy.tempfile, "tempdir", None)
    (tmp_path / "tmp").mkdir()
    return request.param == "shared"


KEY = taken(Path("/")).code.key


def test_the_key_is_of_names_and_contents_alone(root: Path):
    assert taken(root).code.key == taken(Path("/elsewhere")).code.key == KEY
    assert len(KEY) == 12
    assert taken(root, {**CONTENTS, "lib/net.py": b"LAYERS = 4\n"}).code.key != KEY
    assert taken(root, {**CONTENTS, "lib/more.py": b""}).code.key != KEY


def test_what_was_kept_is_read_back_and_kept_once(sweep: Location, root: Path):
    files = sweep.files()
    assert read_code(files, KEY) == taken(root).code
    assert damaged_code(files, KEY, taken(root).code) == []
    (sweep.path / "code" / KEY / "lib" / "net.py").write_text("LAYERS = 9\n")
    keep_code(files, taken(root))
    assert damaged_code(files, KEY, taken(root).code) == [("lib/net.py", "was changed")]
    (sweep.path / "code" / KEY / "lib" / "net.py").unlink()
    assert damaged_code(files, KEY, taken(root).code) == [("lib/net.py", "is missing")]


def test_the_list_comes_last_so_that_half_of_it_is_nothing(tmp_path: Path):
    class Full(LocalFileSystem):
        def replace(self, name: str, data: bytes) -> None:
            if name.endswith("train.py"):
                raise StorageError("the disk is full")
            super().replace(name, data)

    with pytest.raises(StorageError, match="the disk is full"):
        keep_code(Full(tmp_path), taken(tmp_path))
    with pytest.raises(StorageError, match=rf"code/{KEY}\.json: the list of the sweep's pinned code is missing; rest"):
        read_code(LocalFileSystem(tmp_path), KEY)
    keep_code(LocalFileSystem(tmp_path), taken(tmp_path))
    assert read_code(LocalFileSystem(tmp_path), KEY) == taken(tmp_path).code


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "cannot be read"), ('{"root": "/", "inside": "", "files": {}}', "lists other code than")],
)
def test_a_damaged_list_is_refused(sweep: Location, content: str, said: str):
    (sweep.path / "code" / f"{KEY}.json").write_text(content)
    with pytest.raises(StorageError, match=said):
        read_code(sweep.files(), KEY)


def test_a_working_copy_has_the_code_and_links_to_all_that_lies_beside_it(sweep: Location, root: Path, is_shared: bool):
    copy = working_copy(sweep, KEY, root, is_shared=is_shared)
    assert (copy == sweep.path / "code" / KEY) is is_shared
    assert {path: (copy / path).read_bytes() for path in CONTENTS} == CONTENTS
    assert not any((copy / path).is_symlink() for path in (*CONTENTS, "lib", "exp"))
    assert os.access(copy / "exp" / "run.sh", os.X_OK)
    assert (copy / "data").readlink() == root / "data"
    assert (copy / "exp" / "notes.txt").read_text() == "notes"
    beside = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_symlink()}
    assert beside == {"data", "exp/notes.txt"}


def test_links_follow_the_root_and_what_a_training_wrote_stays(sweep: Location, root: Path, tmp_path: Path, is_shared):
    copy = working_copy(sweep, KEY, root, is_shared=is_shared)
    (copy / "exp" / "results.csv").write_text("mine")
    (copy / "new").mkdir()
    moved = tmp_path / "elsewhere"
    shutil.move(root, moved)
    (moved / "data").rename(moved / "new")
    (moved / "exp" / "results.csv").write_text("yours")
    at = Location.parse(moved / "exp" / "runs" / "edited") if is_shared else sweep
    if not is_shared:
        shutil.copytree(moved / "exp" / "runs" / "edited", sweep.path)
        assert code_copy.place_of_copy(sweep, KEY, root, is_shared=False) == copy
    again = working_copy(at, KEY, moved, is_shared=is_shared)
    if is_shared:
        assert not (again / "data").is_symlink()
        assert (again / "exp" / "results.csv").read_text() == "mine"
        assert not (again / "new").is_symlink()
    assert (again / "exp" / "notes.txt").resolve() == moved / "exp" / "notes.txt"
    assert missing_beside(moved, taken(root).code) == ["data", "gone"]


def test_a_copy_of_this_machine_is_made_again_where_it_is_not_whole(sweep: Location, root: Path, tmp_path, monkeypatch):
    monkeypatch.setattr(code_copy.tempfile, "tempdir", str(tmp_path))
    copy = working_copy(sweep, KEY, root, is_shared=False)
    (copy / "lib" / "net.py").write_text("LAYERS = 9\n")
    assert working_copy(sweep, KEY, root, is_shared=False) == copy
    assert (copy / "lib" / "net.py").read_bytes() == CONTENTS["lib/net.py"]
    assert [path for path in copy.parent.iterdir() if path != copy] == []
    assert copy.parent.stat().st_mode & 0o777 == 0o700


def test_code_that_was_changed_or_is_missing_in_the_storage_is_refused(sweep, root, tmp_path, monkeypatch):
    monkeypatch.setattr(code_copy.tempfile, "tempdir", str(tmp_path))
    kept = sweep.path / "code" / KEY / "lib" / "net.py"
    kept.write_text("import os; os.system('worse')\n")
    with pytest.raises(StorageError, match=rf"code/{KEY}/lib/net\.py: this file of the sweep's pinned code is"):
        working_copy(sweep, KEY, root, is_shared=False)
    assert list((tmp_path / f"stepladder-code-{os.getuid()}").iterdir()) == []
    kept.unlink()
    with pytest.raises(StorageError, match="every node must see the sweep's folder under this path"):
        working_copy(sweep, KEY, root, is_shared=True)


def test_without_the_root_there_are_no_links(sweep: Location, tmp_path: Path):
    copy = working_copy(sweep, KEY, tmp_path / "nowhere", is_shared=True)
    assert not any(path.is_symlink() for path in copy.rglob("*"))
    assert missing_beside(tmp_path / "nowhere", read_code(sweep.files(), KEY)) == ["data", "exp/notes.txt", "gone"]
