"""The version stands in one place, and scripts/release refuses what is not ready, builds, tests and tags what is."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

import orchestrator

ROOT = Path(__file__).parents[2]
CHANGES = "# Changelog\n\n## Unreleased\n\n## 0.3.0 (2026-03-01)\n\n- A first thing.\n\n## 0.2.0\n\n- Older.\n"
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "stepladder"
requires-python = ">=3.11"
dynamic = ["version"]
[tool.hatch.version]
path = "orchestrator/__init__.py"
[tool.hatch.build.targets.wheel]
only-include = ["orchestrator"]
"""


def test_the_version_stands_in_the_package_alone():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "orchestrator/__init__.py"
    assert not re.search(r"^version", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)


def test_the_package_is_installed_under_its_version():
    assert importlib.metadata.version("stepladder") == orchestrator.__version__


def test_the_changelog_has_a_place_for_what_comes_next():
    assert (ROOT / "CHANGELOG.md").read_text().count("\n## Unreleased\n") == 1


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=someone", "-c", "user.email=someone@localhost", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of one file at 0.3.0, ready to be released by this project's own script."""
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "someone")
        monkeypatch.setenv(f"{name}_EMAIL", "someone@localhost")
    for name in ("orchestrator", "scripts", "tests/packaging"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "release", tmp_path / "scripts" / "release")
    (tmp_path / "orchestrator" / "__init__.py").write_text('__version__ = "0.3.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGES)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / ".gitignore").write_text(".venv\ndist\n__pycache__\n.pytest_cache\n")
    wheel_test = (
        "from pathlib import Path\n\n\ndef test_wheel():\n    assert len(list(Path('dist').glob('*.whl'))) == 1\n"
    )
    (tmp_path / "tests" / "packaging" / "test_wheel.py").write_text(wheel_test)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def commit(repository: Path) -> None:
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "A change")


def release(repository: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(repository / "scripts" / "release"), *options]
    return subprocess.run(command, cwd=repository.parent, capture_output=True, text=True, check=False)


@pytest.mark.thorough
def test_a_dry_run_builds_and_tests_and_changes_no_history(repository: Path):
    (repository / "dist").mkdir()
    (repository / "dist" / "stepladder-0.1.0-py3-none-any.whl").touch()
    done = release(repository)
    assert done.returncode == 0, done.stderr
    assert "0.3.0 is ready" in done.stdout
    assert "1 passed" in done.stdout
    built = {path.name for path in (repository / "dist").iterdir() if path.name != ".gitignore"}
    assert built == {"stepladder-0.3.0-py3-none-any.whl", "stepladder-0.3.0.tar.gz"}
    with tarfile.open(repository / "dist" / "stepladder-0.3.0.tar.gz") as archive:
        assert "stepladder-0.3.0/orchestrator/__init__.py" in archive.getnames()
    assert git(repository, "tag") == ""


@pytest.mark.thorough
def test_a_release_is_tagged_once(repository: Path):
    done = release(repository, "--tag")
    assert done.returncode == 0, done.stderr
    assert git(repository, "for-each-ref", "--format=%(objecttype) %(refname:short)", "refs/tags") == "tag v0.3.0"
    again = release(repository, "--tag")
    assert again.returncode == 1
    assert "the tag v0.3.0 is there already; raise __version__ in orchestrator/__init__.py" in again.stderr


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("CHANGELOG.md", CHANGES.replace("0.3.0", "0.2.9"), "nothing is said of 0.3.0"),
        ("CHANGELOG.md", CHANGES.replace("- A first thing.\n", ""), "nothing is said of 0.3.0"),
        ("CHANGELOG.md", CHANGES.replace("## Unreleased\n\n", ""), "an empty section `## Unreleased` must be there"),
        (
            "CHANGELOG.md",
            CHANGES.replace("Unreleased\n", "Unreleased\n\n- More.\n"),
            "an empty section `## Unreleased`",
        ),
        ("orchestrator/__init__.py", '__version__ = "0.3"\n', "'0.3' is no version such as 0.2.0 or 0.2.0rc1"),
    ],
)
def test_what_is_not_ready_is_not_built(repository: Path, name: str, content: str, said: str):
    (repository / name).write_text(content)
    commit(repository)
    done = release(repository, "--tag")
    assert done.returncode == 1
    assert said in done.stderr
    assert not (repository / "dist").exists()
    assert git(repository, "tag") == ""


def test_a_tree_with_changes_is_not_released(repository: Path):
    (repository / "orchestrator" / "new.py").touch()
    done = release(repository, "--tag")
    assert done.returncode == 1
    assert "error: the working tree has changes; commit or remove them:\n?? orchestrator/new.py" in done.stderr


@pytest.mark.thorough
def test_a_wheel_that_fails_its_test_is_not_tagged(repository: Path):
    (repository / "tests" / "packaging" / "test_wheel.py").write_text("def test_wheel():\n    assert 1 == 2\n")
    commit(repository)
    assert release(repository, "--tag").returncode == 1
    assert git(repository, "tag") == ""
