"""What people ask about single trials, as files in the sweep's folder: whoever has the storage can ask.

`requests/wish-<time>-<random>.json` is meant for whoever drives the sweep, now or next: unlike a request to leave it
outlives its driver. A driver takes wishes in the order in which they were made, and writes into the log what became of
each, by its name: a file that is known there is done with, and stays.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Container, Iterator
from typing import Any, Literal

import msgspec

from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.requests import FOLDER

_NAME = re.compile(r"wish-\d{20}-[0-9a-f]{8}\.json")


class Wish(msgspec.Struct, frozen=True):
    """What somebody asks for."""

    kind: Literal["try", "stop", "retry"]
    """A configuration to try next, the end of one trial, or another run of one that failed."""
    trial: int | None = None
    """Number of the trial; None for a configuration."""
    config: dict[str, Any] = {}
    """The whole configuration to try; empty for a trial."""
    notes: list[str] = []
    """What was asked for, and where the rest comes from, for people."""


def put_wish(files: FileSystem, wish: Wish, now: float) -> str:
    """Ask, and return the wish's name; `now` is in seconds since the epoch. Raises StorageError."""
    name = f"wish-{int(now * 1e9):020d}-{secrets.token_hex(4)}.json"
    files.create(f"{FOLDER}/{name}", msgspec.json.encode(wish))
    return name


def new_wishes(files: FileSystem, known: Container[str]) -> Iterator[tuple[str, Wish | None]]:
    """Yield the wishes that are not `known` by name, the oldest first; None for one that cannot be read."""
    for name in files.names(FOLDER):
        if _NAME.fullmatch(name) and name not in known:
            try:
                yield name, msgspec.json.decode(files.read(f"{FOLDER}/{name}"), type=Wish)
            except msgspec.MsgspecError:
                yield name, None
