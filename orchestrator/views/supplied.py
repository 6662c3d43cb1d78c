"""What a sweep file leaves to the catalogue or to plain rules, and what they supplied: for `plan` and `check`."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.text import Text

from orchestrator import wording
from orchestrator.sweep.domains import Hyperparameter
from orchestrator.sweep.spec import SweepSpec


def supplied_answer(spec: SweepSpec) -> Group | None:
    """Return what the file does not write and what stands for it, a line each; None where it writes everything."""
    lines = [
        Text(f"  {name}: {', '.join(keys)} ({source})", overflow="fold")
        for name, domain in spec.search_space.items()
        for source, keys in _by_source(domain).items()
    ]
    if not lines:
        return None
    return Group(Text("not written in the file, and so (write the key to have it otherwise)"), *lines)


def supplied_document(spec: SweepSpec) -> dict[str, Any]:
    """Return the same as plain data: by hyperparameter and key the value and where it comes from."""
    return {
        name: {key: {"value": getattr(domain, key), "from": source} for key, source in domain.supplied.items()}
        for name, domain in spec.search_space.items()
        if domain.supplied
    }


def _by_source(domain: Hyperparameter) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, source in domain.supplied.items():
        found.setdefault(source, []).append(f"{key} {wording.scalar(getattr(domain, key))}")
    return found
