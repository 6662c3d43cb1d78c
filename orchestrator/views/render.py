"""How answers reach a person: Rich renderables, at most 100 columns wide, plain text where nobody watches.

What is shown is built elsewhere in this package, as plain data first (`--json`) and as a renderable made from it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from typing import TextIO

from rich import box
from rich.console import Console, ConsoleRenderable, Group
from rich.table import Table
from rich.text import Text

WIDTH = 100
"""Columns that no line exceeds."""


def make_console(stream: TextIO) -> Console:
    """Return a console on `stream`, as wide as the terminal or as COLUMNS says, and never wider than 100 columns.

    Colours appear on a terminal only. Text is written as it is: square brackets in a name are not markup.
    """
    detected = Console(file=stream)
    is_told = detected.is_terminal or os.environ.get("COLUMNS", "").isdecimal()
    width = min(WIDTH, detected.width) if is_told else WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def show(console: Console, renderable: ConsoleRenderable) -> None:
    """Print on `console`; where it is no terminal, without the blanks that Rich pads lines with."""
    if console.is_terminal:
        console.print(renderable, crop=False)
        return
    with console.capture() as captured:
        console.print(renderable, crop=False)
    console.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
    console.file.flush()


def listing(*columns: str, numeric: frozenset[str] = frozenset()) -> Table:
    """Return an empty table with a line under its head; columns in `numeric` are set flush right."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        justify = "right" if column in numeric else "left"
        table.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


class Typed(str):
    """A text that is to be typed: no line of it is broken, however long."""

    __slots__ = ()


def pairs(rows: Sequence[tuple[str, str]]) -> Group:
    """Return labels with their texts, two columns without lines; a label that repeats is shown once."""
    found: list[ConsoleRenderable] = []
    previous = None
    for is_typed, run in groupby(rows, lambda row: isinstance(row[1], Typed)):
        if is_typed:
            for label, text in run:
                found += commands("" if label == previous else label, text.splitlines(), rows)
                previous = label
            continue
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", no_wrap=True, min_width=_label_width(rows))
        table.add_column(overflow="fold")
        for label, text in run:
            table.add_row("" if label == previous else label, Text(text))
            previous = label
        found.append(table)
    return Group(*found)


def commands(label: str, lines: Sequence[str], rows: Sequence[tuple[str, str]]) -> list[Text]:
    """Return commands to type, each on a line of its own however long: what is pasted from a terminal is whole.

    They stand under `rows` as `pairs` shows them.
    """
    width = _label_width([(label, ""), *rows])
    found = []
    for index, line in enumerate(lines):
        text = Text(no_wrap=True, overflow="ignore")
        text.append((label if index == 0 else "").ljust(width), style="bold")
        found.append(text.append(f"  {line}"))
    return found


def _label_width(rows: Sequence[tuple[str, str]]) -> int:
    return max((len(label) for label, _ in rows), default=0)
