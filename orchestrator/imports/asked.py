"""What a recorder or a file's syntax says of one hyperparameter, as an entry of the sweep file.

Such a description is plain data: `kind` is choice, grid, drawn, int, float, normal, value or lost, beside it what
belongs to that kind. Whole ranges include both ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.imports import ranges
from orchestrator.imports.draft import CannotCarryError, Entry


def entry_of_asked(asked: Mapping[str, Any]) -> Entry:
    """Return the hyperparameter; raises CannotCarryError."""
    match asked["kind"]:
        case "choice" | "grid":
            return ranges.choice(asked["values"])
        case "drawn":
            entry = ranges.choice(asked["values"])
            return Entry(entry.value, ("a function there: these are the values it was seen to give", *entry.told))
        case "value":
            return ranges.constant(asked["value"])
        case "normal":
            return ranges.bell(asked["mean"], asked["sd"], step=asked["q"])
        case "int" | "float":
            return _number(asked)
    raise CannotCarryError(asked["why"])


def _number(asked: Mapping[str, Any]) -> Entry:
    low, high, step = asked["low"], asked["high"], asked.get("step")
    whole = asked["kind"] == "int"
    if any(isinstance(end, bool) or not isinstance(end, int | float) for end in (low, high)):
        raise CannotCarryError("its ends are no numbers")
    if asked.get("q") is not None:
        return ranges.rounded(low, high, asked["q"], log=asked["log"], whole=whole)
    return ranges.number(low, high, log=asked["log"], step=step, whole=whole)
