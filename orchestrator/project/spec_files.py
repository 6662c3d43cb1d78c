"""The files that a sweep file leads to: itself, the search spaces it extends, the training function it names.

Everything it names lies in its folder or below, symbolic links followed; the training function is looked for in its
file's syntax, never imported, so that a check takes milliseconds and runs nothing.
"""

from __future__ import annotations

import ast
import difflib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from orchestrator import members
from orchestrator.errors import SpecError, UsageError
from orchestrator.members import nearest
from orchestrator.members.outside import look_beside
from orchestrator.project.calling import describe, may_be_trainable, read_calling, signature_in, unfilled
from orchestrator.project.environment import environment_problems
from orchestrator.storage.url import unexpanded
from orchestrator.sweep.nesting import outermost
from orchestrator.sweep.setup import program_named
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile.foreign import foreign_problem
from orchestrator.sweepfile.messages import KeyPath, quote
from orchestrator.sweepfile.parse import Parsed, parse_text
from orchestrator.sweepfile.spaces import FindSpace, is_path
from orchestrator.sweepfile.yaml_source import MAX_BYTES

SCRIPTS = (".py", ".sh")
"""Endings of arguments of a command that must be files."""


def load_parsed(path: Path, overrides: Sequence[str] = (), *, is_code_pinned: bool = False) -> Parsed:
    """Read and check the sweep file at `path`, `key=value` overrides applied.

    With `is_code_pinned` the training code beside the file is not judged: what runs is a copy. Raises
    UsageError where the file cannot be read or is another tool's, SpecError with every problem that it has.
    """
    try:
        if path.is_dir():
            raise UsageError(f"{path}: this is a folder; give the sweep file, e.g. {path / 'sweep.yaml'}")
        content = read_file(path)
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file; `stepladder init` writes one to start from") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if (told := foreign_problem(content, str(path))) is not None:
        raise UsageError(told)
    folder = path.parent
    look_beside(folder)
    check = (lambda _: ()) if is_code_pinned else partial(program_problems, folder)
    return parse_text(content, str(path), overrides, space_finder(folder), check)


def space_finder(folder: Path) -> FindSpace:
    """Return what finds a search space for a sweep file in `folder`: a shipped one by name, one of its own by path."""
    return partial(_find_space, folder)


def shipped_spaces() -> dict[str, Path]:
    """Return the files of the shipped search spaces by name, in the order of the names."""
    files = members.definitions("search_spaces").glob("*.yaml")
    return {path.stem: path for path in sorted(files, key=lambda path: path.stem)}


def unknown_space(name: str) -> str:
    """Say that no shipped search space has this name, and which one has nearly."""
    near = difflib.get_close_matches(name, list(shipped_spaces()), n=1)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    return f"{name!r} is not a search space{meant}; `stepladder spaces` lists them"


