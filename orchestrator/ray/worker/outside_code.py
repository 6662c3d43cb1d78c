"""What this process imported from elsewhere: neither from the sweep's code nor from installed packages.

Editable installations and what PYTHONPATH names are such code. A file is hashed when it is first seen imported, for
what runs is what was imported then.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from pathlib import Path

MOST_FILES = 500
"""Files that are looked at; who imports more from elsewhere hears of the first by path."""
_INSTALLED = tuple(
    f"{os.path.realpath(sysconfig.get_path(name))}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
_OURS = f"{Path(__file__).resolve().parents[2]}{os.sep}"
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_seen: dict[str, str] = {}
"""Hashes by path, of this process."""


def imported_from_outside(code: Path) -> dict[str, str]:
    """Return the Python files that were imported from outside the folder `code`, with the hashes of their contents."""
    own = f"{os.path.realpath(code)}{os.sep}"
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    found = sorted(file for file in files if isinstance(file, str) and _is_outside(file, own))[:MOST_FILES]
    return {file: seen for file in found if (seen := _hash_of(file)) is not None}


def _is_outside(file: str, own: str) -> bool:
    if not file.endswith(".py"):
        return False
    try:
        real = os.path.realpath(file)
    except OSError:  # a relative name, where the training removed the working directory
        return False
    return not real.startswith((own, _OURS, *_INSTALLED)) and not any(part in real for part in _PACKAGES)


def _hash_of(file: str) -> str | None:
    if file not in _seen:
        try:
            _seen[file] = hashlib.sha256(Path(file).read_bytes()).hexdigest()[:12]
        except OSError:
            return None
    return _seen[file]
