"""A draft as the text of a sweep file, its comments included: data in, text out.

Values are written so that `orchestrator.sweepfile.yaml_source` reads back exactly what is meant: text is quoted where a
reader would take it for anything else.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.imports.draft import ORDER, Draft, Entry
from orchestrator.sweep.values import is_plain
from orchestrator.sweepfile.messages import printable

WIDTH = 118
"""Most characters of a line that a comment makes longer."""
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./+-]*(?::[A-Za-z0-9_]+)?")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def text_of(draft: Draft) -> str:
    """Return the sweep file: what it came from, what was lost, then every key with what was invented."""
    return "\n".join([*_heading(draft), *_body(draft), ""])


def flow(value: Any) -> str:
    """Write plain data on one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{flow(str(key))}: {flow(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value)


def _text(value: str) -> str:
    if _BARE.fullmatch(value) and value.lower() not in _WORDS:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in quoted)


def _heading(draft: Draft) -> Iterator[str]:
    yield from _comment(f"From {draft.source}.")
    yield from _comment(
        "What says `invented` is a guess to look at before the first run; a tier that is not told is 1."
    )
    for title, lines in draft.lists:
        if lines:
            yield "#"
            yield f"# {title[0].upper()}{title[1:]}:"
        for line in lines:
            yield from _comment(line, "#   - ", "#     ")
    yield ""


def _body(draft: Draft) -> Iterator[str]:
    for key in ORDER:
        if key == "search_space":
            yield "search_space:"
            for name, entry in draft.space.items():
                yield from _line(f"  {flow(name)}", entry)
        elif key in draft.keys:
            yield from _line(key, draft.keys[key])


def _line(key: str, entry: Entry) -> Iterator[str]:
    """Write a key, its comment at the end where there is room, else above it."""
    value = entry.value
    constant = isinstance(value, Mapping) and set(value) == {"value"} and is_plain(value["value"])
    written = f"{key}: {flow(value['value'] if constant else value)}"
    told = "; ".join(printable(part) for part in entry.told)
    if told and len(written) + len(told) + 3 > WIDTH:
        indent = " " * (len(key) - len(key.lstrip()))
        yield from _comment(told, f"{indent}# ", f"{indent}# ")
        yield written
    else:
        yield f"{written} # {told}" if told else written


def _comment(told: str, first: str = "# ", later: str = "# ") -> list[str]:
    return textwrap.wrap(printable(told), WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False)
