"""What an install holds: `orchestrator` alone, with the definitions and the demonstration inside, wherever it lies."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
FOLDERS = ["search_spaces", "cluster"]
WHERE = """
import importlib.util, orchestrator
from orchestrator.members import definitions
print(orchestrator.__file__)
print(*sorted(path.name for path in definitions("search_spaces").iterdir()))
print(*(name for name in ("search_spaces", "cluster", "tests", "scripts") if importlib.util.find_spec(name)))
"""


def run(*command: object, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(kind: str, source: Path, folder: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", folder, cwd=source)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_schemas_come_along(wheel: Path):
    schemas = shipped("orchestrator/schemas")
    assert "orchestrator/schemas/status.json" in schemas
    assert {name: contents(wheel).get(name) for name in schemas} == schemas


def shipped(folder: str) -> dict[str, bytes]:
    paths = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(ROOT)): path.read_bytes() for path in paths}


def test_nothing_but_the_package_becomes_importable(wheel: Path):
    tops = {name.partition("/")[0] for name in contents(wheel)}
    assert tops == {"orchestrator", f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info"}


def test_the_package_is_whole(wheel: Path):
    found = contents(wheel)
    expected = shipped("orchestrator")
    for folder in FOLDERS:
        definitions = {f"orchestrator/{name}": content for name, content in shipped(folder).items()}
        assert definitions, f"{folder} is empty"
        expected |= definitions
    assert {name: content for name, content in found.items() if name.startswith("orchestrator/")} == expected
    assert "orchestrator/demos/digits/train.py" in found
    assert "orchestrator/py.typed" in found


def test_the_command_and_the_licence_come_along(wheel: Path):
    found = {
        name.partition(".dist-info/")[2]: content.decode()
        for name, content in contents(wheel).items()
        if ".dist-info/" in name
    }
    assert found["entry_points.txt"].split() == ["[console_scripts]", "stepladder", "=", "orchestrator.cli.app:main"]
    assert found["licenses/LICENSE"] == (ROOT / "LICENSE").read_text()
    assert "License-Expression: Apache-2.0" in found["METADATA"]


@pytest.mark.thorough
def test_the_source_archive_makes_the_same_wheel(wheel: Path, tmp_path: Path):
    archive = build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    again = contents(build("wheel", source, tmp_path / "wheel"))
    assert {name: content for name, content in again.items() if "dist-info" not in name} == {
        name: content for name, content in contents(wheel).items() if "dist-info" not in name
    }


def make_environment(folder: Path) -> Path:
    """Make an empty environment that sees this one's packages but holds none itself; returns its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def check_install(python: Path, outside: Path, expected: Path) -> None:
    """Check what is importable, and that the demonstration can be written and planned, outside the repository."""
    package, spaces, foreign = run(python, "-I", "-c", WHERE, cwd=outside).split("\n")[:3]
    assert Path(package) == expected / "orchestrator" / "__init__.py"
    assert spaces.split() == sorted(path.name for path in (ROOT / "search_spaces").iterdir())
    assert foreign == ""
    stepladder = python.parent / "stepladder"
    run(stepladder, "init", "digits", cwd=outside)
    plan = run(stepladder, "plan", "digits/sweep.yaml", cwd=outside)
    assert "tier-1" in plan
    assert "learning_rate" in plan


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_an_install_finds_its_definitions(kind: str, wheel: Path, tmp_path: Path):
    python = make_environment(tmp_path / "environment")
    what = [wheel] if kind == "wheel" else ["--no-build-isolation", "--editable", ROOT]
    run(
        sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", *what,
        cwd=tmp_path,
    )  # fmt: skip
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    (tmp_path / "outside").mkdir()
    check_install(python, tmp_path / "outside", site if kind == "wheel" else ROOT)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_the_wheel_alone_in_an_empty_environment(wheel: Path, tmp_path: Path):
    venv.create(tmp_path / "environment", with_pip=True, symlinks=True)
    python = tmp_path / "environment" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-compile", "--constraint", CONSTRAINTS, wheel, cwd=tmp_path)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    (tmp_path / "outside").mkdir()
    check_install(python, tmp_path / "outside", site)
