"""Which file of a folder is the program that a configuration is for."""

from __future__ import annotations

import re
from pathlib import Path

_HYDRA_MAIN = re.compile(rb"^\s*@hydra\.main\b|^\s*@main\(.*config_name", re.MULTILINE)
_PLACES = ("*.py", "src/*.py", "*/*.py")


def hydra_app(folder: Path) -> str | None:
    """Return the one file in `folder`, or a folder below, that is a Hydra app; None where there are none or several."""
    found = {path for place in _PLACES for path in folder.glob(place) if _is_app(path)}
    return found.pop().relative_to(folder).as_posix() if len(found) == 1 else None


def _is_app(path: Path) -> bool:
    try:
        return path.is_file() and _HYDRA_MAIN.search(path.read_bytes()) is not None
    except OSError:
        return False
