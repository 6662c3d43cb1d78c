"""Names that other tools give hyperparameters, as names that a sweep file takes."""

from __future__ import annotations

import re
from collections.abc import Container

from orchestrator.imports.draft import CannotCarryError
from orchestrator.sweep.spec import HYPERPARAMETER_PATTERN

MOST_LETTERS = 64


def hyperparameter_name(wanted: str, taken: Container[str], *, flat: bool = False) -> tuple[str, tuple[str, ...]]:
    """Return a name for our file, its own where that is one, and what a comment says where it differs.

    `flat` names have letters, digits and `_` alone. Raises CannotCarryError.
    """
    if re.fullmatch(HYPERPARAMETER_PATTERN, wanted) and wanted not in taken and (wanted.isidentifier() or not flat):
        return wanted, ()
    name = re.sub(r"[^A-Za-z0-9_]", "_", wanted)
    name = name if name[:1].isalpha() else f"p{name}"
    if len(name) > MOST_LETTERS:
        raise CannotCarryError(f"a name of {len(name)} letters; {MOST_LETTERS} are the most here")
    while name in taken:
        name = f"{name[:60]}_2"
    return name, (f"{wanted!r} there",)
