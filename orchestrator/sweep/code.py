"""Which code of the user's belongs to a sweep."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Strict

from orchestrator.sweep.domains import Record


class Code(Record):
    """Which code of the user's a sweep keeps, so that its trials run what it was started with."""

    root: Annotated[str, Strict()] = Field(".", min_length=1)
    """Folder whose code is pinned, relative to the sweep file; it holds the sweep file's folder: `.` or one above."""
    pin: Annotated[bool, Strict()] = True
    """Whether it is copied into the sweep's folder at the start and taken from there. No: each trial takes what lies
    in the folder then. A program (`command`) is never pinned."""
