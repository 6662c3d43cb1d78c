"""What is run once on each node before its first trial: the key `setup`, lines as one would type them there."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator

from orchestrator.secrecy import mask
from orchestrator.sweep.environment import Word


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _without_secrets(lines: tuple[str, ...]) -> tuple[str, ...]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise ValueError(f"line {number} is empty; write a command, or leave the line out")
        if mask(line) != line:
            raise ValueError(
                f"line {number} holds a secret, and a sweep's plan, logs and page show it: {mask(line)}. Let the nodes "
                "know it, or read it there from a file that only you can read"
            )
    return lines


SetupLines: TypeAlias = Annotated[tuple[Word, ...], BeforeValidator(_listed), AfterValidator(_without_secrets)]
"""Lines for a shell, each run by one of its own: `[./stage.sh, "test -d /local/images"]`; or a single one."""


def files_named(lines: Sequence[str]) -> list[str]:
    """List the words of `setup` that can be files beside the sweep file, once each."""
    found = (word for line in lines for word in _words(line) if not word.startswith(("-", "/", "~", "$")))
    return list(dict.fromkeys(word.removeprefix("./") for word in found if word.strip("./")))


def program_named(line: str) -> str | None:
    """Return what a line starts, where that is a path below the sweep file's folder, as it is written; else None."""
    first = next(iter(_words(line)), "")
    is_path = "/" in first and not first.startswith(("/", "~")) and not any(mark in first for mark in "$*?=`;|&<>(){}")
    return first if is_path else None


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # quotes that a shell takes otherwise, or refuses when it comes to the line
        return line.split()
