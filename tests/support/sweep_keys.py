"""Every key of the sweep file with its default: what a version's plans leave unsaid when they lack one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic_core import PydanticUndefined, to_jsonable_python

from orchestrator import members
from orchestrator.planning.compile import PACKAGES
from orchestrator.sweep.domains import Record
from orchestrator.sweep.spec import Member, SweepSpec

REQUIRED = "(required)"
"""Stands for the default of a key that must be written."""
RECORD = "(record)"
"""Stands for the default of a key whose record has keys of its own, which have theirs."""


def keys() -> dict[str, Any]:
    """Key paths to defaults: `fidelity.min`, `search_space.*[choice].choices`, `scheduler.options[asha].brackets`."""
    found = dict(_keys(SweepSpec, ""))
    for key, package in PACKAGES.items():
        for name in members.names(package):
            found.update(_keys(members.load(package, name).Options, f"{key}.options[{name}]."))
    return found


def _keys(model: type[Record], before: str) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        path = f"{before}{field.alias or name}"
        default = field.get_default(call_default_factory=True)
        if isinstance(default, Record) and not isinstance(default, Member):
            default = RECORD
        yield path, REQUIRED if default is PydanticUndefined else to_jsonable_python(default)
        for inner, step in _records(field.annotation):
            if inner is not Member:
                yield from _keys(inner, f"{path}{step}.")


def _records(annotation: Any, step: str = "") -> Iterator[tuple[type[Record], str]]:
    """Yield the records that a value of this type may be or hold, each with its step in a key path."""
    if isinstance(annotation, type) and issubclass(annotation, Record):
        kind = annotation.model_fields.get("type")
        yield annotation, step if kind is None else f"{step}[{kind.default}]"
        return
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        parts = parts[:1]
    inside = ".*" if isinstance(origin, type) and issubclass(origin, Mapping | tuple | list) else ""
    for part in parts if origin in (Annotated, Union) or parts else ():
        yield from _records(part, step + inside)
