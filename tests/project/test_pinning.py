"""Which code a sweep pins, how the folder differs later, and what it goes on with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from sweeps import make_plan, make_spec

from orchestrator.control.drivers import pinned_by_last
from orchestrator.control.session import create
from orchestrator.errors import UsageError
from orchestrator.project import listing, pinning
from orchestrator.project.code_in_force import CodeInForce, code_to_begin, code_to_go_on
from orchestrator.project.pinning import difference, root_of, take_code
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location
from orchestrator.sweep.plan import Plan

NOW = 1_795_000_000.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    folder = tmp_path / "project" / "exp"
    write(folder, "train.py", "nets/cnn.py", "sweep.yaml", "data.csv", ".env")
    write(folder.parent, "above.py")
    return folder


def write(folder: Path, *names: str, content: str = "def train(config): ...\n") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def git(folder: Path, *arguments: str) -> None:
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **quiet}, capture_output=True, check=True)


def pinned(folder: Path, **changes) -> list[str]:
    return sorted(take_code(folder, make_spec(trainable="train.py:train", **changes), NOW)[0].code.files)


def test_python_files_and_what_git_tracks_are_taken(folder: Path):
    assert pinned(folder) == ["nets/cnn.py", "train.py"]
    git(folder, "init")
    git(folder, "add", "data.csv", "sweep.yaml")
    write(folder, "big.py", content="#" * 2**20)
    git(folder, "add", "big.py")
    assert pinned(folder) == ["data.csv", "nets/cnn.py", "sweep.yaml", "train.py"]


def test_what_setup_names_is_pinned_with_the_right_to_run_it_and_no_data_or_secret(folder: Path):
    write(folder, "stage.sh", "tools/fetch.sh", content="exit 0\n")
    write(folder, "large.bin", content="#" * 2**20)
    (folder / "stage.sh").chmod(0o755)
    setup = ["./stage.sh large.bin", "sh tools/fetch.sh ../above.txt .env gone.sh"]
    write(folder.parent, "above.txt")
    assert pinned(folder, setup=setup) == ["nets/cnn.py", "stage.sh", "tools/fetch.sh", "train.py"]
    taken, _ = take_code(folder, make_spec(trainable="train.py:train", setup=setup), NOW)
    assert taken.code.executable == ("stage.sh",)
    before = taken.code.key
    write(folder, "stage.sh", content="exit 1\n")
    assert take_code(folder, make_spec(trainable="train.py:train", setup=setup), NOW)[0].code.key != before


def test_the_root_may_lie_above_the_sweep_file_and_nowhere_else(folder: Path):
    taken, said = take_code(folder, make_spec(trainable="nets/cnn.py:train", code={"root": ".."}), NOW)
    code = taken.code
    assert sorted(code.files) == ["above.py", "exp/nets/cnn.py", "exp/train.py"]
    assert (code.root, code.inside, code.taken_t) == (str(folder.parent), "exp", NOW)
    assert code.beside == ("exp/.env", "exp/data.csv", "exp/sweep.yaml")
    assert said == [
        f"pinned: 3 files (0.1 KiB) of {folder.parent}; what is edited there from now on reaches the next sweep"
    ]
    for root in ("nets", "../elsewhere"):
        with pytest.raises(UsageError, match=r"code\.root: '.*' is .*, which does not hold the folder of the"):
            root_of(folder, make_spec(code={"root": root}))


def test_the_training_file_is_always_taken(folder: Path):
    write(folder, ".gitignore", content="*.py\n")
    assert pinned(folder) == ["train.py"]


def test_a_secret_that_git_tracks_goes_along_and_is_told(folder: Path):
    git(folder, "init")
    git(folder, "add", ".env")
    taken, said = take_code(folder, make_spec(trainable="train.py:train"), NOW)
    assert ".env" in taken.code.files
    assert said[0] == "warning: .env is pinned with the code"


@pytest.mark.parametrize("bound", ["MOST_BYTES", "MOST_FILES", "MOST_NAMES"])
def test_above_the_bounds_only_what_the_import_loads_is_taken(folder: Path, monkeypatch, bound: str):
    monkeypatch.setattr(listing if bound == "MOST_NAMES" else pinning, bound, 1)
    write(folder, "used.py", "nets/unused.py")
    write(
        folder, "train.py", content="import used, json\nfrom nets import cnn\nprint('noise')\ndef train(config): ...\n"
    )
    taken, said = take_code(folder, make_spec(trainable="train.py:train"), NOW)
    assert sorted(taken.code.files) == ["nets/cnn.py", "train.py", "used.py"]
    assert said[0] == f"pinned is only what importing train.py loads: {folder} holds more than is kept with a sweep"
    write(folder, "train.py", content="import not_installed_anywhere\n")
    with pytest.raises(UsageError, match=r"train\.py cannot be imported here to see what it loads, and .* holds more"):
        take_code(folder, make_spec(trainable="train.py:train"), NOW)


def test_a_file_that_may_not_be_read_is_named(folder: Path, monkeypatch):
    (folder / "nets" / "cnn.py").unlink()
    (folder / "nets" / "cnn.py").mkdir()
    monkeypatch.setattr(pinning, "_chosen", lambda _: ["nets/cnn.py"])
    with pytest.raises(UsageError, match=r"nets/cnn\.py: Is a directory; the sweep's code is pinned at its"):
        take_code(folder, make_spec(trainable="train.py:train"), NOW)


def test_a_difference_names_what_changed_what_is_gone_and_what_is_new(folder: Path):
    spec = make_spec(trainable="train.py:train")
    before = take_code(folder, spec, NOW)[0].code
    assert difference(before, take_code(folder, spec, NOW)[0].code) is None
    write(folder, "train.py", content="changed\n")
    write(folder, *(f"new{number}.py" for number in range(7)))
    (folder / "nets" / "cnn.py").unlink()
    assert difference(before, take_code(folder, spec, NOW)[0].code) == (
        "changed: train.py; gone: nets/cnn.py; new: new0.py, new1.py, new2.py, new3.py, new4.py, ... (7 in all)"
    )


def begun(folder: Path, **changes) -> tuple[Plan, Location, CodeInForce]:
    plan = make_plan(trainable="train.py:train", **changes)
    force = code_to_begin(plan, folder, NOW)
    place = Location.parse(folder / "runs" / "test")
    create(place, force.plan, b"", force.taken).close("stop")
    return plan, place, force


def go_on(plan: Plan, place: Location, folder: Path, *, here: bool = False) -> CodeInForce:
    return code_to_go_on(read_sweep(place), place, plan, folder, NOW + 60, here=here)


def test_a_sweep_goes_on_with_what_it_pinned_and_says_where_the_folder_differs(folder: Path):
    plan, place, first = begun(folder)
    state = read_sweep(place)
    assert pinned_by_last(state) == first.key == state.plan.provenance.code_hash == state.sessions[0].code_hash
    assert (place.path / "code" / str(first.key) / "nets" / "cnn.py").is_file()
    again = go_on(plan, place, folder)
    assert (again.taken, again.key, again.said) == (None, first.key, ())
    write(folder, "train.py", content="def train(config): return 2\n")
    edited = go_on(plan, place, folder)
    assert (edited.key, edited.plan.provenance.code_hash) == (first.key, first.key)
    assert edited.said == (
        f"{folder} differs from the sweep's code (changed: train.py); trials go on with the code pinned from {folder} "
        "on 2026-11-18 11:06 UTC. To take it as it is now: --code here",
    )
    elsewhere = go_on(plan, place, folder.parent / "gone")
    assert elsewhere.key == first.key
    assert elsewhere.said[0].startswith(
        f"{folder.parent / 'gone'} does not hold the sweep's code; trials go on with the"
    )


def test_code_here_takes_the_new_code_beside_the_old(folder: Path):
    plan, place, first = begun(folder)
    write(folder, "train.py", content="def train(config): return 2\n")
    new = go_on(plan, place, folder, here=True)
    assert new.taken is not None
    assert new.key == new.taken.code.key == new.plan.provenance.code_hash != first.key
    assert new.said[-1].startswith("pinned: 2 files")


def test_what_is_not_pinned_goes_on_from_the_folder(folder: Path):
    plan, place, first = begun(folder, code={"pin": False})
    assert (first.taken, first.key) == (None, None)
    assert pinned_by_last(read_sweep(place)) is None
    assert not (place.path / "code").exists()
    assert go_on(plan, place, folder) == CodeInForce(plan, None, None)
    assert go_on(plan, place, folder, here=True).said == (
        "--code here: this sweep's code is not pinned, trials take it there",
    )
    program = make_plan(trainable=None, command=["python", "train.py"])
    assert code_to_begin(program, folder, NOW) == CodeInForce(program, None, None)
    in_a_notebook = make_plan(trainable="train.py:train")
    assert code_to_begin(in_a_notebook, folder, NOW, is_in_file=False) == CodeInForce(in_a_notebook, None, None)


def test_turning_the_pin_off_goes_on_from_the_folder(folder: Path):
    _, place, _ = begun(folder)
    off = make_plan(trainable="train.py:train", code={"pin": False})
    assert go_on(off, place, folder) == CodeInForce(off, None, None)
