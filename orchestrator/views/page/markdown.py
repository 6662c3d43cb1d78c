"""The page in a screenful of Markdown: for a pull request, a build's summary, an agent."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from orchestrator.views.page.parts import Page

SHOWN = ("progress", "real", "curves", "places")
"""The sections whose pictures are told in their sentences."""
MOST_ROWS = 12
"""Rows of one table."""


def markdown(page: Page) -> str:
    """Return the page as Markdown; what comes from the sweep is escaped."""
    return "\n".join([f"## {_text(page.title)}", "", _text(page.subtitle), _text(page.made), "", *_parts(page)]) + "\n"


def _parts(page: Page) -> Iterator[str]:
    yield from _table(("", "", ""), [(tile.label, f"{tile.value}", tile.remark) for tile in page.tiles])
    if page.steps:
        yield from ("", "**What to do next**", "")
        for number, step in enumerate(page.steps, 1):
            yield f"{number}. {_text(step.text)}" + (f"<br>{_code(step.command)}" if step.command else "")
    for section in page.sections:
        if section.ranges:
            yield from ("", f"**{section.title}**", "")
            rows = [(row.name, row.baseline, row.winner, row.described) for row in section.ranges if row.is_changed]
            yield from _table(("changed", "baseline", "winner", "range"), rows)
        if section.name in SHOWN and section.drawings:
            yield from ("", f"**{section.title}** {' '.join(_text(it.sentence) for it in section.drawings)}")
        if section.name == "failures" and section.grid is not None:
            yield from ("", f"**{section.title}**", "")
            yield from _table(section.grid.heads, section.grid.rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(map(_text, heads))} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows[:MOST_ROWS]:
        yield f"| {' | '.join(map(_text, row))} |"


def _text(text: str) -> str:
    """Return text of which Markdown makes nothing but that text, on one line."""
    plain = html.escape(" ".join(text.split()), quote=False)
    for character in "\\`*_[]|#":
        plain = plain.replace(character, f"\\{character}")
    return plain


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"
