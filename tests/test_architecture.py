"""The architecture as tests: imports point one way, deciding is pure, files stay small, members are found by name."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import members

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "orchestrator").rglob("*.py"))
OPEN_SETS = ["orchestrator.ladders", "orchestrator.searchers", "orchestrator.schedulers", "orchestrator.launchers"]


def test_import_contracts_hold():
    lint = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout


def imported_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(result.stdout.split())


HEAVY = {"ray", "torch", "pandas", "pyarrow", "optuna", "numpy", "scipy", "plotly"}


def test_deciding_imports_nothing_heavy_in_a_fresh_process():
    rooms = ["sweep", "planning", "rules", *(name.rpartition(".")[2] for name in OPEN_SETS)]
    names = [
        str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")
        for room in rooms
        for path in sorted((ROOT / "orchestrator" / room).glob("*.py"))
        if path.name == "__init__.py" or not path.name.startswith("_")  # a member's own parts are loaded when it works
    ]
    code = "\n".join(f"import {name.removesuffix('.__init__')}" for name in names)
    assert imported_by(code) & HEAVY == set()


def test_the_command_line_imports_nothing_heavy_before_it_must():
    assert imported_by("import orchestrator.cli, orchestrator") & HEAVY == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes(path: Path):
    source = path.read_text()
    assert source.count("\n") <= 300, "two things live together here"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False)
            lines = node.end_lineno - node.lineno + 1 - (docstring.count("\n") + 1 if docstring else 0)
            assert lines <= 40, f"{node.name} has {lines} lines"


def test_no_room_is_a_drawer():
    forbidden = {"utils", "util", "core", "base", "common", "manager", "helpers", "misc"}
    assert [path for path in MODULES if forbidden & {*path.parts, path.stem}] == []


@pytest.mark.parametrize("package", OPEN_SETS)
def test_every_member_is_loaded_by_its_file_name(package: str):
    for name in members.names(package):
        assert members.load(package, name).__module__ == f"{package}.{name.replace('-', '_')}"


def test_an_unknown_member_is_answered_with_the_nearest():
    with pytest.raises(members.SpecError, match=r"'ahsa' is not a scheduler; choose one of asha, median, none"):
        members.load("orchestrator.schedulers", "ahsa")
