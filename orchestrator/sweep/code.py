"""Which code of the user's belongs to a sweep."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, Strict

from orchestrator.sweep.domains import Record


class Code(Record):
    """Which code of the user's a sweep keeps, so that its trials run what it was started with."""

    root: Annotated[str, Strict()] = Field(".", min_length=1)
    """Folder whose code is pinned, relative to the sweep file; it holds the sweep file's folder: `.` or one above."""
    path: tuple[Annotated[str, Strict(), Field(min_length=1)], ...] = ()
    """Folders below the root that a training function imports from, beside its own: `[src]`."""
    pin: Annotated[bool, Strict()] = True
    """Whether it is copied into the sweep's folder at the start and taken from there. No: each trial takes what lies
    in the folder then. A program (`command`) is never pinned."""

    def inside(self, folder: Path) -> str:
        """Return where a sweep file's folder lies below the root, with forward slashes; empty where it is the root."""
        root = Path(os.path.normpath(folder / self.root))
        below = folder.relative_to(root).as_posix() if folder.is_relative_to(root) else "."
        return "" if below == "." else below
