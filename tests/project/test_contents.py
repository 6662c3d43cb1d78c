"""What may travel or be pinned: git's own answer, or the ignore files'; secrets, links and what programs made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.project import listing
from orchestrator.project.contents import contents
from orchestrator.secrecy import is_secret_file

SECRETS = [
    ".env", ".env.local", ".netrc", ".pgpass", ".aws/credentials", ".ssh/config", ".kube/config", "id_rsa", "id_dsa",
    "id_ecdsa", "id_ed25519", "server.pem", "server.key", "sub/.env", "sub/.aws/deep/file",
]  # fmt: skip
HARMLESS = ["env.py", ".envrc.py", "id_rsa.pub", "keys.py", "monkey", "pem.txt", "aws/credentials", "netrc"]


def write(folder: Path, *names: str, content: str = "x") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def git(folder: Path, *arguments: str) -> None:
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]
    subprocess.run(["git", *who, *arguments], cwd=folder, env={**os.environ, **quiet}, capture_output=True, check=True)


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init")
    return folder


@pytest.fixture(params=["git", "no git"])
def engine(request, monkeypatch, tmp_path):
    """Either git answers, or there is none on the PATH; the rules that both know must agree."""
    if request.param == "no git":
        monkeypatch.setenv("PATH", str(tmp_path))
    return request.param


def test_ignore_files_count_at_every_depth_and_above_the_folder(repository, engine):
    write(repository, ".gitignore", content="*.ckpt\n/exp/data/\nbuild/\n")
    write(repository, "exp/.gitignore", content="!keep.ckpt\nout*\n")
    write(repository, "exp/sub/.rayignore", content="big\n")
    write(
        repository, "exp/sweep.yaml", "exp/train.py", "exp/a.ckpt", "exp/keep.ckpt", "exp/data/1.bin", "exp/output.txt",
        "exp/sub/net.py", "exp/sub/big/1", "exp/sub/build/1.py", "exp/sub/deep/er/x.py", "above.py",
    )  # fmt: skip
    assert list(contents(repository / "exp").files) == [
        ".gitignore", "keep.ckpt", "sub/.rayignore", "sub/deep/er/x.py", "sub/net.py", "sweep.yaml", "train.py"
    ]  # fmt: skip


def test_outside_a_repository_the_ignore_files_of_the_folder_count(tmp_path):
    write(tmp_path, ".gitignore", content="*.bin\n")
    write(tmp_path, ".rayignore", content="data\n")
    write(tmp_path, "train.py", "x.bin", "data/1", "src/y.bin", "src/net.py")
    found = contents(tmp_path)
    assert list(found.files) == [".gitignore", ".rayignore", "src/net.py", "train.py"]
    assert (found.tracked, found.ruled_by) == (frozenset(), ".gitignore and .rayignore name")
    assert found.remarks() == ["without what .gitignore and .rayignore name"]


def test_what_git_tracks_is_never_left_out_unless_rayignore_says_so(repository):
    write(repository, "train.py", "forced.ckpt", "big.csv", "kept.csv", ".env", "gone.py", content="12345")
    git(repository, "add", ".")
    write(repository, ".gitignore", content="*.ckpt\n.env\n")
    write(repository, ".rayignore", content="big.csv\nother.csv\n")
    write(repository, "other.csv")
    (repository / "gone.py").unlink()
    found = contents(repository)
    assert found.files == {
        ".env": 5, ".gitignore": 12, ".rayignore": 18, "forced.ckpt": 5, "kept.csv": 5, "train.py": 5
    }  # fmt: skip
    assert found.tracked == {".env", "forced.ckpt", "kept.csv", "train.py"}
    assert (found.secrets_taken, found.secrets_left, found.ruled_by) == (
        (".env",),
        (),
        "git ignores and .rayignore names",
    )
    assert found.remarks()[1] == (
        "warning: git tracks what looks like a secret, so it goes along: .env; `git rm --cached` it, and change the "
        "secret, for everybody with the repository has it"
    )


@pytest.mark.parametrize("name", SECRETS)
def test_files_that_hold_a_secret_by_custom_stay_and_are_told(tmp_path, name, engine):
    write(tmp_path, "train.py", name)
    found = contents(tmp_path)
    assert (list(found.files), found.secrets_left) == (["train.py"], (name,))
    assert found.remarks() == [f"left out, for it holds a secret: {name}"]


def test_harmless_names_travel(tmp_path):
    write(tmp_path, *HARMLESS)
    assert sorted(contents(tmp_path).files) == sorted(HARMLESS)
    assert not any(map(is_secret_file, HARMLESS))


def test_json_with_a_private_key_stays(tmp_path):
    write(tmp_path, "account.json", content='{"type": "service_account",\n "private_key" : "-----BEGIN"}')
    write(tmp_path, "config.json", content='{"public_key": "x", "note": "no private_key here"}')
    found = contents(tmp_path)
    assert (list(found.files), found.secrets_left) == (["config.json"], ("account.json",))


def test_many_secrets_are_counted(tmp_path):
    write(tmp_path, *(f"{number}.pem" for number in range(9)))
    assert contents(tmp_path).remarks() == [
        "left out, for it holds a secret: 0.pem, 1.pem, 2.pem, 3.pem, 4.pem, ... (9 in all)"
    ]


def test_what_programs_made_stays(tmp_path, engine):
    write(
        tmp_path, "train.py", "runs/digits/plan.json", "runs/digits/journal/1.log", "runs/digits/best.json",
        "runs/notes.txt", "env/pyvenv.cfg", "env/lib/x.py", "a/__pycache__/x.pyc", "a/node_modules/m.js",
        ".stepladder/digits.json", "a/plan.json",
    )  # fmt: skip
    assert list(contents(tmp_path).files) == ["a/plan.json", "runs/notes.txt", "train.py"]


def test_in_a_repository_too_unless_git_tracks_it(repository):
    write(repository, "runs/digits/plan.json", "runs/digits/journal/1.log", "node_modules/m.js")
    git(repository, "add", "node_modules")
    assert list(contents(repository).files) == ["node_modules/m.js"]


def test_links_travel_as_what_they_lead_to_and_those_that_lead_out_are_refused(tmp_path, engine):
    folder = tmp_path / "project"
    write(folder, "src/net.py", "src/sub/deep.py", ".env")
    write(tmp_path, "outside/secret")
    targets = {"net.py": "src/net.py", "alias": "src", "out": "../outside", "env": ".env", "gone": "nowhere"}
    for link, target in {**targets, "abs": str(folder / "src/sub")}.items():
        (folder / link).symlink_to(target)
    found = contents(folder)
    assert list(found.files) == [
        "abs/deep.py", "alias/net.py", "alias/sub/deep.py", "net.py", "src/net.py", "src/sub/deep.py"
    ]  # fmt: skip
    assert (found.leading_out, found.unfollowed) == (("out",), ("env", "gone"))
    assert "left out, for what they lead to stays here: env, gone" in found.remarks()
    with pytest.raises(UsageError) as refused:
        found.refuse_leading_out()
    assert str(refused.value) == (
        f"{folder}: what these symbolic links lead to lies outside the folder and would not travel: out; put data "
        "where every node sees it, and name the link in .rayignore"
    )
    write(folder, ".rayignore", content="out\n")
    contents(folder).refuse_leading_out()


def test_repositories_inside_are_asked_themselves(repository, tmp_path):
    other = tmp_path / "other"
    write(other, "lib.py", "data.bin")
    write(other, ".gitignore", content="*.bin\n")
    git(other, "init")
    git(other, "add", ".")
    git(other, "commit", "-m", "first")
    git(repository, "submodule", "add", str(other), "vendored")
    write(repository, "vendored/more.bin", "vendored/new.py", "train.py")
    write(repository, "clone/x.py")
    git(repository / "clone", "init")
    found = contents(repository)
    assert list(found.files) == [
        ".gitmodules", "clone/x.py", "train.py", "vendored/.gitignore", "vendored/lib.py", "vendored/new.py"
    ]  # fmt: skip
    assert found.tracked == {".gitmodules", "vendored/.gitignore", "vendored/lib.py"}


def test_odd_names_come_through(repository, engine):
    names = ["a b.py", "ü.py", "-c.py", 'q"uote.py', "line\nbreak.py", "*.py"]
    write(repository, *names)
    assert sorted(contents(repository).files) == sorted(names)


def test_more_names_than_can_be_looked_at_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "MOST_NAMES", 3)
    write(tmp_path, "1", "2", "3", "4")
    with pytest.raises(UsageError, match=r"holds more than 3 files; name those that are data in .*\.rayignore, one"):
        contents(tmp_path)


def test_a_hook_s_repository_is_not_meant(repository, tmp_path, monkeypatch):
    write(repository, "train.py")
    other = tmp_path / "other"
    write(other, "x.py")
    git(other, "init")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert list(contents(repository).files) == ["train.py"]


def test_pipes_and_sockets_are_no_files(tmp_path, engine):
    os.mkfifo(tmp_path / "pipe")
    write(tmp_path, "train.py")
    assert list(contents(tmp_path).files) == ["train.py"]
