"""Configurations that another tool was told to begin with, as the key `try`: what fits is tried first here too."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.imports.draft import Draft, Entry
from orchestrator.sweep.values import is_same

_GRID_TOLERANCE = 1e-6
"""By how much of a step a value may lie beside its grid, as the sweep file allows."""


def write_first_tries(where: str, tried: Iterable[Mapping[str, Any]], ours: Mapping[str, str], draft: Draft) -> None:
    """Write `try` from what the construct `where` held; `ours` are the names here by theirs.

    What a sweep file would refuse, a value outside its range or one whose condition does not hold, is left out of its
    configuration and named.
    """
    written: list[dict[str, Any]] = []
    for number, values in enumerate(tried):
        named = {ours.get(theirs, theirs): value for theirs, value in values.items()}
        told = {name: why for name, value in named.items() if (why := _unfit(name, value, named, draft.space))}
        kept = {name: value for name, value in named.items() if name not in told}
        rest = "the rest of it is tried first" if kept else "nothing is left of it"
        for name, why in told.items():
            if why is not _CONSTANT:
                draft.lose(f"{where}, configuration {number}: {name}", f"{why}; {rest}")
        if kept and not any(_is_alike(kept, other) for other in written):
            written.append(kept)
    if written:
        draft.write("try", written, f"{where} there; the defaults are trained before")


_CONSTANT = "a constant here too"


def _unfit(name: str, value: Any, among: Mapping[str, Any], space: Mapping[str, Entry]) -> str | None:
    """Say why a value cannot stand in `try`; None where it can."""
    if name not in space:
        return "it is no hyperparameter of the space"
    fields = space[name].value
    if "value" in fields:
        return _CONSTANT if is_same(fields["value"], value) else f"it is the constant {fields['value']!r} here"
    if not (_is_choice(value, fields["choices"]) if "choices" in fields else _is_in_range(value, fields)):
        return f"{value!r} is none of its values"
    for parent, allowed in fields.get("when", {}).items():
        if parent not in among or not _is_choice(among[parent], allowed):
            return f"it is asked for only where {parent} is one of {list(allowed)!r}"
    return None


def _is_choice(value: Any, among: Iterable[Any]) -> bool:
    return any(is_same(value, other) for other in among)


def _is_in_range(value: Any, fields: Mapping[str, Any]) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    if "low" not in fields:
        return True
    if not fields["low"] <= value <= fields["high"] or (isinstance(fields["low"], int) and value != int(value)):
        return False
    cells = (value - fields["low"]) / fields["step"] if "step" in fields else 0.0
    return bool(abs(cells - round(cells)) <= _GRID_TOLERANCE)


def _is_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(is_same(value, other[name]) for name, value in one.items())
