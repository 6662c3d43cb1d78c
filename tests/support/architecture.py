"""Who may import whom: the one table, and what walks every module's syntax against it.

Imports inside functions and under TYPE_CHECKING count: a hand-written list of modules had holes, and so has whatever a
fresh process happens to load.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

FLOORS: tuple[tuple[str, ...], ...] = (
    ("cli", "notebook", "__init__"),
    ("testing", "demos", "driver", "ui"),
    ("views",),
    ("ray.preflight",),
    ("ray.host",),
    ("ray.worker",),
    ("project", "benchmarks"),
    ("launchers", "results"),
    ("control",),
    ("policies",),
    ("state",),
    ("curves", "imports"),
    ("sweepfile",),
    ("planning",),
    ("ladders",),
    ("searchers", "schedulers", "rules", "wording"),
    ("storage", "training"),
    ("sweep",),
    ("members",),
    ("errors", "secrecy"),
    ("exitcodes",),
)
"""The rooms, from the roof to the ground. A module imports from its own room and from floors below."""

ONLY: Mapping[str, tuple[str, ...]] = {
    "ray": ("ray", "launchers.ray_job", "demos", "imports.recorder_ray"),
    "optuna": ("searchers", "results.importance", "results.sinks", "imports.recorder_optuna"),
    "pyarrow": ("storage", "results", "benchmarks", "ray.worker", "testing.faults.store"),
    "torch": ("training", "rules._inspection", "demos"),
    "httpx": ("launchers",),
    "tensorboardX": ("ray.worker", "results.sinks"),
    "mlflow": ("results.sinks",),
    "rich": ("views", "cli"),
    "typer": ("cli",),
    "pandas": ("notebook", "views.notebook_sweep"),
    "plotly": ("views",),
    "starlette": ("ui",),
    "uvicorn": ("ui",),
    "anyio": ("ui",),
    "orchestrator.training": ("demos",),
    "orchestrator.testing": (),
    "orchestrator.demos": ("cli",),
    "orchestrator.imports": ("cli",),
    "orchestrator.ui": ("cli",),
    "orchestrator.driver": ("cli", "notebook", "__init__"),
}
"""Which rooms and modules may import a library, or a room that stands apart; everybody else may not."""


COMMAND_LINE = frozenset({"annotated_doc", "orchestrator", "shellingham", "typer"})
READING = COMMAND_LINE | {
    "annotated_types", "msgspec", "pathspec", "pydantic", "pydantic_core", "rich", "ruamel", "typing_extensions",
    "typing_inspection",
}  # fmt: skip
LOADS: Mapping[str, frozenset[str]] = {
    "--help": COMMAND_LINE,
    "plan -h": COMMAND_LINE,
    "plan sweep.yaml": READING,
    "status runs/small": READING,
    "status runs/small --json": READING,
    "schema": READING,
}
"""Which libraries a fresh process may load for a command line: help costs what Python costs."""


class Import(NamedTuple):
    """One import, wherever it stands in a module."""

    module: str
    """Who imports, without `orchestrator.` in front; `__init__` for the package itself."""
    line: int
    """Where."""
    target: str
    """What is imported, by its full dotted name; for `from a import b`, `a.b`."""


def modules(package: Path = ROOT / "orchestrator") -> dict[str, Path]:
    """Every module of the package by its name below it."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path
    return found


def imports(module: str, source: str) -> Iterator[Import]:
    """Every import of a module's source. Relative ones have no place here: `from . import x` raises ValueError."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise ValueError(f"{module}:{node.lineno}: a relative import; write it out")
            for alias in node.names:
                yield Import(module, node.lineno, f"{node.module}.{alias.name}")


def room_of(name: str) -> str:
    """The room of a module, by its name below the package: its first part, in `ray` two; `__main__` is cli."""
    if name == "__main__":
        return "cli"
    parts = name.split(".")
    return ".".join(parts[: 2 if parts[0] == "ray" and len(parts) > 1 else 1])


def violation(found: Import, known: Mapping[str, Path]) -> str | None:
    """Say which rule an import breaks; None where it breaks none."""
    where = f"orchestrator.{found.module}:{found.line} imports {found.target}"
    for library, allowed in ONLY.items():
        owners = (library.removeprefix("orchestrator."), *allowed)
        if _is_in(found.target, library) and not any(_is_in(found.module, place) for place in owners):
            return f"{where}: only {', '.join(allowed) or 'nobody'} may import {library}"
    if not _is_in(found.target, "orchestrator") or found.target == "orchestrator.__version__":
        return None
    here, there = room_of(found.module), room_of(_below(found.target, known))
    if here == there or (here, there) == ("__init__", "notebook"):
        return None
    if _floor(there) <= _floor(here):
        return f"{where}: {there} does not lie below {here}"
    return None


def _below(target: str, known: Mapping[str, Path]) -> str:
    """The module that a dotted name lies in, below the package."""
    name = target.removeprefix("orchestrator").removeprefix(".")
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or "__init__"


def _floor(room: str) -> int:
    floors = {name: height for height, names in enumerate(FLOORS) for name in names}
    if room not in floors:
        raise ValueError(f"the room {room!r} has no floor: enter it in FLOORS")
    return floors[room]


def _is_in(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")
