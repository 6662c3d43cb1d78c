"""What a page consists of, as plain data: nothing here knows HTML. Text is text, whatever is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.views.page.scene import Figure

MOST_UPRIGHT = 8
"""Columns of a table whose heads stand upright beside each other on paper; of one with more they are turned."""
PAPER_CHARACTERS, GAP_CHARACTERS = 128, 1
"""How many of its smallest letters a sheet is wide, and how many of them lie between two columns."""


@dataclass(frozen=True)
class DataTable:
    """A table."""

    heads: tuple[str, ...]
    """Titles of its columns."""
    rows: Sequence[tuple[str, ...]]
    """Its cells."""
    numeric: frozenset[int] = frozenset()
    """Positions of the columns of numbers, which are set flush right."""

    @property
    def on_paper(self) -> str:
        """How a sheet of paper takes it: as it is (empty), or `turned`, or `listed`.

        `turned`, its heads lie on their side, so that columns are as narrow as their cells; `listed`, where even that
        is too broad, it stands row by row, each cell with its head.
        """
        if len(self.heads) <= MOST_UPRIGHT:
            return ""
        widest = (max((len(row[column]) for row in self.rows), default=1) for column in range(len(self.heads)))
        return "turned" if sum(width + GAP_CHARACTERS for width in widest) <= PAPER_CHARACTERS else "listed"


@dataclass(frozen=True)
class Drawing:
    """A picture, with a sentence and a table that say the same to whoever does not see it."""

    name: str
    """Names it within the page: letters, digits and `-`."""
    figure: Figure
    """What is drawn."""
    sentence: str
    """What it shows, found out from the data."""
    grid: DataTable
    """The numbers in it, or the most telling of them."""
    title: str = ""
    """Its own heading, where several stand in one section; empty where the section's is enough."""
    flag: str = ""
    """A few words beside that heading; empty without any."""

    @property
    def height(self) -> int:
        """Its height in pixels."""
        return int(self.figure["layout"]["height"])


@dataclass(frozen=True)
class Tile:
    """One number at the head of the page."""

    label: str
    """What it is."""
    value: str
    """The number."""
    remark: str
    """What goes with it."""


@dataclass(frozen=True)
class NextStep:
    """Something to do next, on evidence."""

    text: str
    """What was found and what follows from it."""
    command: str
    """What to type; empty where nothing is typed, and on a page for strangers."""


@dataclass(frozen=True)
class RangeRow:
    """One hyperparameter of baseline and winner."""

    name: str
    """The hyperparameter."""
    baseline: str
    """Its value in the baseline; `-` where it was not active."""
    winner: str
    """Its value in the winner, likewise."""
    is_changed: bool
    """Whether the two differ."""
    baseline_part: float | None
    """Where the baseline's lies in the range, 0 to 1; None without one."""
    winner_part: float | None
    """Where the winner's lies."""
    described: str
    """The range in words."""
    tier: int
    """Its tier."""


@dataclass(frozen=True)
class Section:
    """One part of the page: it answers a question."""

    name: str
    """Names it within the page."""
    title: str
    """Its heading."""
    question: str
    """What it answers."""
    lines: tuple[str, ...] = ()
    """Sentences below the question."""
    ranges: tuple[RangeRow, ...] = ()
    """Baseline against winner."""
    drawings: tuple[Drawing, ...] = ()
    """Its pictures."""
    are_small: bool = False
    """Whether its pictures stand beside each other."""
    grid: DataTable | None = None
    """A table that is always shown; None without one."""
    texts: tuple[tuple[str, str], ...] = ()
    """Longer texts to unfold: what each is called, and the text."""
    copies: tuple[tuple[str, str], ...] = ()
    """Texts to copy with one key: what each is called, and the text."""
    shown: str = ""
    """A text that is always shown, line by line as it is; empty without one."""
    steps: tuple[NextStep, ...] = ()
    """What can be done from here."""


@dataclass(frozen=True)
class Page:
    """A whole page."""

    title: str
    """The sweep's name."""
    subtitle: str
    """What it is and how it stands."""
    made: str
    """How old what is shown is, in words."""
    tiles: tuple[Tile, ...]
    """The numbers at its head."""
    steps: tuple[NextStep, ...]
    """What to do next, the most urgent first."""
    sections: tuple[Section, ...]
    """The rest, in order."""
    reload_s: int | None = None
    """After how many seconds it loads itself anew; None: never."""
    remarks: tuple[str, ...] = ()
    """What a reader must know of the page itself: what was sampled, what is left out."""
