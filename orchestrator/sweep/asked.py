"""Configurations that a person asks for: what of them does not fit the space, and how the rest is filled in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from orchestrator.sweep.domains import Choice, Config, Constant, Hyperparameter, Value
from orchestrator.sweep.space import Space
from orchestrator.sweep.values import exact

MOVE = "asked"
"""How such a trial was proposed (`Trial.move`)."""


def objections(
    space: Space, values: Mapping[str, Value], held: Mapping[str, Value] | None = None
) -> Iterator[tuple[str | None, str]]:
    """Yield what keeps `values` from being tried, each with the name that it is about; None: about all of them.

    What they leave out is taken from `held`, and from the defaults without it.
    """
    known = {name: value for name, value in values.items() if name in space}
    for name in values.keys() - known.keys():
        near = get_close_matches(name, space, n=1)
        yield name, f"{name!r} is not in the search space{f' (did you mean {near[0]!r}?)' if near else ''}"
    wrong = {name: text for name, value in known.items() if (text := _wrong(space[name], value)) is not None}
    for name, text in wrong.items():
        yield name, f"{name!r} {text}"
    if wrong or len(known) < len(values):
        return
    config = filled(space, values, held or {})
    for name in known.keys() - config.keys():
        wanted = " and ".join(f"{parent} is {_either(allowed)}" for parent, allowed in space[name].when.items())
        yield name, f"{name!r} applies only where {wanted}, which it is not here; give that too, or leave it out"
    if known.keys() <= config.keys() and exact(config) == exact(space.baseline):
        yield None, "this is the baseline, which is tried first in any case"


def filled(space: Space, values: Mapping[str, Value], held: Mapping[str, Value]) -> Config:
    """Return a full configuration of `values` that fit, those of `held` for the others, and defaults for the rest."""
    own = {name: space[name].canonical(value) for name, value in values.items()}
    return space.complete({**held, **own})


def _wrong(domain: Hyperparameter, value: Value) -> str | None:
    if isinstance(domain, Constant):
        same = domain.same(domain.value, value)
        return None if same else f"is a constant, {_written(domain.value)}, in this sweep; leave it out"
    if domain.contains(value):
        return None
    if isinstance(domain, Choice):
        return f"cannot be {_written(value)}; choose {_either(domain.choices)}"
    step = "" if domain.step in (None, 1) else f" in steps of {domain.step:g}"
    kind = "a whole number" if domain.type == "int" else "a number"
    return f"cannot be {_written(value)}; choose {kind} from {domain.low:g} to {domain.high:g}{step}"


def _either(values: tuple[Value, ...]) -> str:
    *others, last = map(_written, values)
    return f"{', '.join(others)} or {last}" if others else last


def _written(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)
