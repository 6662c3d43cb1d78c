"""YAML as data with the line of every key: the part of YAML 1.2 that a sweep file needs, and nothing that surprises.

Scalars follow the core schema of YAML 1.2.2, section 10.3.2: `1e-5` is a number, `on` is a string. Refused: duplicate
keys, tags, aliases, several documents, tabs, numbers that are not finite, anything large enough to be a mistake.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from orchestrator.sweepfile.messages import SWEEP_FILE, KeyPath, Message, Place, dotted

MAX_BYTES = 300_000
"""Largest file that is read at all."""
MAX_VALUES = 10_000
"""Most keys and values in one file; its reader takes half a second for as many."""
MAX_DEPTH = 20
"""Deepest nesting; a sweep file needs five."""

_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "True": True, "TRUE": True,
          "false": False, "False": False, "FALSE": False}  # fmt: skip
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_TAB = re.compile(r"^ *\t[^\S\n]*[^\s#]", re.MULTILINE)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_REMEDIES = {
    "mapping values are not allowed": "there is a second ':' here, or the indentation is not its neighbours'",
    "could not find expected ':'": "this line has no 'key: value'",
    "cannot start any token": "put the text in quotes",
    "unexpected end of stream": "a quote or bracket is opened here and never closed",
    "expected ',' or": "a bracket is not closed, or a comma is missing",
}
_TOLD_AT_THE_START = ("unexpected end of stream", "expected ',' or", "could not find expected ':'")
"""What is noticed where the text goes on, but is wrong where it began."""


class UnreadableError(Exception):
    """Nothing can be made of the text; holds the one message."""

    def __init__(self, place: Place, text: str, path: KeyPath = ()) -> None:
        super().__init__(text)
        self.message = Message(place, dotted(path), text)


@dataclass(slots=True)
class Tree:
    """What a text holds."""

    data: Any
    """Mappings with text keys, lists and scalars."""
    places: dict[KeyPath, Place]
    """Where each key and each item was written; the empty path is the whole text."""
    messages: dict[KeyPath, Message] = field(default_factory=dict)
    """What is wrong with single values; `data` holds None in their place."""


def read(content: bytes, file: str, rank: int = SWEEP_FILE, prefix: KeyPath = ()) -> Tree:
    """Read a text whose paths begin with `prefix`; raises UnreadableError where it is not YAML at all."""
    text = _decode(content, file, rank)
    try:
        return _Reader(file, rank, prefix).document(_events(text, file, rank))
    except YAMLError as error:
        line, message = _explain(error)
        raise UnreadableError(Place(rank, file, line), message) from None


def read_argument(text: str, place: Place, prefix: KeyPath = ()) -> Tree:
    """Read the value of an override, taken whole: raises UnreadableError too where YAML would drop a part of it."""
    try:
        content = text.encode()
    except UnicodeEncodeError:
        raise UnreadableError(place, "has bytes that are no UTF-8; write it in UTF-8") from None
    tree = read(content, place.file, place.rank, prefix)
    if _has_comment(text):
        raise UnreadableError(place, "what follows '#' would be dropped as a comment; put the value in quotes", prefix)
    return tree


def _has_comment(text: str) -> bool:
    """Say whether a readable text holds a comment: a `#` at its start or after a blank, in no quotes and no block."""
    comments = [found.end() - 1 for found in re.finditer(r"(?:^|\s)#", text)]
    if not comments:
        return False
    written = [
        (event.start_mark.index, event.end_mark.index)
        for event in YAML(typ="safe", pure=True).parse(text)
        if isinstance(event, ScalarEvent) and event.style
    ]
    return any(not any(start < at < end for start, end in written) for at in comments)


def _events(text: str, file: str, rank: int) -> Iterator[Any]:
    """Yield the parser's events; what its own arithmetic trips over (an escape beyond Unicode) is no YAML either."""
    line = 1
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            line = event.end_mark.line + 1
            yield event
    except (ValueError, OverflowError):
        told = "not valid YAML: an escape or a number from this line on is out of range; write the character itself"
        raise UnreadableError(Place(rank, file, line), told) from None


def _decode(content: bytes, file: str, rank: int) -> str:
    start = Place(rank, file, 1)
    if len(content) > MAX_BYTES:
        raise UnreadableError(start, f"more than {MAX_BYTES:,} bytes; is it the right file?")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in content:
            raise UnreadableError(start, "this is a binary file; a sweep file is text in UTF-8") from None
        line = content[: error.start].count(b"\n") + 1
        raise UnreadableError(Place(rank, file, line), "this line is not UTF-8; save the file as UTF-8") from None
    for pattern, message in (
        (_CONTROL, "this is a binary file, or has a control character here; a sweep file is text in UTF-8"),
        (_TAB, "this line is indented with a tab; YAML allows spaces only"),
    ):
        if (match := pattern.search(text)) is not None:
            raise UnreadableError(Place(rank, file, text.count("\n", 0, match.start()) + 1), message)
    return text


