"""Code that a sweep runs and that is not pinned: a program's, and what a function imports from elsewhere.

It is looked at in every attempt, and a change is told once: whoever edits it changes the trials that follow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from orchestrator.state.fold import SweepState
from orchestrator.wording import first_of


class UnpinnedCode:
    """What was seen last; `tell` takes a line for a person."""

    def __init__(self, state: SweepState, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._program = state.sessions[-1].code_hash if state.sessions else None
        self._imports: dict[str, str] = {}
        hashes = [attempt.outside_hash for trial in state.trials for attempt in trial.attempts if attempt.outside_hash]
        self._before = hashes[-1] if hashes else None

    def take_program(self, trial: int, code_hash: str | None) -> None:
        """Take the hash of a program's code as an attempt of `trial` found it; None for a function."""
        if code_hash is None:
            return
        if self._program not in (None, code_hash):
            self._tell(
                f"the program's code changed from trial {trial} on: {self._program} -> {code_hash} (it is not pinned; "
                "attempts/ tells which attempt ran which)"
            )
        self._program = code_hash

    def take_imports(self, trial: int, imports: Mapping[str, str]) -> None:
        """Take what an attempt of `trial` imported from elsewhere: files by path, with the hashes of their contents."""
        changed = sorted(path for path, seen in imports.items() if self._imports.get(path, seen) != seen)
        if changed:
            self._tell(f"imported from outside the pinned code, and changed from trial {trial} on: {first_of(changed)}")
        elif not self._imports and self._before not in (None, outside_hash(imports)):
            self._tell(
                "what is imported from outside the pinned code changed since the last driver; it is: "
                f"{first_of(sorted(imports))}"
            )
        self._imports |= imports


def outside_hash(imports: Mapping[str, str]) -> str:
    """Hash what was imported from elsewhere: 12 hex digits, the same for the same files with the same contents."""
    text = "".join(f"{path}\0{seen}\0" for path, seen in sorted(imports.items()))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:12]
