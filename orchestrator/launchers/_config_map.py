"""The sweep file's folder as a Kubernetes ConfigMap, for code that is small enough to travel in one."""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted  # Kubernetes reads YAML 1.1: `on` is no word
from ruamel.yaml.scalarstring import LiteralScalarString as Literal

from orchestrator.errors import UsageError

LIMIT_BYTES = 900_000
"""Most bytes of content: Kubernetes takes 1 MiB for the whole object."""
_SKIPPED = {"__pycache__", "venv"}
_LITERAL = re.compile(r"[^\s](?:[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]*[^\s])?\n")
_SWEEP = "plan.json"
_NEVER_FOLDED = 2**31


def code_files(folder: Path) -> dict[str, bytes]:
    """Read what travels, by path relative to `folder`: all but what is hidden, caches, and sweeps that were run there.

    Raises UsageError, naming the largest files, where it is more than a ConfigMap holds.
    """
    files: dict[str, bytes] = {}
    sizes: dict[str, int] = {}
    for place, below, names in os.walk(folder):
        if _SWEEP in names and "journal" in below:
            below.clear()
            continue
        below[:] = sorted(name for name in below if name not in _SKIPPED and not name.startswith("."))
        for path in (Path(place, name) for name in sorted(names) if not name.startswith(".")):
            relative = path.relative_to(folder).as_posix()
            sizes[relative] = path.stat().st_size
            if sum(sizes.values()) <= LIMIT_BYTES:
                files[relative] = path.read_bytes()
    _refuse_large(folder, sizes)
    return files


def keys(paths: Mapping[str, bytes]) -> dict[str, str]:
    """Return a key of a ConfigMap for each path: it may have letters, digits, dots, dashes and underscores."""
    taken: dict[str, str] = {}
    for number, path in enumerate(paths):
        plain = re.sub(r"[^-._a-zA-Z0-9]", "_", path)
        taken[plain if plain == path else f"{number}-{plain[-200:]}"] = path
    return {path: key for key, path in taken.items()}


def manifest(name: str, files: Mapping[str, bytes]) -> str:
    """Return the ConfigMap in YAML: plain text readable, anything else in base64."""
    text: dict[str, str] = {}
    binary: dict[str, str] = {}
    for path, key in keys(files).items():
        readable = _readable(files[path])
        if readable is None:
            binary[Quoted(key)] = Quoted(base64.b64encode(files[path]).decode())
        else:
            text[Quoted(key)] = Literal(readable)
    parts = {"data": text, "binaryData": binary}
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": Quoted(name)}}
    writer, written = YAML(), io.StringIO()
    writer.width = _NEVER_FOLDED
    writer.dump(document | {part: held for part, held in parts.items() if held}, written)
    return written.getvalue()


def _readable(content: bytes) -> str | None:
    """Return the content as text where a YAML block gives back exactly that; None where it would not."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    lines = text.split("\n")
    exact = _LITERAL.fullmatch(text) is not None and all(line.strip() or not line for line in lines)
    return text if exact else None


def _refuse_large(folder: Path, sizes: Mapping[str, int]) -> None:
    total = sum(sizes.values())
    if total <= LIMIT_BYTES:
        return
    largest = sorted(sizes.items(), key=lambda entry: -entry[1])[:3]
    listed = ", ".join(f"{path} ({size / 1e6:.1f} MB)" for path, size in largest)
    raise UsageError(
        f"{folder} holds {total / 1e6:.1f} MB, and a ConfigMap takes {LIMIT_BYTES / 1e6:.1f} MB; largest: {listed}. "
        "Put data into the storage; or put the folder into the image (`COPY . /sweep`) and delete the volume `code`, "
        "with its mounts, from a copy of the definition"
    )