def _explain(error: YAMLError) -> tuple[int, str]:
    if not isinstance(error, MarkedYAMLError):
        return 1, f"not valid YAML: {' '.join(str(error).split())}"
    problem = error.problem or ""
    mark = error.problem_mark
    if any(told in problem for told in _TOLD_AT_THE_START):
        mark = error.context_mark or mark
    line = 1 if mark is None else mark.line + 1
    if r"'\t'" in problem:
        return line, "there is a tab in this line; YAML allows spaces only"
    remedy = next((text for start, text in _REMEDIES.items() if start in problem), None)
    return line, f"not valid YAML: {remedy or f'{problem}; check indentation, brackets and quotes'}"


class _Reader:
    """Builds the data from the events of one text."""

    def __init__(self, file: str, rank: int, prefix: KeyPath) -> None:
        self.file, self.rank, self.prefix = file, rank, prefix
        self.events: Iterator[Any] = iter(())
        self.values = 0
        self.tree = Tree(None, {prefix: Place(rank, file, 1)})

    def document(self, events: Iterator[Any]) -> Tree:
        self.events, documents = events, 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise UnreadableError(self.at(event), "a second document begins here; keep one, drop the '---'")
                if event.version not in (None, (1, 2)):
                    raise UnreadableError(self.at(event), "another YAML than 1.2 is asked for; drop the %YAML line")
                self.tree.data = self.value(next(events), self.prefix)
        return self.tree

    def at(self, event: Any) -> Place:
        return Place(self.rank, self.file, event.start_mark.line + 1)

    def refuse(self, event: Any, path: KeyPath, text: str) -> None:
        self.tree.messages[path] = Message(self.at(event), dotted(path), text)

    def value(self, event: Any, path: KeyPath) -> Any:
        self.values += 1
        if self.values > MAX_VALUES:
            raise UnreadableError(self.at(event), f"more than {MAX_VALUES:,} values; is it the right file?")
        if len(path) > MAX_DEPTH + len(self.prefix):
            raise UnreadableError(self.at(event), f"nested deeper than {MAX_DEPTH} levels; is it the right file?")
        self.tree.places.setdefault(path, self.at(event))
        if isinstance(event, AliasEvent):
            text = f"an alias (*{event.anchor}) is not allowed; write the value out"
            raise UnreadableError(self.at(event), text, path)
        if event.tag is not None:
            text = f"a tag ({_short(event.tag)}) is not allowed; write the plain value"
            raise UnreadableError(self.at(event), text, path)
        if isinstance(event, MappingStartEvent):
            return self.mapping(path)
        return self.sequence(path) if isinstance(event, SequenceStartEvent) else self.scalar(event, path)

    def mapping(self, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            key = self.key(event)
            inside = (*path, key)
            if key in data:
                line = self.tree.places[inside].line
                self.refuse(event, inside, f"duplicate key, given in line {line} already; keep one")
                self.value(next(self.events), (*path, f"{key} (again)"))
            else:
                self.tree.places[inside] = self.at(event)
                data[key] = self.value(next(self.events), inside)
        return data

    def key(self, event: Any) -> str:
        if isinstance(event, ScalarEvent) and event.tag is None:
            if _SURROGATE.search(event.value):
                raise UnreadableError(self.at(event), "this key has half a character (a surrogate) in it; write it out")
            return str(event.value)
        raise UnreadableError(self.at(event), "this key is not plain text; write 'key: value'")

    def sequence(self, path: KeyPath) -> list[Any]:
        data: list[Any] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            data.append(self.value(event, (*path, len(data))))
        return data

    def scalar(self, event: Any, path: KeyPath) -> Any:
        text: str = event.value
        if _SURROGATE.search(text):
            return self.refuse(event, path, "has half a character (a surrogate) in it; write the whole character")
        if not event.implicit[0]:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.fullmatch(text):
            if len(text) > 18:
                return self.refuse(event, path, f"{_short(text)} is too large; write at most 17 digits")
            return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
        finite = _FLOAT.fullmatch(text) is not None
        if _NOT_FINITE.fullmatch(text) or (finite and not math.isfinite(float(text))):
            return self.refuse(event, path, f"{_short(text)} is not a finite number; write a finite one")
        return float(text) if finite else text


def _short(text: str) -> str:
    text = text.replace("tag:yaml.org,2002:", "!!")
    return text if len(text) <= 40 else f"{text[:30]}..."
