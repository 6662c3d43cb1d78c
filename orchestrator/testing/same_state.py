"""Whether two states of a sweep are the same in everything, whatever way they came about."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import msgspec
from pydantic import BaseModel

from orchestrator.state.fold import SweepState
from orchestrator.sweep.trial_list import KeptTrials, TrialList

WORKED_OUT = frozenset({"_board", "_contenders", "_changed", "changed", "forgotten", "_made", "_seen", "_plan"})
"""What is made again when it is asked for, and who is told of changes."""


def differences(one: SweepState, other: SweepState) -> list[str]:
    """Return where two states differ, a path and both values each, in every field and in the order of everything.

    Also what their schedulers took note of is compared, and that who is open or waits is the very trial listed.
    """
    found = list(_differences("state", one, other))
    for state in (one, other):
        for name in ("open", "waiting"):
            strange = [number for number, trial in getattr(state, name).items() if trial is not state.trial(number)]
            found += [f"{name} holds another object for {number}" for number in strange]
    if one.scheduler.snapshot() != other.scheduler.snapshot():
        found.append("the schedulers differ")
    return found


def _differences(path: str, one: Any, other: Any) -> Iterator[str]:
    one, other = (list(found) if isinstance(found, TrialList | KeptTrials) else found for found in (one, other))
    if type(one) is not type(other):
        yield f"{path}: {one!r:.80} is not of the kind of {other!r:.80}"
        return
    parts, others = _parts(one), _parts(other)
    if parts is None or others is None:
        if one != other and not (one != one and other != other):  # NaN is the same as NaN
            yield f"{path}: {one!r:.80} is not {other!r:.80}"
        return
    if list(parts) != list(others):
        yield f"{path}: {list(parts)!r:.80} is not {list(others)!r:.80}"
    for name in parts.keys() & others.keys():
        yield from _differences(f"{path}.{name}", parts[name], others[name])


def _parts(found: Any) -> Mapping[Any, Any] | None:
    """Return what something consists of, by name, key or place, in order; None for plain data, to compare as it is."""
    if isinstance(found, Mapping):
        return found
    if isinstance(found, list | tuple):
        return dict(enumerate(found))
    if isinstance(found, BaseModel | Enum) or not type(found).__module__.startswith("orchestrator"):
        return None
    if dataclasses.is_dataclass(found):
        names = [field.name for field in dataclasses.fields(found)]
    else:
        names = list(found.__struct_fields__ if isinstance(found, msgspec.Struct) else sorted(vars(found)))
    return {name: getattr(found, name) for name in names if name not in WORKED_OUT}
