"""What a preflight found: one finding a check, in words for a person."""

from __future__ import annotations

from dataclasses import dataclass


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

    @classmethod
    def holds(cls, check: str, text: str) -> Finding:
        """Say that a check holds."""
        return cls(check, ok=True, text=text)

    @classmethod
    def fails(cls, check: str, text: str, remedy: str) -> Finding:
        """Say that it does not, and what to do."""
        return cls(check, ok=False, text=text, remedy=remedy)

    @classmethod
    def cannot_tell(cls, check: str, text: str, remedy: str | None = None) -> Finding:
        """Say that it could not be told."""
        return cls(check, ok=None, text=text, remedy=remedy)
