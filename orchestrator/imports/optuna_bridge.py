"""The training function that is written beside an imported Optuna objective: how it comes by that, and asks it.

An objective that the file has by name once it is imported is imported. Any other, a function within a function, an
object, or one whose file sets up its data under `if __name__ == "__main__":`, is there only while the file runs: so the
file is run up to its `study.optimize`, in whose place the objective is asked once, with a sweep's configuration.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from orchestrator.imports.optuna_source import starts_when_imported
from orchestrator.imports.python_source import calls

_ASKING = '''\
NAMES = {names}
"""What the objective calls each hyperparameter, by the sweep file's name for it."""


class Reporting(FixedTrial):
    """Answers with a configuration and hands on what the objective reports; whether to stop is the sweep's to say."""

    last = None

    def suggest_categorical(self, name, choices):
        given = self._params[name]
        if isinstance(given, list):  # a tuple is a list in the sweep's configuration
            return next(choice for choice in choices if as_lists(choice) == given)
        return super().suggest_categorical(name, choices)

    def report(self, value, step):
        self.last = value
        tune.report({{"value": float(value), "step": step}})


def as_lists(value):
    return [as_lists(item) for item in value] if isinstance(value, (list, tuple)) else value


def train(config):
    trial = Reporting({{theirs: config[ours] for ours, theirs in NAMES.items() if ours in config}})
    value = {function}(trial)
    # What it reported by the way counts; without a report, what it returns is its one score.
    return {{"value": float(value)}} if trial.last is None else None
'''
_IMPORTING = '''\
"""Runs the Optuna objective of {file} as the training function of a sweep.

Written by `stepladder import optuna`, and yours to change. The objective is asked as Optuna asks it; its trial answers
with the sweep's configuration.
"""

from optuna.trial import FixedTrial
from ray import tune

{imported}

'''
_RUNNING = '''\
"""Runs the Optuna objective of {file} as the training function of a sweep.

Written by `stepladder import optuna`, and yours to change. {file} is run as its own command line runs it, up to its
search; there its objective is asked once, by a trial that answers with the sweep's configuration.
"""

import runpy
import sys
from pathlib import Path

import optuna
from optuna.trial import FixedTrial
from ray import tune

FILE = Path(__file__).with_name({name!r})
ARGUMENTS = {arguments!r}
"""What the file is given on its command line."""

'''
_ASKED_WITHIN = '''

class Answered(BaseException):
    """Ends the file once its objective has answered; no `except Exception` of its own stops it."""


def objective(trial):
    study_module, argv, answers = optuna.study, sys.argv, []
    create, load, search = optuna.create_study, optuna.load_study, study_module.Study.optimize

    def in_memory(**settings):
        return create(**{**settings, "storage": None, "load_if_exists": False})

    def optimize(study, func, *_, **__):
        answers.append(func(trial))
        raise Answered

    sys.argv = [str(FILE), *ARGUMENTS]
    optuna.create_study = study_module.create_study = in_memory
    optuna.load_study = lambda study_name=None, **_: in_memory(study_name=study_name)
    study_module.Study.optimize = optimize
    try:
        runpy.run_path(str(FILE), run_name="__main__")
    except Answered:
        pass
    finally:
        sys.argv, optuna.load_study, study_module.Study.optimize = argv, load, search
        optuna.create_study = study_module.create_study = create
    if not answers:
        raise RuntimeError(f"{FILE.name} {' '.join(ARGUMENTS)} ended without a search")
    return answers[0]
'''


def importing_bridge(file: Path, function: str, names: Mapping[str, str]) -> str:
    """Return the bridge to an objective that the file has by name; `names` are the objective's by ours."""
    imported = f"from {file.stem} import {function}"
    if not file.stem.isidentifier():
        imported = f"from importlib import import_module\n\n{function} = import_module({file.stem!r}).{function}"
    asking = _ASKING.format(names=_listed(names), function=function)
    return _IMPORTING.format(file=file.name, imported=imported) + asking


def running_bridge(file: Path, arguments: Sequence[str], names: Mapping[str, str]) -> str:
    """Return the bridge to an objective that is there only while `file` runs, with these arguments."""
    begun = _RUNNING.format(file=file.name, name=file.name, arguments=list(arguments))
    return begun + _ASKING.format(names=_listed(names), function="objective") + _ASKED_WITHIN


def is_importable(function: str | None, module: ast.Module) -> bool:
    """Say whether importing a file is enough to ask this objective of it.

    It is where the name is bound at the file's top, the import neither starts a search nor reads a command line, and
    nothing that the file's functions use is set under `if __name__ == "__main__":` alone.
    """
    at_the_top = set(_bound(statement for statement in module.body if not _is_guard(statement)))
    guarded = set(_bound(statement for statement in module.body if _is_guard(statement)))
    if function not in at_the_top or starts_when_imported(module) is not None or _reads_arguments(module):
        return False
    return not (guarded - at_the_top) & set(_used_in_functions(module))


def _reads_arguments(module: ast.Module) -> bool:
    """Say whether importing a file parses the command line of whatever process imports it."""
    return any(
        name.endswith((".parse_args", ".parse_known_args"))
        for statement in module.body
        if not _is_guard(statement)
        for node in _of_scope(statement)
        for name, _ in calls(node)
    )


def optimizes(module: ast.Module) -> bool:
    """Say whether a file calls `study.optimize(..)` somewhere."""
    return any(name.endswith(".optimize") for name, _ in calls(module))


def _listed(names: Mapping[str, str]) -> str:
    listed = "".join(f"\n    {ours!r}: {theirs!r}," for ours, theirs in names.items())
    return f"{{{listed}\n}}"


def _is_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in {
        node.id for node in ast.walk(statement.test) if isinstance(node, ast.Name)
    }


def _bound(statements: Iterator[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements bind in their own scope."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name
            continue
        for node in _of_scope(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node.name
            elif isinstance(node, ast.Import | ast.ImportFrom):
                yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)


def _of_scope(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a statement's nodes without what lies in a scope of its own within it."""
    yield node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return
    for child in ast.iter_child_nodes(node):
        yield from _of_scope(child)


def _used_in_functions(module: ast.Module) -> Iterator[str]:
    """Yield every name that a function or class at a file's top asks for."""
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    yield node.id
