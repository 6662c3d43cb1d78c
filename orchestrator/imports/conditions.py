"""When a hyperparameter applies, learned from passes over the code that asks for them: data in, conditions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Pass = Mapping[str, Any]
"""`values`: what each hyperparameter was set to; `names`: all that were asked for, in their order."""


def condition(name: str, passes: Sequence[Pass]) -> dict[str, list[Any]] | None:
    """Return the `when` of a hyperparameter: empty where it always applies, None where no one other explains it."""
    with_it = [one for one in passes if name in one["names"]]
    without = [one for one in passes if name not in one["names"] and one.get("error") is None]
    if not without:
        return {}
    before = [other for other in with_it[0]["names"][: with_it[0]["names"].index(name)] if _is_in_all(other, with_it)]
    for other in reversed(before):
        inside = _distinct(one["values"][other] for one in with_it)
        outside = _distinct(one["values"][other] for one in without if other in one["values"])
        if outside and not any(_same(value, there) for value in inside for there in outside):
            return {other: inside}
    return None


def _is_in_all(other: str, passes: Sequence[Pass]) -> bool:
    return all(other in one["values"] for one in passes)


def _distinct(values: Any) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if not any(_same(value, other) for other in found):
            found.append(value)
    return found


def _same(value: Any, other: Any) -> bool:
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)
