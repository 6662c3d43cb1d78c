"""Names with dots as nested configurations: `model.lr` is `config["model"]["lr"]`.

A training reads its configuration nested, as the tools do whose files have such names; the log, the tables and every
decision know the names as the file writes them. Dashes and slashes are letters like others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from orchestrator.sweep.values import Value

CONFIGURATIONS = frozenset({"config", "cfg", "conf", "configuration", "hparams", "hp", "hyperparameters", "params"})
"""What people call the mapping that a training function is given."""

_Domain = TypeVar("_Domain")


def nested(config: Mapping[str, Value]) -> dict[str, Any]:
    """Return a configuration with a mapping for each part of a name before a dot. None of the names has `clashes`."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        *groups, last = name.split(".")
        around = found
        for group in groups:
            around = around.setdefault(group, {})
        around[last] = value
    return found


def reached(config: Mapping[str, Any], name: str) -> Value:
    """Return the value of a name with dots in a nested configuration; raises KeyError where there is none."""
    found: Any = config
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise KeyError(name)
        found = found[part]
    return found


def clashes(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield names that would be a value and a mapping at once, `model` beside `model.lr`, the shorter first."""
    known = set(names)
    for name in sorted(known):
        parts = name.split(".")
        for length in range(1, len(parts)):
            if (shorter := ".".join(parts[:length])) in known:
                yield shorter, name


def outermost(space: Mapping[str, _Domain], *, is_nested: bool) -> dict[str, list[_Domain]]:
    """Return the keys of a configuration as a training is given it, each with the hyperparameters below it."""
    found: dict[str, list[_Domain]] = {}
    for name, domain in space.items():
        found.setdefault(name.partition(".")[0] if is_nested else name, []).append(domain)
    return found
