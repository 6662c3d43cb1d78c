"""What a worker process imports before it has a trial: what the training file begins with, as far as it is installed.

A training begins with imports that take seconds, and so does a worker. On a Ray of our own its processes are up before
the driver can place anything, and Ray lets them import modules ahead. Never imported so are the user's own, and nothing
that follows a statement of another kind, which may say how to import it (`os.environ[...] = ...`).
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrator.errors import StorageError
from orchestrator.ray.worker.trainable import Trainable, TrainableFile
from orchestrator.sweep.resources import Resources

PRELOADED = ("orchestrator.ray.worker.worker", "orchestrator.ray.worker.preloaded")
"""What Ray imports in every worker process: what each is made of, and what imports the rest (see `ahead`)."""
LATER = {"torch": "torch._dynamo"}
"""What a library imports at its first use: torch when the first optimizer is made, a second of CPU."""
CPUS = 2
"""Without GPUs Ray has as many processes at hand as CPUs. Where a trial takes more, most would import for nobody."""


def imported_ahead(trainable: Trainable, resources: Resources) -> tuple[str, ...]:
    """Return what the workers of a sweep import before they have a trial, beside what every worker is made of.

    Nothing where a trial has several processes: each is told which GPUs it sees after Ray has given it its own.
    """
    is_wanted = bool(resources.gpus) or resources.cpus <= CPUS
    if not is_wanted or resources.ranks != 1:
        return ()
    first = begins_with(trainable)
    return tuple(dict.fromkeys([*first, *(() if resources.gpus else _later(trainable, first))]))


def _later(trainable: Trainable, first: Sequence[str]) -> list[str]:
    """Return what these modules import at their first use; nothing where the file may set how they do that."""
    found = [LATER[top] for top in {name.partition(".")[0]: None for name in first} if top in LATER]
    if not found or not isinstance(trainable, TrainableFile) or b"environ" in _source(trainable):
        return []
    return found


def _source(trainable: TrainableFile) -> bytes:
    return (trainable.found_folder() / trainable.file).read_bytes()


def begins_with(trainable: Trainable) -> tuple[str, ...]:
    """Return the installed modules that the file of a training function imports first, in its order."""
    if not isinstance(trainable, TrainableFile):
        return ()
    try:
        file = trainable.found_folder() / trainable.file
        with warnings.catch_warnings(action="ignore"):
            module = ast.parse(_source(trainable))
    except (OSError, SyntaxError, ValueError, StorageError):  # the trial says so
        return ()
    beside = {file.parent, trainable.found_folder(), trainable.code_folder()}
    found: list[str] = []
    for name in first_imports(module):
        if not _is_installed(name, beside):
            break
        found.append(name)
    return tuple(found)


def first_imports(module: ast.Module) -> Iterator[str]:
    """Yield what a module imports before it does anything else; `a.b` for `from a.b import c`."""
    for number, statement in enumerate(module.body):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and not statement.level and statement.module:
            if statement.module != "__future__":
                yield statement.module
        elif number or not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            return  # anything but a docstring


def _is_installed(name: str, beside: set[Path]) -> bool:
    """Say whether a module is Python's own or lies among the installed packages, and is not hidden by a user's file."""
    top = name.partition(".")[0]
    if any((folder / top).is_dir() or (folder / f"{top}.py").is_file() for folder in beside):
        return False
    if top in sys.stdlib_module_names:
        return True
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    installed = {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}
    return spec is not None and spec.origin is not None and any(map(Path(spec.origin).is_relative_to, installed))
