"""A sweep file in the making: what is to be written, what was invented on the way, and what could not be carried.

Every reader of this room ends in a `Draft`; `orchestrator.imports.writing` turns it into text. Nothing is dropped in
silence: what a foreign file says is in the draft's keys, or in `lost` with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.sweep.spec import NAME_PATTERN

ORDER = ("name", "trainable", "command", "args", "objective", "fidelity", "search_space", "nested", "search",
         "searcher", "scheduler", "stages", "budget", "try", "resources", "seed", "ignore")  # fmt: skip
"""The keys of a sweep file in the order that a draft is written in."""


class CannotCarryError(Exception):
    """One construct has no counterpart in a sweep file; the text says why, and what to do instead."""


class NotSuchAFileError(UsageError):
    """The file is not what it was said to be; the text says what it is, where that can be told."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of the sweep file, or one hyperparameter."""

    value: Any
    """What is written: plain data."""
    told: tuple[str, ...] = ()
    """What a comment beside it says: what was invented, or written in another way, and why."""


@dataclass(frozen=True, slots=True)
class Loss:
    """One construct of the foreign file that the sweep file does not hold."""

    where: str
    """Its key path or place in the foreign file."""
    why: str
    """What there is no counterpart for, and what to do."""

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


@dataclass(slots=True)
class Draft:
    """A sweep file in the making."""

    source: str
    """What is imported, as a sentence calls it: `sweep.yaml, a W&B sweep`."""
    keys: dict[str, Entry] = field(default_factory=dict)
    """Every key but `search_space`."""
    space: dict[str, Entry] = field(default_factory=dict)
    """The hyperparameters by name."""
    lost: list[Loss] = field(default_factory=list)
    """What could not be carried, in the order in which it was met."""
    todo: list[str] = field(default_factory=list)
    """What is left to the user: mostly how the training is to report."""
    kept: list[str] = field(default_factory=list)
    """What was found in code and stays as the code has it."""
    beside: dict[str, str] = field(default_factory=dict)
    """Files that are written beside the sweep file, by name: a bridge to the user's own function."""

    def write(self, key: str, value: Any, *told: str) -> None:
        """Set a key of the sweep file, with what a comment is to say of it."""
        self.keys[key] = Entry(value, told)

    def lose(self, where: str, why: str) -> None:
        """Note what cannot be carried."""
        self.lost.append(Loss(where, why))

    def let_report(self, who: str, metric: str) -> None:
        """Say how a program's metric is told to the sweep."""
        self.todo.append(
            f"{who} must report {metric!r}: JSON lines in the file that STEPLADDER_REPORTS names, or say under "
            "`metrics` where it prints or keeps it (docs/guides/programs.md)"
        )

    def name(self, wanted: str) -> None:
        """Name the sweep as the foreign file does, in the letters that a sweep's folder may have."""
        fitting = re.sub(r"[^A-Za-z0-9_.-]+", "-", wanted).strip(".-_")[:64] or "imported"
        assert re.fullmatch(NAME_PATTERN, fitting)
        self.write("name", fitting, *([f"was called {wanted!r} there"] if fitting != wanted else []))

    @property
    def lists(self) -> tuple[tuple[str, list[str]], ...]:
        """What is to be told of the draft, by title: what was lost, what was found and left, what is left to do."""
        return (
            ("could not be carried", list(map(str, self.lost))),
            ("left as the code has it", self.kept),
            ("left to you", self.todo),
        )

    @property
    def tunable(self) -> Mapping[str, Entry]:
        """The hyperparameters that are no constants."""
        return {name: entry for name, entry in self.space.items() if "value" not in entry.value}
