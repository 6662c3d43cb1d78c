"""The sweep file's folder as a Kubernetes ConfigMap, for code that is small enough to travel in one."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted  # Kubernetes reads YAML 1.1: `on` is no word
from ruamel.yaml.scalarstring import LiteralScalarString as Literal

from orchestrator.launchers import Submission
from orchestrator.launchers._travel import refuse_above

LIMIT_BYTES = 900_000
"""Most bytes of content: Kubernetes takes 1 MiB for the whole object."""
_LITERAL = re.compile(r"[^\s](?:[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]*[^\s])?\n")
_NEVER_FOLDED = 2**31


def code_files(submission: Submission) -> dict[str, bytes]:
    """Read what travels, by path relative to the sweep file's folder.

    Raises UsageError, naming the largest entries, where it is more than a ConfigMap holds.
    """
    remedy = (
        "put data into the storage; or put the folder into the image (`COPY . /sweep`) and delete the volume `code`, "
        "with its mounts, from a copy of the definition"
    )
    refuse_above(LIMIT_BYTES, submission, "a ConfigMap", remedy)
    return {path: (submission.folder / path).read_bytes() for path in sorted(submission.files)}


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
