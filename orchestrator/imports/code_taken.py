"""Which hyperparameters a training file takes, by its syntax alone: configuration keys, parameters, fields.

What is found is where the code reads a value of that name, and the value that it takes where nobody says otherwise.
Options of a command line are found in `orchestrator.imports.code_options`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.imports.draft import CannotCarryError
from orchestrator.imports.python_source import Constants, dotted_name

METHODS = frozenset({"get", "items", "keys", "values", "copy", "pop", "update", "setdefault"})
_CHOICES = ("Literal",)


@dataclass(frozen=True, slots=True)
class Taken:
    """A hyperparameter that code takes."""

    name: str
    """What the code calls it, nested ones with dots; of an option its letters behind the dashes."""
    line: int
    """Where it is read first."""
    default: Any = None
    """What the code takes for it otherwise; None where that is not known."""
    required: bool = False
    """Whether the code fails without it."""
    choices: tuple[Any, ...] = ()
    """The values that the code says it takes."""
    switch: bool = False
    """Whether it is an option without a value."""


def read_keys(tree: ast.AST, names: frozenset[str], constants: Constants) -> Iterator[Taken]:
    """Yield every key that is read of a mapping with one of `names`, `config["a"]["b"]` as `a.b`."""
    inner: set[int] = set()
    for node in ast.walk(tree):
        if id(node) in inner:
            continue
        path = _path(node, names)
        if path:
            inner |= {id(part) for part in ast.walk(node)}
            yield Taken(".".join(path), getattr(node, "lineno", 1), required=True)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop"):
            around = _path(node.func.value, names)
            inner |= {id(part) for part in ast.walk(node.func)} if around is not None else set()
            match node.args:
                case [ast.Constant(value=str(key)), *rest] if around is not None:
                    default = known_value(rest[0], constants) if rest else None
                    yield Taken(".".join([*around, key]), node.lineno, default)


def read_attributes(tree: ast.AST, name: str) -> Iterator[Taken]:
    """Yield every attribute that is read of `name`: `cfg.model.lr` as `model.lr`, the longest chain of each."""
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            inner |= {id(part) for part in ast.walk(node)}
            base, _, path = dotted_name(node).partition(".")
            path = path.rpartition(".")[0] if path.rpartition(".")[2] in METHODS else path
            if base == name and path:
                yield Taken(path, node.lineno, required=True)


def parameters(function: ast.FunctionDef, constants: Constants) -> Iterator[Taken]:
    """Yield the parameters of a function with their defaults and the choices of their annotations."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for argument, default in [*zip(positional, defaults, strict=True), *named]:
        if argument.arg not in ("self", "trial", "cls"):
            value = None if default is None else known_value(default, constants)
            choices = choices_of(argument.annotation, constants)
            yield Taken(argument.arg, argument.lineno, value, required=default is None, choices=choices)


def fields(name: str, classes: Mapping[str, ast.ClassDef], constants: Constants, above: str = "") -> Iterator[Taken]:
    """Yield the fields of a dataclass, those of a dataclass among them after its field's name."""
    for statement in classes[name].body:
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        path = f"{above}{statement.target.id}"
        kind = dotted_name(statement.annotation).rpartition(".")[2]
        if kind in classes and kind != name and path.count(".") < 4:
            yield from fields(kind, classes, constants, f"{path}.")
            continue
        default = _field_default(statement.value, constants)
        choices = choices_of(statement.annotation, constants)
        yield Taken(path, statement.lineno, default, required=statement.value is None, choices=choices)


def dataclasses_of(module: ast.Module) -> dict[str, ast.ClassDef]:
    """Return the dataclasses of a file by their names."""
    classes = [node for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    return {node.name: node for node in classes if any(map(_is_dataclass, node.decorator_list))}


def _is_dataclass(decorator: ast.expr) -> bool:
    name = dotted_name(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return name.rpartition(".")[2] in ("dataclass", "define", "frozen", "attrs", "s")


def choices_of(annotation: ast.expr | None, constants: Constants) -> tuple[Any, ...]:
    """Return the values of a `Literal[...]`, also inside `Annotated` and `Optional`."""
    for node in ast.walk(annotation) if annotation is not None else []:
        if isinstance(node, ast.Subscript) and dotted_name(node.value).rpartition(".")[2] in _CHOICES:
            listed = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return tuple(value for item in listed if (value := known_value(item, constants)) is not None)
    return ()


def defaults_of(module: ast.Module, constants: Constants) -> dict[str, Any]:
    """Return what the file's own dicts of configuration say, by key: `DEFAULTS = {"lr": 0.1}` at its top."""
    found: dict[str, Any] = {}
    for statement in module.body:
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        for key, item in zip(value.keys, value.values, strict=True) if isinstance(value, ast.Dict) else []:
            known = known_value(item, constants)
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and known is not None:
                found.setdefault(key.value, known)
    return found


def _path(node: ast.AST, names: frozenset[str]) -> list[str] | None:
    """Return the keys of `config["a"]["b"]`; none for `config` itself; None for anything else."""
    if isinstance(node, ast.Name | ast.Attribute):
        named = node.id if isinstance(node, ast.Name) else node.attr
        return [] if named in names else None
    match node:
        case ast.Subscript(value=inner, slice=ast.Constant(value=str(key)), ctx=ast.Load()):
            above = _path(inner, names)
            return None if above is None else [*above, key]
    return None


def known_value(node: ast.expr, constants: Constants) -> Any:
    """Return what an expression is; None for what only the program knows as it runs."""
    try:
        return constants.value(node)
    except CannotCarryError:
        return None


def _field_default(node: ast.expr | None, constants: Constants) -> Any:
    if isinstance(node, ast.Call):
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        return known_value(given["default"], constants) if "default" in given else None
    return None if node is None else known_value(node, constants)
