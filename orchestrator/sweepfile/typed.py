"""Data to typed records, pydantic's errors turned into sentences for whoever wrote the file.

A sentence says what is there, what is allowed, what to do; the key path in front of it is the path in the file, free of
pydantic's own words for the branches of a union.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from orchestrator.members import nearest
from orchestrator.sweep.coupling import Coupling
from orchestrator.sweep.described import SET_BY_PARSER
from orchestrator.sweep.domains import Choice, Constant, Float, Int
from orchestrator.sweep.launching import KubernetesSettings, SlurmSettings
from orchestrator.sweep.machines import Machines
from orchestrator.sweep.patience import Limits, Retry
from orchestrator.sweep.program import Arguments, Metrics
from orchestrator.sweep.reserve import Confirm
from orchestrator.sweep.resources import Resources
from orchestrator.sweep.spec import (
    NAME_PATTERN,
    Budget,
    Fidelity,
    Member,
    Objective,
    Stage,
    SweepSpec,
)
from orchestrator.sweepfile.foreign import named_here
from orchestrator.sweepfile.messages import KeyPath, Problems, phrase_choices, quote

MOST_TOLD = 400
"""Most mistakes of one record that are put into words: the first of thousands say what is wrong with it."""

_Record = TypeVar("_Record", bound=BaseModel)

_PARTS: dict[str, type[BaseModel]] = {
    "objective": Objective, "fidelity": Fidelity, "budget": Budget, "resources": Resources, "retry": Retry,
    "limits": Limits, "stages": Stage, "search": Member, "searcher": Member, "scheduler": Member, "couple": Coupling,
    "args": Arguments, "metrics": Metrics, "confirm": Confirm,
    "slurm": SlurmSettings, "kubernetes": KubernetesSettings,
}  # fmt: skip
_WITH_MACHINES = {"stages", "confirm"}
"""Parts whose own key `resources` says on which machines, and no more."""
_DOMAINS: dict[str, type[BaseModel]] = {"float": Float, "int": Int, "choice": Choice, "constant": Constant}
_WANTED = {
    "string_type": ("text", 'put it in quotes, as in "1.0"'),
    "float_type": ("a number", "write one such as 0.1 or 1e-3"),
    "int_type": ("a whole number", "write one such as 3"),
    "bool_type": ("true or false", "write one of the two"),
    "tuple_type": ("a list", "write one such as [a, b]"),
    "list_type": ("a list", "write one such as [a, b]"),
    "dict_type": ("a mapping", "write one such as {key: value}"),
    "mapping_type": ("a mapping", "write one such as {key: value}"),
    "model_type": ("a mapping", "write one such as {key: value}"),
    "model_attributes_type": ("a mapping", "write one such as {key: value}"),
}
_LIMITS = {
    "greater_than": ("gt", "too small; choose a number above {:g}"),
    "greater_than_equal": ("ge", "too small; choose {:g} or more"),
    "less_than": ("lt", "too large; choose a number below {:g}"),
    "less_than_equal": ("le", "too large; choose {:g} or less"),
}
_EXAMPLES = {
    "name": "name: digits",
    "stages.name": "name: first",
    "search.name": "name: soft-stages",
    "searcher.name": "name: tpe",
    "scheduler.name": "name: asha",
    "trainable": "trainable: train.py:train",
    "objective": "objective: {metric: val_accuracy, goal: maximize}",
    "metric": "metric: val_accuracy",
    "goal": "goal: maximize",
    "fidelity": "fidelity: {metric: epoch, max: 27}",
    "max": "max: 27",
    "search_space": "search_space: {extends: [sgd]}",
    "budget": "budget: {trials: 60}",
    "trials": "trials: 60",
    "tune": "tune: [learning_rate]",
    "low": "low: 0.001",
    "high": "high: 0.1",
    "choices": "choices: [16, 32, 64]",
    "with": "with: batch_size",
}
_KINDS = {"scale": "a scale", "goal": "a goal", "type": "a type", "rule": "a rule"}


def typed(model: type[_Record], data: Any, problems: Problems, at: KeyPath = ()) -> _Record | None:
    """Return `data`, which stands at `at` in the file, as a `model`; None, the problems noted, where it is not one."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        grouped: dict[KeyPath, dict[str, ErrorDetails]] = {}
        for detail in error.errors(include_url=False):
            path, is_there = _path(detail, data)
            grouped.setdefault(path, {})[detail["type"] if is_there else "missing"] = detail
        misspelt = {(*path[:-1], _meant(model, path, data)) for path in grouped if "extra_forbidden" in grouped[path]}
        for place, (path, details) in enumerate(grouped.items()):
            if place >= MOST_TOLD:
                problems.add((*at, *path), "is wrong too")
            elif set(details) == {"literal_error"} and any(other[: len(path)] == path != other for other in grouped):
                continue  # the branch of the union that nobody meant
            elif "missing" not in details or path not in misspelt:
                problems.add((*at, *path), _sentence(model, path, details, data))
        return None