def program_problems(folder: Path, spec: SweepSpec) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with the files that a sweep file names in `folder` to be run, and where it was written."""
    complaint = None if spec.trainable is None else trainable_problem(folder, spec.trainable, keys_given(spec))
    if complaint is not None:
        yield ("trainable",), complaint
    elif spec.resources.ranks > 1 and isinstance(_trained(folder, spec), ast.ClassDef):
        yield (
            ("resources",),
            f"a ray.tune.Trainable trains in one process, and these are {spec.resources.ranks}; set processes: 1, or "
            "name a training function, which each of them calls",
        )
    yield from environment_problems(folder, spec)
    for position, argument in enumerate(spec.command or ()):
        if (complaint := _argument_problem(folder, position, argument)) is not None:
            yield ("command", position), complaint
    for position, line in enumerate(spec.setup):
        program = program_named(line)
        if program is not None and (complaint := _argument_problem(folder, 0, program)) is not None:
            yield ("setup", position), complaint
    for position, argument in enumerate(() if spec.notify is None else spec.notify.command):
        if (complaint := _argument_problem(folder, position, argument)) is not None:
            yield ("notify", "command", position), complaint


def keys_given(spec: SweepSpec) -> dict[str, bool]:
    """Return the keys of the configurations that a training is given, each with whether it is in every one."""
    keys = outermost(spec.search_space, is_nested=spec.nested)
    return {key: any(not domain.when for domain in domains) for key, domains in keys.items()}


def trainable_problem(folder: Path, trainable: str, space: Mapping[str, bool] | None = None) -> str | None:
    """Say what is wrong with `trainable`, a `file.py:function` in `folder`; None where nothing is.

    `space` has the keys that some functions take by name (`keys_given`).
    """
    file, _, function = trainable.rpartition(":")
    try:
        content = _inside(folder, file).read_bytes()
    except FileNotFoundError:
        return f"there is no file {quote(file)} beside the sweep file; write file.py:function"
    except OSError as error:
        return f"{quote(file)} cannot be read: {error.strerror}"
    except SpecError as error:
        return str(error)
    try:
        with warnings.catch_warnings(action="ignore"):  # the file's own warnings are for whoever runs it
            module = ast.parse(content)
    except SyntaxError as error:
        return f"{file}:{error.lineno or 1} is not valid Python: {error.msg}; mend the file"
    except ValueError as error:
        return f"{file} is not valid Python: {error}; mend the file"
    return _function_problem(module, file, function, space or {})


def said_of_calling(folder: Path, spec: SweepSpec) -> str | None:
    """Say how a checked specification's function is called; None for a program, and where its file does not show it."""
    if spec.trainable is None:
        return None
    found = _trained(folder, spec)
    file, _, function = spec.trainable.rpartition(":")
    if isinstance(found, ast.ClassDef):
        whole = "" if spec.fidelity.once else ", or to fidelity.max"
        said = f"is driven as a ray.tune.Trainable: each step() is a report, until one returns done: True{whole}"
        return f"{file}:{found.lineno}: {function} {said}"
    if not isinstance(found, ast.FunctionDef) or found.decorator_list:
        return None
    keys = keys_given(spec)
    calling = read_calling(signature_in(found.args), keys)
    return None if calling is None else f"{file}:{found.lineno}: {function} {describe(calling, keys)}"


def _trained(folder: Path, spec: SweepSpec) -> ast.stmt | None:
    """Return what binds the name that a valid `trainable` gives; None for a program, and where nothing shows it."""
    if spec.trainable is None:
        return None
    file, _, function = spec.trainable.rpartition(":")
    with warnings.catch_warnings(action="ignore"):  # the file's own warnings are for whoever runs it
        module = ast.parse(_inside(folder, file).read_bytes())
    return _bound(module).get(function)


def _argument_problem(folder: Path, position: int, argument: str) -> str | None:
    """Say what is wrong with an argument that can only be meant as a file of the user's: a script."""
    is_program = position == 0 and "/" in argument
    if argument.startswith(("-", "/")) or "{" in argument or not (is_program or argument.endswith(SCRIPTS)):
        return None
    if (told := unexpanded(argument)) is not None:
        return told
    file = folder / argument
    try:
        is_there = file.is_file()
    except OSError as error:
        return f"{quote(argument)} cannot be read: {error.strerror}"
    if not is_there:
        return f"there is no file {argument!r} beside the sweep file; give its path from that folder"
    if is_program and not os.access(file, os.X_OK):
        return f"{argument!r} may not be executed; chmod +x it, or write the program that runs it first"
    return None


def _find_space(folder: Path, entry: str) -> tuple[str, bytes]:
    if is_path(entry):
        try:
            return str(folder / entry), read_file(_inside(folder, entry))
        except FileNotFoundError:
            raise SpecError(
                f"there is no file {quote(entry)} beside the sweep file; give a path from its folder"
            ) from None
        except OSError as error:
            raise SpecError(f"{quote(entry)} cannot be read: {error.strerror}") from None
    shipped = shipped_spaces()
    if entry not in shipped:
        raise SpecError(f"{unknown_space(entry)}, or give a path such as ./my_space.yaml")
    return f"search_spaces/{entry}.yaml", shipped[entry].read_bytes()


