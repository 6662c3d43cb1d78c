"""The architecture as tests: imports point one way, deciding is pure, files stay small, members are found by name."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from architecture import FLOORS, LOADS, imports, modules, room_of, violation

from orchestrator import members
from orchestrator.control.session import create
from orchestrator.project.workspace import plan_from_file
from orchestrator.storage.location import Location

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "orchestrator").rglob("*.py"))
KNOWN = modules()
OPEN_SETS = [
    "orchestrator.ladders", "orchestrator.searchers", "orchestrator.schedulers", "orchestrator.launchers",
    "orchestrator.results.sinks",
]  # fmt: skip


def broken(module: str, source: str) -> list[str]:
    """The rules that a module with this source would break."""
    found = (violation(entry, KNOWN) for entry in imports(module, source))
    return [rule for rule in found if rule is not None]


@pytest.mark.parametrize("module", KNOWN)
def test_imports_point_down(module: str):
    assert broken(module, KNOWN[module].read_text()) == []


@pytest.mark.parametrize(
    ("module", "planted", "rule"),
    [
        ("control.controller", "import ray", "may import ray"),
        ("control.controller", "def f():\n    from ray.tune import Tuner", "may import ray"),
        ("planning.compile", "import torch.nn", "may import torch"),
        ("results.export", "from rich import print", "only views, cli may import rich"),
        ("results.export", "if TYPE_CHECKING:\n    from rich.table import Table", "may import rich"),
        ("cli.resume", "import ray", "may import ray"),
        ("rules.loss", "import optuna", "may import optuna"),
        ("members", "import pyarrow", "may import pyarrow"),
        ("sweep.plan", "from orchestrator.state import fold", "state does not lie below sweep"),
        ("state.fold", "from orchestrator.results.tables import Tables", "results does not lie below state"),
        ("ray.worker.worker", "import orchestrator.ray.host.loop", "ray.host does not lie below ray.worker"),
        (
            "storage.lease",
            "from orchestrator import driver",
            "only cli, notebook, __init__ may import orchestrator.driver",
        ),
        ("state.fold", "from orchestrator.policies import brake", "policies does not lie below state"),
        ("policies.brake", "import orchestrator.control.session", "control does not lie below policies"),
        ("searchers.tpe", "from orchestrator.schedulers import Scheduler", "schedulers does not lie below searchers"),
        ("state.fold", "from orchestrator.training import keys", "only demos may import orchestrator.training"),
    ],
)
def test_a_planted_import_is_found(module: str, planted: str, rule: str):
    assert broken(module, KNOWN[module].read_text()) == []
    (said,) = broken(module, f"{KNOWN[module].read_text()}\n{planted}\n")
    assert rule in said


def test_the_table_names_what_is_there():
    rooms = {room_of(module) for module in KNOWN} - {"ray"}
    assert rooms == {room for floor in FLOORS for room in floor}


def test_no_room_is_a_seventh_of_the_house():
    lines = Counter()
    for module, path in KNOWN.items():
        lines[room_of(module)] += path.read_text().count("\n")
    (_, largest), total = lines.most_common(1)[0], lines.total()
    assert largest <= 0.15 * total, lines.most_common(3)


def imported_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(result.stdout.split())


HEAVY = {"ray", "torch", "pandas", "pyarrow", "optuna", "numpy", "scipy", "plotly"}


def test_deciding_imports_nothing_heavy_in_a_fresh_process():
    sets = (name.partition(".")[2].replace(".", "/") for name in OPEN_SETS)
    rooms = ["sweep", "sweepfile", "planning", "curves", "rules", *sets]
    names = [
        str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")
        for room in rooms
        for path in sorted((ROOT / "orchestrator" / room).glob("*.py"))
        if path.name == "__init__.py" or not path.name.startswith("_")  # a member's own parts are loaded when it works
    ]
    code = "\n".join(f"import {name.removesuffix('.__init__')}" for name in names)
    assert imported_by(code) & HEAVY == set()


@pytest.mark.parametrize("room", ["views", "results"])
def test_only_the_tables_import_pyarrow(room: str):
    parquet = {"tables", "columns", "parquet_file", "report_parts", "row_parts", "attempts", "rebuilt", "audit"}
    parquet |= {"trial_rows", "trial_table"}
    tables = {f"results.{module}" for module in parquet}
    light = [module for module in KNOWN if room_of(module) == room and module not in tables and module != room]
    assert imported_by("\n".join(f"import orchestrator.{module}" for module in light)) & HEAVY == set()


def test_the_command_line_imports_nothing_heavy_before_it_must():
    assert imported_by("import orchestrator.cli.app, orchestrator") & HEAVY == set()


@pytest.mark.thorough
def test_a_driver_starts_ray_before_it_imports_ray_tune():
    """Workers begin to import once Ray is up: whatever the driver imports before that comes on top."""
    early = imported_by("import orchestrator.driver, orchestrator.ray.host.early\nassert 'ray.tune' not in sys.modules")
    assert "ray" in early
    assert early & {"pandas", "tensorboardX", "grpc"} == set(), "what Ray Tune and the spare processes bring along"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sweep file, and a sweep of it in runs/small that was begun."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "sweep.yaml").write_text(
        "name: small\ntrainable: train.py:train\nobjective: {metric: loss, goal: minimize}\nfidelity: {max: 9}\n"
        "search_space: {extends: [sgd]}\nbudget: {trials: 9}\n"
    )
    (folder / "train.py").write_text("def train(config): ...\n")
    create(Location.parse(str(folder / "runs/small")), plan_from_file(folder / "sweep.yaml"), b"").release()
    return folder


@pytest.mark.parametrize("line", LOADS)
def test_a_command_line_loads_no_library_that_it_does_not_need(small: Path, line: str):
    code = (
        "import contextlib, io, sys\nbefore = set(sys.modules)\nfrom orchestrator.cli.app import main\n"
        f"sys.argv = ['stepladder', *{line.split()!r}]\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as answer:\n    main()\n"
        "assert answer.getvalue()\nprint(*{name.partition('.')[0] for name in sys.modules.keys() - before})"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=small, capture_output=True, text=True, check=True)
    loaded = {name for name in ran.stdout.split() if not name.startswith("_")}
    assert loaded - sys.stdlib_module_names <= LOADS[line]


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


def test_no_class_name_has_two_meanings():
    """Public classes and type aliases of the package; the demonstrations are programs of their own."""
    places: dict[str, list[str]] = {}
    for module, path in KNOWN.items():
        for node in ast.parse(path.read_text()).body if room_of(module) != "demos" else []:
            for name in named(node):
                places.setdefault(name, []).append(module)
    assert {name: found for name, found in places.items() if len(found) > 1 and not name.startswith("_")} == {}


def named(node: ast.stmt) -> list[str]:
    """The classes, and the other names written like one, that a statement of a module binds."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    names = [node.name] if isinstance(node, ast.ClassDef) else [getattr(target, "id", "") for target in targets]
    return [name for name in names if name != name.upper() and name[:1].isupper()]


@pytest.mark.parametrize("folder", ["orchestrator", "scripts", "tests"])
def test_every_exception_from_the_linter_has_its_reason_beside_it(folder: str):
    unread = {"format_1", "__pycache__"}
    files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and not unread & {*path.parts}]
    is_code = {".py", ""} if folder == "scripts" else {".py"}
    texts = {path: path.read_text() for path in files if path.suffix in is_code}
    mark = re.compile(r"# noqa(?!: [A-Z]+[0-9]+ - \w)")
    found = {path: [line for line in text.splitlines() if mark.search(line)] for path, text in texts.items()}
    assert {path: lines for path, lines in found.items() if lines and path.name != Path(__file__).name} == {}


def test_no_two_test_modules_have_one_name():
    """Pytest imports them by their names alone, and would leave the second out with an error."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
