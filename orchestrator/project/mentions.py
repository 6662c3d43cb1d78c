"""Whether a project's Python names a hyperparameter at all, by its syntax; nothing is run.

A name counts wherever it stands as a word: in an identifier, an attribute, a keyword, a piece of text, in this form or
with `_` for what no identifier holds; of `model.lr` the part behind the last dot does. Comments and docstrings do not.
A file that cannot be read as Python may name anything.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Iterator

from orchestrator.sweep.nesting import CONFIGURATIONS

_READERS = ("get", "pop", "setdefault", "__getitem__", "__contains__")
"""Methods of a mapping that take a key first."""


def is_named(hyperparameter: str, content: bytes) -> bool:
    """Say whether a file with this content names the hyperparameter."""
    forms = _forms(hyperparameter)
    if not any(form.encode() in content for form in forms):
        return False
    module = _parsed(content)
    if module is None:
        return True
    word = re.compile("|".join(rf"(?<!\w){re.escape(form)}(?!\w)" for form in forms))
    return any(word.search(text) for text in _words(module, with_docstrings=b"__doc__" in content))


def hands_on(content: bytes, own_modules: Collection[str], parameter: str | None = None) -> bool:
    """Say whether a file gives a configuration whole to what is not the project's, or asks it for keys made as it runs.

    A configuration is what is called like one, or like the training function's `parameter`; `own_modules` are the
    names of the project's modules and packages.
    """
    module = _parsed(content)
    if module is None:
        return True
    called = CONFIGURATIONS | ({parameter} if parameter else set())
    foreign = set(_imported_names(module, own_modules))
    return any(_is_given(node, called, foreign) or _is_asked(node, called) for node in ast.walk(module))


def _forms(hyperparameter: str) -> set[str]:
    last = re.split(r"[./]", hyperparameter)[-1]
    return {form for name in (hyperparameter, last) for form in (name, re.sub(r"\W", "_", name)) if form}


def _parsed(content: bytes) -> ast.Module | None:
    try:
        with warnings.catch_warnings(action="ignore"):  # they are for whoever runs it
            return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _words(module: ast.Module, *, with_docstrings: bool) -> Iterator[str]:
    """Yield every identifier and every piece of text of a module."""
    idle: set[int] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and not with_docstrings:
            idle.add(id(node.value))
        if id(node) in idle:
            continue
        for _, value in ast.iter_fields(node):
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, str):
                    yield item
                elif isinstance(item, bytes):
                    yield item.decode(errors="replace")


def _imported_names(module: ast.Module, own_modules: Collection[str]) -> Iterator[str]:
    """Yield the names that stand for what a module imports from outside the project."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if _top(alias.name) not in own_modules:
                    yield alias.asname or _top(alias.name)
        elif isinstance(node, ast.ImportFrom) and not node.level and _top(node.module or "") not in own_modules:
            yield from (alias.asname or alias.name for alias in node.names)


def _top(module: str) -> str:
    return module.partition(".")[0]


def _is_configuration(node: ast.AST, called: Collection[str]) -> bool:
    return (isinstance(node, ast.Name) and node.id in called) or (
        isinstance(node, ast.Attribute) and node.attr in called
    )


def _is_given(node: ast.AST, called: Collection[str], foreign: Collection[str]) -> bool:
    if not isinstance(node, ast.Call):
        return False
    root: ast.AST = node.func
    while isinstance(root, ast.Attribute | ast.Call | ast.Subscript):
        root = root.func if isinstance(root, ast.Call) else root.value
    if not (isinstance(root, ast.Name) and root.id in foreign):
        return False
    given = [argument.value if isinstance(argument, ast.Starred) else argument for argument in node.args]
    return any(_is_configuration(value, called) for value in [*given, *(keyword.value for keyword in node.keywords)])


def _is_asked(node: ast.AST, called: Collection[str]) -> bool:
    """Say whether a node reads a key that only the program knows."""
    match node:
        case ast.Subscript(value=inner, slice=key, ctx=ast.Load()):
            return _is_configuration(inner, called) and not isinstance(key, ast.Constant)
        case ast.Call(func=ast.Attribute(value=inner, attr=method), args=[key, *_]) if method in _READERS:
            return _is_configuration(inner, called) and not isinstance(key, ast.Constant)
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()], comparators=[inner]):
            return _is_configuration(inner, called) and not isinstance(left, ast.Constant)
    return False
