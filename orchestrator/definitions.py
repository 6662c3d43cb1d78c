"""Finds search_spaces/ and cluster/, in a checkout, an editable install and a wheel alike."""

from __future__ import annotations

from pathlib import Path


def folder(kind: str) -> Path:
    """Return the folder of the definitions of `kind`: inside the package (a wheel), else beside it (a checkout)."""
    package = Path(__file__).parent
    return package / kind if (package / kind).is_dir() else package.parent / kind
