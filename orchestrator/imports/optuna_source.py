"""What an Optuna objective may suggest, by its text alone: every `trial.suggest_...` call, in whichever branch."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.imports.draft import CannotCarryError
from orchestrator.imports.python_source import Constants, arguments_of, calls


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One call of `suggest_...` in a file."""

    name: str
    """What it suggests; for a name made as the program runs, its text with {} in it."""
    lines: range
    """Where it stands."""
    asked: dict[str, Any]
    """The distribution as the recorder writes it: `kind` and what belongs to it; `lost` with a reason."""
    conditional: bool
    """Whether it stands in a branch or a loop."""

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches the names that it can suggest."""
        return re.compile(".*".join(map(re.escape, self.name.split("{}"))))


def suggestions(module: ast.Module) -> Iterator[Suggestion]:
    """Yield every suggestion of a file, in the order of the lines."""
    constants = Constants(module)
    branches = [
        node for node in ast.walk(module) if isinstance(node, ast.If | ast.For | ast.While | ast.IfExp | ast.Match)
    ]
    inside = [range(node.lineno, (node.end_lineno or node.lineno) + 1) for node in branches if node.col_offset > 0]
    found = [
        call for name, call in calls(module) if re.search(r"\.suggest_\w+$", name) and (call.args or call.keywords)
    ]
    for call in sorted(found, key=lambda call: (call.lineno, call.col_offset)):
        assert isinstance(call.func, ast.Attribute)
        arguments = _arguments(call.func.attr, call)
        lines = range(call.lineno, (call.end_lineno or call.lineno) + 1)
        within = any(call.lineno in branch for branch in inside)
        yield Suggestion(
            _name(arguments.get("name"), constants), lines, _asked(call.func.attr, arguments, constants), within
        )


def _arguments(method: str, call: ast.Call) -> dict[str, ast.expr]:
    if method == "suggest_categorical":
        return arguments_of(call, "name", "choices")
    return arguments_of(call, "name", "low", "high", "q" if method == "suggest_discrete_uniform" else "step", "log")


def _name(node: ast.expr | None, constants: Constants) -> str:
    if node is None:
        return "{}"
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    try:
        return str(constants.value(node))
    except CannotCarryError:
        return "{}"


def _asked(method: str, arguments: dict[str, ast.expr], constants: Constants) -> dict[str, Any]:
    try:
        values = {key: constants.value(node) for key, node in arguments.items() if key != "name"}
    except CannotCarryError as reason:
        return {"kind": "lost", "why": str(reason)}
    if method == "suggest_categorical":
        return {"kind": "choice", "values": values.get("choices", [])}
    step = values.get("step", values.get("q"))
    log = bool(values.get("log")) or method == "suggest_loguniform"
    kind = "int" if method == "suggest_int" else "float"
    return {"kind": kind, "low": values.get("low"), "high": values.get("high"), "log": log, "step": step}


def reported_until(module: ast.Module) -> int | None:
    """Return how often the loop around `trial.report(..)` goes round, where its `range` says so."""
    constants = Constants(module)
    for loop in (node for node in ast.walk(module) if isinstance(node, ast.For)):
        if not any(name.endswith("trial.report") for name, _ in calls(loop)):
            continue
        match loop.iter:
            case ast.Call(func=ast.Name(id="range"), args=[*_, last]) if len(loop.iter.args) <= 2:
                last = loop.iter.args[-1]
                try:
                    count = constants.value(last)
                except CannotCarryError:
                    continue
                if isinstance(count, int) and count > 0:
                    return count
    return None


def starts_when_imported(module: ast.Module) -> int | None:
    """Return the line in which a file starts its search whenever it is imported, outside `if __name__ == ...`."""
    for statement in module.body:
        if isinstance(statement, ast.If | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for name, call in calls(statement):
            if name.endswith((".optimize", ".fit", "tune.run")):
                return call.lineno
    return None
