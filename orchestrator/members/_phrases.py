"""How messages about members phrase what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def nearest(name: str, known: Sequence[str]) -> str:
    """Phrase what is allowed, the nearest name last: `one of asha, median, none (did you mean 'asha'?)`."""
    close = difflib.get_close_matches(name, known, n=1)
    listed = ", ".join(known)
    return f"one of {listed}" + (f" (did you mean {close[0]!r}?)" if close else "")
