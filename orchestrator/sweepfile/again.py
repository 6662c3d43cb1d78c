"""A sweep file that goes on from an earlier sweep: its own text, under another name, with its winner tried first."""

from __future__ import annotations

import io
import re

from ruamel.yaml import YAML


def next_name(name: str) -> str:
    """Return the name after one: digits-2 after digits, digits-3 after digits-2."""
    found = re.fullmatch(r"(.*)-(\d+)", name)
    return f"{found[1]}-{int(found[2]) + 1}" if found else f"{name}-2"


def again(text: bytes, name: str, earlier: str) -> str:
    """Return a sweep file's text under the name `name`, comments and all, warm-started from the sweep `earlier`."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    data = yaml.load(text)
    data["name"], data["warm_start"] = name, [earlier]
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()
