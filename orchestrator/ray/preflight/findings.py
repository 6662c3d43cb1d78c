"""What a preflight found: one finding a check, in words for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

WhyNot: TypeAlias = Literal["no answer", "no place", "wrong"]
"""Why a check does not hold: who was asked did not answer in time, as a busy node; the places are taken; or something
is wrong, and a sweep would fail of it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    """What was looked at, in one word."""
    ok: bool | None
    """Whether it holds; None where it could not be told."""
    text: str
    """What was seen, on one line."""
    remedy: str | None = None
    """What to do; None where nothing is to be done."""
    why: WhyNot | None = None
    """Why it does not hold, or could not be told; None where it holds, and where it was not looked at."""

    @classmethod
    def holds(cls, check: str, text: str) -> Finding:
        """Say that a check holds."""
        return cls(check, ok=True, text=text)

    @classmethod
    def fails(cls, check: str, text: str, remedy: str) -> Finding:
        """Say that it does not, and what to do."""
        return cls(check, ok=False, text=text, remedy=remedy, why="wrong")

    @classmethod
    def cannot_tell(cls, check: str, text: str, remedy: str | None = None, why: WhyNot | None = None) -> Finding:
        """Say that it could not be told."""
        return cls(check, ok=None, text=text, remedy=remedy, why=why)
