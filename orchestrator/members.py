"""Open sets: the members of a package are its modules, found by listing and imported only when named.

A member's file defines one class and binds it to `MEMBER`. File `soft_stages.py` is the member `soft-stages`.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from pathlib import Path
from typing import Any

from orchestrator.errors import SpecError


def names(package: str) -> list[str]:
    """List the members of `package` (e.g. `orchestrator.searchers`), sorted, without importing them."""
    folder = Path(__file__).parent / package.partition(".")[2].replace(".", "/")
    found = (module.name for module in pkgutil.iter_modules([str(folder)]))
    return sorted(name.replace("_", "-") for name in found if not name.startswith("_"))


def load(package: str, name: str) -> Any:
    """Import the member `name` of `package` and return its class.

    Raises SpecError for an unknown name, with the nearest one and the whole list.
    """
    known = names(package)
    if name not in known:
        kind = package.rpartition(".")[2].removesuffix("s")
        raise SpecError(f"{name!r} is not a {kind}; choose {nearest(name, known)}")
    return importlib.import_module(f"{package}.{name.replace('-', '_')}").MEMBER


def definitions(kind: str) -> Path:
    """Return the folder of the definitions of `kind`, `search_spaces` or `cluster`.

    It lies inside the package (a wheel), else beside it (a checkout).
    """
    package = Path(__file__).parent
    return package / kind if (package / kind).is_dir() else package.parent / kind


def nearest(name: str, known: list[str]) -> str:
    """Phrase what is allowed, the nearest name first: `tpe (did you mean that?) or one of ...`."""
    close = difflib.get_close_matches(name, known, n=1)
    listed = ", ".join(known)
    return f"one of {listed}" + (f" (did you mean {close[0]!r}?)" if close else "")
