"""YAML as other tools read it, with the line of every key: aliases, merges and the booleans of YAML 1.1 included.

PyYAML reads W&B's and Hydra's files; a sweep file of ours takes less (`orchestrator.sweepfile.yaml_source`). Numbers
without a dot (`1e-5`) are numbers, as OmegaConf takes them and as everybody means them.
"""

from __future__ import annotations

import math
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from orchestrator.imports.draft import NotSuchAFileError
from orchestrator.sweepfile.messages import KeyPath, Place
from orchestrator.sweepfile.yaml_source import MAX_BYTES, MAX_DEPTH, MAX_VALUES, Tree

_WORDS = {"": None, "~": None, "null": None, "true": True, "yes": True, "on": True, "false": False, "no": False,
          "off": False}  # fmt: skip
_INT = re.compile(r"[-+]?[0-9][0-9_]*")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?")
_MOST_DIGITS = 17


def read_foreign(content: bytes, file: str) -> Tree:
    """Read a foreign tool's YAML. Raises NotSuchAFileError with file and line where it is none."""
    if len(content) > MAX_BYTES:
        raise NotSuchAFileError(f"{file}: more than {MAX_BYTES:,} bytes; is it the right file?")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotSuchAFileError(f"{file}: this is not text in UTF-8; is it the right file?") from None
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        problem = (error.problem if isinstance(error, MarkedYAMLError) else str(error)) or "it ends too early"
        line = 1 if mark is None else mark.line + 1
        raise NotSuchAFileError(f"{file}:{line}: not valid YAML: {' '.join(problem.split())}") from None
    except (ValueError, OverflowError) as error:
        raise NotSuchAFileError(f"{file}: not valid YAML: {error}") from None
    return _Builder(file).tree(node)


class _Builder:
    """Turns nodes into plain data; counts what aliases repeat, so that no file grows without end."""

    def __init__(self, file: str) -> None:
        self.file, self.values = file, 0
        self.places: dict[KeyPath, Place] = {(): Place(0, file, 1)}

    def tree(self, node: Node | None) -> Tree:
        return Tree(None if node is None else self.build(node, ()), self.places)

    def build(self, node: Node, path: KeyPath) -> Any:
        self.values += 1
        if self.values > MAX_VALUES or len(path) > MAX_DEPTH:
            line = node.start_mark.line + 1
            raise NotSuchAFileError(f"{self.file}:{line}: too large or too deeply nested; is it the right file?")
        self.places.setdefault(path, Place(0, self.file, node.start_mark.line + 1))
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.build(item, (*path, position)) for position, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return str(node.value) if node.style else plain(node.value)

    def mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                line = key.start_mark.line + 1
                raise NotSuchAFileError(f"{self.file}:{line}: a key that is no plain text; is it the right file?")
            if key.value == "<<" and not key.style:
                for base in value.value if isinstance(value, SequenceNode) else [value]:
                    built = self.build(base, path)
                    merged = {**(built if isinstance(built, dict) else {}), **merged}
                continue
            inside = (*path, str(key.value))
            self.places[inside] = Place(0, self.file, key.start_mark.line + 1)
            data[str(key.value)] = self.build(value, inside)
        return {**merged, **data}


def plain(text: str) -> Any:
    """Return what an unquoted scalar means: a word of YAML 1.1, a number, or text."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text) and len(text) <= _MOST_DIGITS:
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text
