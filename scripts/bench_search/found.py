"""What searches found, written down as they end: a comparison may be run in parts, and goes on where it was.

A file of JSON lines, one for each search. It holds for one state of the code: begin another after a change.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple


class SearchKey(NamedTuple):
    """Which search it was."""

    method: str
    """As `methods.METHODS` has it."""
    table: str
    """The data set."""
    denoised: bool
    """Whether its table was."""
    workers: int
    """Evaluations at once."""
    seed: int
    """Of the search."""


class FoundSearches:
    """The searches of one file."""

    def __init__(self, path: Path | None) -> None:
        """`path`: the file, which need not be there yet; None keeps nothing."""
        self._path = path
        self._known: dict[SearchKey, list[float]] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                row = json.loads(line)
                self._known[SearchKey(*row["search"])] = row["regrets"]

    def regrets(self, key: SearchKey) -> list[float]:
        """Return the best regret after each evaluation; empty where it was not run."""
        return self._known.get(key, [])

    def add(self, key: SearchKey, regrets: list[float]) -> None:
        """Write one down, at once."""
        if self._path is not None and len(regrets) > len(self._known.get(key, [])):
            self._known[key] = regrets
            with self._path.open("a") as file:
                file.write(json.dumps({"search": key, "regrets": regrets}) + "\n")
