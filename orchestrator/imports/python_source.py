"""A user's Python as syntax: constants by name, calls by their names; nothing is run."""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestrator.imports.draft import CannotCarryError, NotSuchAFileError

_OPERATORS: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}  # fmt: skip
_MOST_POWER = 64


def parsed(content: bytes, file: str) -> ast.Module:
    """Return a file's syntax. Raises NotSuchAFileError with its line where it is no Python."""
    try:
        with warnings.catch_warnings(action="ignore"):  # the file's own warnings are for whoever runs it
            return ast.parse(content)
    except SyntaxError as error:
        raise NotSuchAFileError(f"{file}:{error.lineno or 1} is not valid Python: {error.msg}; mend the file") from None
    except (ValueError, RecursionError) as error:
        raise NotSuchAFileError(f"{file} is not valid Python: {error}; mend the file") from None


class Constants:
    """What the names that a module binds once, at its top, stand for."""

    def __init__(self, module: ast.Module) -> None:
        self._bound: dict[str, ast.expr] = {}
        for statement in module.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._bound[name] = value
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    self._bound[name] = value

    def value(self, node: ast.expr, depth: int = 0) -> Any:
        """Return what an expression of literals, such names and arithmetic is. Raises CannotCarryError."""
        if depth > 20:
            raise CannotCarryError("an expression that leads in a circle")
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name) if name in self._bound:
                return self.value(self._bound[name], depth + 1)
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                return [self.value(item, depth + 1) for item in items]
            case ast.Dict(keys=keys, values=values) if None not in keys:
                return {
                    self.value(key, depth + 1): self.value(item, depth + 1)
                    for key, item in zip(keys, values, strict=True)
                    if key is not None
                }
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand, depth + 1)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                power = self.value(right, depth + 1)
                if isinstance(power, int | float) and abs(power) <= _MOST_POWER:
                    return self.value(left, depth + 1) ** power
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
                try:
                    return _OPERATORS[type(sign)](self.value(left, depth + 1), self.value(right, depth + 1))
                except (TypeError, ZeroDivisionError, OverflowError):
                    pass
            case ast.Call(func=ast.Attribute(value=ast.Name(id="math" | "np" | "numpy"), attr="log"), args=[argument]):
                return math.log(self.value(argument, depth + 1))
            case ast.Call(func=ast.Name(id="list" | "tuple"), args=[argument]):
                return self.value(argument, depth + 1)
            case ast.Call(func=ast.Name(id="range"), args=arguments) if arguments:
                return list(range(*(self.value(argument, depth + 1) for argument in arguments))[:1000])
        raise CannotCarryError(f"`{ast.unparse(node)[:80]}` is known only to the program as it runs")


def dotted_name(node: ast.AST) -> str:
    """Return `a.b.c` for such an expression; empty for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted_name(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call with the dotted name of what is called, `.name` for a method of an expression."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted_name(node.func)
            if not name and isinstance(node.func, ast.Attribute):
                name = f".{node.func.attr}"
            yield name, node


def arguments_of(call: ast.Call, *names: str) -> dict[str, ast.expr]:
    """Return a call's arguments by name, the positional ones under `names` in their order."""
    found = dict(zip(names, call.args, strict=False))
    return found | {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