def read_file(path: Path) -> bytes:
    """Return what a file holds, cut off a byte past the largest that is taken. Raises OSError."""
    if path.exists() and not path.is_file():
        raise OSError(0, "it is not an ordinary file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def read_foreign_file(path: Path) -> bytes:
    """Return what another tool's file holds, cut off a byte past the largest that is taken. Raises UsageError."""
    try:
        if path.is_dir():
            raise UsageError(f"{path}: this is a folder; give a file in it")
        return read_file(path)
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def _inside(folder: Path, file: str) -> Path:
    """Return the file behind all links; raises SpecError where it lies outside the folder."""
    try:
        path = (folder / file).resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        raise SpecError(f"{quote(file)} cannot be followed: {error}; mend its links") from None
    if not path.is_relative_to(folder.resolve()):
        raise SpecError(f"{file!r} leads out of the sweep file's folder through a symbolic link; keep the file in it")
    return path


def _bound(module: ast.Module) -> dict[str, ast.stmt]:
    return {name: statement for statement in _statements(module.body) for name in _names(statement)}


def _function_problem(module: ast.Module, file: str, function: str, space: Mapping[str, bool]) -> str | None:
    bound = _bound(module)
    found = bound.get(function)
    if found is None and "*" not in bound:
        functions = sorted(name for name, statement in bound.items() if _may_be_trained(statement, bound))
        choice = f"choose {nearest(function, functions)}" if functions else "it defines no function at all"
        return f"{file} defines no function {function!r}; {choice}"
    write = "write an ordinary function of one argument, the configuration"
    if isinstance(found, ast.AsyncFunctionDef):
        return f"{function!r} in {file} is an async function; {write}"
    if isinstance(found, ast.ClassDef) and not may_be_trainable(found, bound):
        return f"{function!r} in {file} is a class, and no ray.tune.Trainable; derive it from that, or {write}"
    if isinstance(found, ast.FunctionDef) and not found.decorator_list:
        complaint = _call_problem(found, space)
        return None if complaint is None else f"{file}:{found.lineno} {complaint}"
    return None


def _may_be_trained(statement: ast.stmt, bound: Mapping[str, ast.stmt]) -> bool:
    is_class = isinstance(statement, ast.ClassDef) and may_be_trainable(statement, bound)
    return is_class or isinstance(statement, ast.FunctionDef)


def _call_problem(function: ast.FunctionDef, space: Mapping[str, bool]) -> str | None:
    signature = signature_in(function.args)
    calling = read_calling(signature, space)
    if calling is None:
        write = f"write `def {function.name}(config):`"
        missing = unfilled(signature, space)
        if not missing:
            return f"cannot be called with the configuration alone; {write}"
        return (
            f"cannot be called by name: no hyperparameter and no default for {', '.join(missing)}; give one, or {write}"
        )
    needed = [name for name in calling.required if not space[name]]
    if needed:
        return (
            f"cannot always be called: {', '.join(needed)} does not apply in every configuration (`when`); "
            "give it a default"
        )
    return None


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Walk through what runs when a module is imported, the branches of its conditions included."""
    for statement in body:
        yield statement
        for block in ("body", "orelse", "finalbody"):
            if isinstance(statement, ast.If | ast.Try | ast.With):
                yield from _statements(getattr(statement, block, []))
        for handler in statement.handlers if isinstance(statement, ast.Try) else []:
            yield from _statements(handler.body)


def _names(statement: ast.stmt) -> list[str]:
    """Return the names that a statement binds; `*` for an import of everything."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [(alias.asname or alias.name).partition(".")[0] for alias in names]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []
