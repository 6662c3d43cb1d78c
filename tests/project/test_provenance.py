"""Where a plan comes from: versions, commit and a hash of the code beside the training function."""

import os
import platform
import subprocess
from pathlib import Path

import pytest
from sweeps import make_spec

from orchestrator.project import provenance as module
from orchestrator.project.provenance import code_hash, git_commit, provenance, versions


def git(folder: Path, *arguments: str) -> str:
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    answer = subprocess.run(
        ["git", *who, *arguments], cwd=folder, env={**os.environ, **quiet}, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "project"
    (folder / "nets").mkdir(parents=True)
    (folder / "train.py").write_text("def train(config): ...\n")
    (folder / "nets" / "cnn.py").write_text("layers = 3\n")
    return folder


def test_versions_are_those_installed():
    found = versions()
    assert found["python"] == platform.python_version()
    assert found.keys() >= {"ray", "optuna", "torch"}


def test_the_commit_is_followed_by_dirty_where_tracked_files_differ(folder):
    git(folder, "init")
    assert git_commit(folder) is None
    git(folder, "add", "train.py")
    git(folder, "commit", "-m", "first")
    git(folder, "tag", "-a", "v1", "-m", "a tag names no commit")
    commit = git(folder, "rev-parse", "HEAD")
    assert git_commit(folder) == commit
    assert git_commit(folder / "nets") == commit
    (folder / "train.py").write_text("def train(config): return 1\n")
    assert git_commit(folder) == f"{commit}-dirty"


def test_without_a_repository_or_without_git_there_is_no_commit(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert git_commit(folder) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit(folder) is None


def test_a_git_that_hangs_is_not_waited_for(folder, tmp_path, monkeypatch):
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(module, "GIT_TIMEOUT_S", 0.2)
    assert git_commit(folder) is None


def test_the_hash_is_of_names_and_contents_of_python_files_beside_and_below(folder):
    before = code_hash(folder)
    assert len(before) == 12
    (folder / "sweep.yaml").write_text("name: a\n")
    assert code_hash(folder) == before
    (folder / "nets" / "cnn.py").write_text("layers = 4\n")
    changed = code_hash(folder)
    assert changed != before
    (folder / "nets" / "cnn.py").rename(folder / "nets" / "net.py")
    assert code_hash(folder) not in {before, changed}


def test_contents_cannot_pass_for_names(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.py").write_text("b.pyc")
    first = code_hash(other)
    (other / "a.py").write_text("")
    (other / "b.py").write_text("c")
    assert code_hash(other) != first


@pytest.mark.parametrize("hidden", [".git", "__pycache__", "runs", "node_modules", "nets/.cache"])
def test_what_is_not_the_users_code_is_left_out(folder, hidden):
    before = code_hash(folder)
    (folder / hidden).mkdir(parents=True)
    (folder / hidden / "copy.py").write_text("x = 1\n")
    assert code_hash(folder) == before


@pytest.mark.parametrize(("inside", "mark"), [("env", "pyvenv.cfg"), ("store/digits", "plan.json")])
def test_environments_and_sweeps_are_known_by_what_lies_in_them(folder, inside, mark):
    before = code_hash(folder)
    (folder / inside / "lib").mkdir(parents=True)
    (folder / inside / "lib" / "copy.py").write_text("x = 1\n")
    assert code_hash(folder) != before
    (folder / inside / mark).write_text("")
    assert code_hash(folder) == before


def test_broken_links_and_links_in_circles_are_survived(folder):
    before = code_hash(folder)
    (folder / "nets" / "up").symlink_to(folder)
    assert code_hash(folder) == before
    (folder / "gone.py").symlink_to("nowhere.py")
    assert len(code_hash(folder)) == 12


def test_the_work_is_bounded(folder, monkeypatch):
    monkeypatch.setattr(module, "MAX_FILES", 1)
    bounded = code_hash(folder)
    (folder / "zoo.py").write_text("x = 1\n")
    assert code_hash(folder) == bounded
    monkeypatch.setattr(module, "MAX_FILES", 9)
    assert code_hash(folder) != bounded
    monkeypatch.setattr(module, "MAX_ENTRIES", 1)
    assert code_hash(folder) == code_hash(folder / "nets" / "nothing")


def test_a_provenance_is_of_the_folder_that_holds_the_function(folder):
    nested = provenance(folder, make_spec(trainable="nets/cnn.py:train"))
    assert nested.code_hash == code_hash(folder / "nets")
    assert provenance(folder, make_spec()).code_hash == code_hash(folder) != nested.code_hash
    assert nested.versions == versions()


def test_a_commands_code_is_its_folder_and_the_files_it_names(tmp_path):
    (tmp_path / "train.sh").write_text("python net.py")
    (tmp_path / "net.py").write_text("layers = 3")

    def code():
        return provenance(tmp_path, make_spec(trainable=None, command=["sh", "train.sh", ""])).code_hash

    hashes = [code()]
    (tmp_path / "train.sh").write_text("python -O net.py")
    hashes.append(code())
    (tmp_path / "net.py").write_text("layers = 4")
    hashes.append(code())
    assert len(set(hashes)) == 3


@pytest.mark.parametrize("program", [{}, {"trainable": None, "command": ["true"]}])
def test_a_script_that_setup_names_is_code(tmp_path, program):
    (tmp_path / "train.py").write_text("")
    (tmp_path / "stage.sh").write_text("exit 0")

    def code():
        return provenance(tmp_path, make_spec(setup=["sh stage.sh"], **program)).code_hash

    before = code()
    (tmp_path / "stage.sh").write_text("exit 1")
    assert code() != before


def test_who_repeats_jobs_is_nobody_unless_it_says_for_whom(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 1001)
    monkeypatch.setattr(module.getpass, "getuser", lambda: "ada")
    assert module.is_somebody({})
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert not module.is_somebody({}), "a container's user"
    assert module.is_somebody({"STEPLADDER_OWNER": "ada"})
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    monkeypatch.setattr(module.getpass, "getuser", lambda: (_ for _ in ()).throw(KeyError("uid not found: 4711")))
    assert not module.is_somebody({})
