"""What is wrong with a sweep file, and where: `sweep.yaml:14: search_space.learning_rate.scale: what; what to do`.

Everything that is found is collected and said at once, one line each, in the order of the file. A key is complained
about once: what lies inside a key that is wrong already stays unsaid.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from orchestrator.errors import SpecError
from orchestrator.secrecy import MASK, is_secret_name, mask, mask_forms

KeyPath: TypeAlias = tuple[str | int, ...]
"""The keys and positions that lead to a value, e.g. `("stages", 0, "tune")`."""

Complaints: TypeAlias = Iterator[tuple[KeyPath, str]]
"""Where something is wrong, and what is, what is allowed and what to do."""

MAX_SAID = 40
"""Most problems that one error lists."""

SWEEP_FILE, SPACE_FILE, OVERRIDE = range(3)
"""Ranks of places: the sweep file's problems are said first, those of the command line last."""

_QUOTED = re.compile(r"'[^']*'?|\"[^\"]*\"?|\d\S*")


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """Where something was written."""

    rank: int
    """SWEEP_FILE, SPACE_FILE or OVERRIDE."""
    file: str
    """The file as the user named it; for an override its text."""
    line: int = 1
    """1 first."""

    def __str__(self) -> str:
        if self.rank == OVERRIDE:
            key, equals, _ = self.file.partition("=")
            return f"override {shown(f'{key}{equals}{MASK}' if _is_secret(key) else mask(self.file), 200)}"
        return f"{printable(self.file)}:{self.line}"


@dataclass(frozen=True, order=True, slots=True)
class Message:
    """One thing that is wrong."""

    place: Place
    """Where."""
    path: str
    """Key path as shown; empty for what concerns the whole file."""
    text: str
    """What, what is allowed, what to do."""

    def __str__(self) -> str:
        told = f"{printable(self.path)}: {self.text}" if self.path else self.text
        if self.place.rank == OVERRIDE and _is_secret(self.path):
            told = f"{printable(self.path)}: {_QUOTED.sub(MASK, self.text)}"
        return f"{self.place}: {mask_forms(told)}"


class Problems:
    """Collects messages by key path."""

    def __init__(self, places: dict[KeyPath, Place], found: Mapping[KeyPath, Message]) -> None:
        self.places = places
        """Where each key was written; a missing one is looked for at the key around it."""
        self._found = dict(found)
        self._elsewhere: list[Message] = []

    def add(self, path: KeyPath, text: str) -> None:
        """Note that the value at `path` is wrong, unless the key or one around it has a problem already."""
        if not any(path[:length] in self._found for length in range(len(path) + 1)):
            self._found[path] = self.message(path, text)

    def message(self, path: KeyPath, text: str) -> Message:
        """Return something about the value at `path`, with the place where that was written."""
        place = self.place(path)
        taken_over = place.rank == SPACE_FILE and path[:1] == ("search_space",)
        return Message(place, dotted(("hyperparameters", *path[1:]) if taken_over else path), text)

    def take(self, message: Message, path: KeyPath = ()) -> None:
        """Take a message made elsewhere (a file of search spaces, an override), to count as said of `path`."""
        if path and path not in self._found:
            self._found[path] = message
        else:
            self._elsewhere.append(message)

    def place(self, path: KeyPath) -> Place:
        """Return where `path` was written, or the nearest key around it."""
        while path not in self.places:
            path = path[:-1]
        return self.places[path]

    @property
    def found(self) -> Mapping[KeyPath, Message]:
        """Everything that was found under a path."""
        return self._found

    @property
    def elsewhere(self) -> Sequence[Message]:
        """Everything that was found and belongs to no path, or to one with a problem already."""
        return self._elsewhere

    @property
    def keys(self) -> set[str | int]:
        """The first keys of every path with a problem."""
        return {path[0] for path in self._found if path}

    def __bool__(self) -> bool:
        return bool(self._found or self._elsewhere)

    def raise_any(self) -> None:
        """Raise one SpecError with everything found, in the order of the lines; nothing when nothing was found."""
        if self:
            messages = sorted({*self._found.values(), *self._elsewhere})
            more = len(messages) - MAX_SAID
            lines = [str(message) for message in messages[:MAX_SAID]]
            raise SpecError("\n".join([*lines, *([f"... and {more} more problems"] if more > 0 else [])]))


def _is_secret(path: str) -> bool:
    """Say whether a key path leads to, or into, what has the name of a secret."""
    return any(map(is_secret_name, re.split(r"[.\[\]]", path)))


def dotted(path: KeyPath) -> str:
    """Write a key path as the command line takes it: `stages[0].tune`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def quote(value: Any) -> str:
    """Write a value of the sweep file for a message, shortened."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = json.dumps(value, default=str) if isinstance(value, Mapping | list | tuple) else repr(value)
    text = mask_forms(text)  # before anything is cut off that shows it to be a secret
    return text if len(text) <= 60 else f"{text[:50]}...{text[-1]}"


def printable(text: str) -> str:
    """Return the text with whatever no terminal shows, or obeys, written as its escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shown(text: str, most: int) -> str:
    """Return the text as a message shows it: printable, its middle left out where it is long."""
    text = printable(text)
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 4 :]}"


def phrase_choices(value: Any, allowed: Sequence[str]) -> str:
    """Phrase what is allowed: `choose linear or log`, the nearest one named again where one is near."""
    listed = " or ".join([", ".join(allowed[:-1]), allowed[-1]] if len(allowed) > 1 else list(allowed))
    near = difflib.get_close_matches(value, allowed, n=1) if isinstance(value, str) else []
    return f"choose {listed}" + (f" (did you mean {near[0]!r}?)" if near else "")
