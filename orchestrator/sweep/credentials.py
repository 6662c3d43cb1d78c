"""Credentials among the values of a sweep: each would stand in its log, its tables and its programs' command lines.

Looked for is what is one by its form alone: a password in a URL, a key as clouds write theirs. A training finds such in
its environment, or in a file that the sweep names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.errors import SpecError
from orchestrator.secrecy import mask_forms
from orchestrator.sweep.spec import SweepSpec


def refuse_credentials(spec: SweepSpec) -> None:
    """Raise SpecError, which repeats none, where a value of the specification holds a credential."""
    found = list(dict.fromkeys(_paths(spec.model_dump(mode="json", exclude={"storage"}))))
    if found:
        raise SpecError(
            "\n".join(
                f"{path}: holds a credential, which every record and process list would show; let the training take it "
                "from its environment (`submit --env`), or from a file that this value names"
                for path in found
            )
        )


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
