"""Which sweep a file speaks of: its `name` and `storage`, read without judging the rest.

Whoever edits a file for the next sweep must still be able to stop the one that runs. So nothing but these two keys is
looked at, and where the text is not YAML at all, they are looked for line by line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.storage.url import storage_problem
from orchestrator.sweep.spec import NAME_PATTERN, SweepSpec
from orchestrator.sweepfile.messages import OVERRIDE, Place, quote
from orchestrator.sweepfile.yaml_source import MAX_BYTES, UnreadableError, read, read_argument

_KEYS = ("name", "storage")
_LINE = re.compile(rf"""^(["']?)({"|".join(_KEYS)})\1[ \t]*:(?=\s|$)[ \t]*(.*)$""", re.MULTILINE)
_UNDECODED = "\ufffd"


@dataclass(frozen=True, slots=True)
class Heading:
    """What a file, right or wrong, says of the place of its sweep."""

    name: str | None
    """The sweep's name; None where it cannot be read."""
    storage: str | None
    """The folder or URL that sweeps lie in, the default where none is written; None where it cannot be read."""
    trouble: str
    """Why one of them cannot be read; empty where both can."""


def read_heading(content: bytes, file: str, overrides: Sequence[str] = ()) -> Heading:
    """Read name and storage out of `content`, however broken; `file` is what messages call it. Raises nothing.

    `overrides` are `key=value`; those of other keys are passed over.
    """
    written, trouble = _written(content, file)
    for override in overrides:
        key, equals, text = override.partition("=")
        if key in _KEYS and equals:
            written[key] = _argument(text)
    name, storage = written.get("name"), written.get("storage", SweepSpec.model_fields["storage"].default)
    if not isinstance(name, str) or re.fullmatch(NAME_PATTERN, name) is None:
        said = f"{quote(name)} is no name of a sweep" if "name" in written else "is missing"
        name, trouble = None, trouble or f"{file}: name: {said}"
    if not isinstance(storage, str) or not storage or _UNDECODED in storage or storage_problem(storage) is not None:
        storage, trouble = None, trouble or f"{file}: storage: is no place for sweeps"
    return Heading(name, storage, trouble if name is None or storage is None else "")


def _written(content: bytes, file: str) -> tuple[dict[str, Any], str]:
    """Return the two keys as far as they are written, and what is wrong with the text; None for a value in doubt."""
    try:
        tree = read(content, file)
    except UnreadableError as error:
        return _by_line(content), str(error.message)
    if not isinstance(tree.data, dict):
        return {}, f"{file}: a sweep file is a mapping; begin with `name: ...`"
    if doubtful := [message for path, message in tree.messages.items() if path in {(key,) for key in _KEYS}]:
        return _by_line(content), str(doubtful[0])
    return {key: tree.data[key] for key in _KEYS if key in tree.data}, ""


def _by_line(content: bytes) -> dict[str, Any]:
    """Look for the keys at the beginning of lines; one that is written twice with two values is in doubt."""
    text = content[:MAX_BYTES].decode("utf-8-sig", errors="replace")
    found: dict[str, set[Any]] = {}
    for _, key, value in _LINE.findall(text):
        found.setdefault(key, set()).add(_value(value))
    return {key: next(iter(values)) if len(values) == 1 else None for key, values in found.items()}


def _argument(text: str) -> str | None:
    """Read the value of an override; None as for `_value`."""
    try:
        value = read_argument(text, Place(OVERRIDE, text)).data
    except UnreadableError:
        return None
    return value if isinstance(value, str) else None


def _value(text: str) -> str | None:
    """Read one value; None for what is no text, or not YAML."""
    try:
        value = read(text.encode(), "").data
    except UnreadableError:
        return None
    return value if isinstance(value, str) else None
