"""Credentials among the values of a sweep: each would stand in its log, its tables and its programs' command lines.

Looked for is what is one by its form alone, a password in a URL or a key as clouds write theirs, and what a command, or
a constant, gives under a secret's name. A training finds such in its environment, or in a file that the sweep names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.errors import SpecError
from orchestrator.secrecy import is_secret_value, mask_forms, secret_arguments
from orchestrator.sweep.spec import SweepSpec


def refuse_credentials(spec: SweepSpec) -> None:
    """Raise SpecError, which repeats none, where a value of the specification holds a credential."""
    found = list(dict.fromkeys([*_paths(spec.model_dump(mode="json", exclude={"storage"})), *_named(spec)]))
    if found:
        raise SpecError(
            "\n".join(
                f"{path}: holds a credential, which every record and process list would show; let the training take it "
                "from its environment (`submit --env`), or from a file that this value names"
                for path in found
            )
        )


def _named(spec: SweepSpec) -> Iterator[str]:
    """Yield the key path of what is given under a secret's name: an argument, a constant hyperparameter."""
    yield from (f"command[{position}]" for position in secret_arguments(spec.command or ()))
    for name, domain in spec.search_space.items():
        if domain.type == "constant" and isinstance(domain.value, str) and is_secret_value(name, domain.value):
            yield f"search_space.{name}.value"


def _paths(node: Any, path: str = "") -> Iterator[str]:
    """Yield the key path of every text that holds one."""
    if isinstance(node, str) and mask_forms(node) != node:
        yield path
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _paths(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list | tuple):
        for position, value in enumerate(node):
            yield from _paths(value, f"{path}[{position}]")