def _path(detail: ErrorDetails, data: Any) -> tuple[KeyPath, bool]:
    """Return the path in the file, the branches of unions left out, and whether anything is written there."""
    path: list[str | int] = []
    node = data
    for part in detail["loc"]:
        if isinstance(node, Mapping | list) and _has(node, part):
            path.append(part)
            node = node[part]  # type: ignore[index]
    if detail["type"] == "missing" or (detail["input"] is None and isinstance(node, Mapping)):
        return (*path, detail["loc"][-1]), False
    if detail["type"] == "union_tag_invalid":
        path.append("type")
    if detail["type"] == "value_error":
        subject = str(detail["ctx"]["error"]).partition(" ")[0]
        if isinstance(node, Mapping) and subject in node:
            path.append(subject)
    return tuple(path), True


def _has(node: Mapping[str, Any] | list[Any], part: str | int) -> bool:
    return part in node if isinstance(node, Mapping) else isinstance(part, int) and part < len(node)


def _sentence(model: type[BaseModel], path: KeyPath, details: dict[str, ErrorDetails], data: Any) -> str:
    kind, detail = next(iter(details.items()))
    value = detail["input"]
    if details.keys() >= {"literal_error", "tuple_type"}:
        return f"{quote(value)} is neither auto nor a list; write auto, or [{{name: first, tune: [learning_rate]}}]"
    if path == ("confirm",) and "literal_error" in details:
        return f"{quote(value)} is neither none nor a mapping; write none, or {{share: 0.15, top: 4}}"
    if kind == "missing":
        return _missing(path)
    if kind == "extra_forbidden":
        return _unknown(model, path, data)
    if kind == "string_pattern_mismatch" and path[0] in ("slurm", "kubernetes"):
        return f"{quote(value)} is no name of a site's; letters, digits and '.', '-', '_', '/', ':', '@', one word"
    if kind == "string_pattern_mismatch" and path == ("resources", "within"):
        return f"{quote(value)} cannot be a label; use letters, digits, '.', '-' and '_', as in within: rack"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind in _WANTED:
        return _wrong_type(kind, value, path)
    if kind in _LIMITS:
        name, text = _LIMITS[kind]
        return f"{quote(value)} is {text.format(detail['ctx'][name])}"
    if kind in ("literal_error", "union_tag_invalid"):
        return _not_allowed(path, detail)
    if kind in ("too_short", "string_too_short"):
        return "is empty; write at least one" if kind == "too_short" else "is empty; write some text"
    if kind == "string_pattern_mismatch" and detail["ctx"]["pattern"] == NAME_PATTERN:
        return f"{quote(value)} cannot be a name; use at most 64 letters, digits, '.', '-' and '_', none of '.-_' first"
    return f"{quote(value)}: {detail['msg'].replace('Input should be', 'must be')}"


def _missing(path: KeyPath) -> str:
    key = str(path[-1])
    example = _EXAMPLES.get(f"{path[0]}.{key}") or _EXAMPLES.get(key, f"{key}: ...")
    return f"is missing; write e.g. `{example}`"


def _unknown(model: type[BaseModel], path: KeyPath, data: Any) -> str:
    key = str(path[-1])
    known = _known(model, path[:-1], data)
    if (strange := next((letter for letter in key if not letter.isascii()), None)) is not None:
        named = unicodedata.name(strange, "a character without a name")
        return f"unknown key; it has {ascii(strange)[1:-1]} ({named}) in it. Choose {nearest(key, known)}"
    if (ours := named_here(key, known)) is not None:
        return f"unknown key; that is written `{ours}` here"
    return f"unknown key; choose {nearest(key, known)}" if known else "unknown key; remove it"


def _meant(model: type[BaseModel], path: KeyPath, data: Any) -> str | None:
    """Return the key that the unknown one at `path` is probably a misspelling of."""
    return next(iter(difflib.get_close_matches(str(path[-1]), _known(model, path[:-1], data), n=1)), None)


def _known(model: type[BaseModel], around: KeyPath, data: Any) -> list[str]:
    """Return the keys that the record at `around` may have; none where that is an option's own affair."""
    owner: type[BaseModel] | None = None if around else model
    if around and model is SweepSpec:
        owner = _PARTS.get(str(around[0]))
        if around[0] in _WITH_MACHINES and around[-1] == "resources":
            owner = Machines
        if around[0] == "search_space" and len(around) == 2:
            owner = _DOMAINS[data["search_space"][around[1]]["type"]]
    fields = {} if owner is None else owner.model_fields
    return sorted({field.alias or name for name, field in fields.items()} - SET_BY_PARSER)


def _wrong_type(kind: str, value: Any, path: KeyPath) -> str:
    wanted, remedy = _WANTED[kind]
    if kind == "int_type" and path[0] == "search_space":
        remedy = "write one such as 3, or add type: float"
    if path == ("command",):
        return f"{quote(value)} is not a list; write each argument by itself, as in [python, train.py]"
    if wanted == "a list" and isinstance(value, bool | int | float | str):
        remedy = f"write [{value if isinstance(value, str) else quote(value)}]"
    if value is None:
        return f"has no value, {wanted} is needed; {remedy}"
    return f"{quote(value)} is not {wanted}; {remedy}"


def _not_allowed(path: KeyPath, detail: ErrorDetails) -> str:
    literal = detail["type"] == "literal_error"
    allowed = re.findall(r"'([^']*)'", detail["ctx"]["expected" if literal else "expected_tags"])
    value = detail["input"] if literal else detail["input"].get("type")
    return f"{quote(value)} is not {_KINDS.get(str(path[-1]), 'allowed')}; {phrase_choices(value, allowed)}"
