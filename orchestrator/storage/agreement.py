"""How several callers agree on one of them by objects that are put once and never changed. Pure: it yields operations.

An object store's plain put overwrites, pyarrow offers no conditional one, and not every store that speaks S3 enforces
one between concurrent writers; so "only if none is there" needs an agreement. This one is Paxos with the list of
objects as its only acceptor (as Disk Paxos with one disk: Gafni & Lamport, Distributed Computing 16, 2003). A caller
with ballot b (a number, then its own name) does

    1. put promise(b); list. Any mark of a ballot above b: begin again with a higher number, after a random pause.
    2. w = the winner in the accept mark with the highest ballot listed; itself where there is none.
    3. put accept(b, w); list. Any mark above b: begin again. Else w is the winner, for ever.

Safe: let accept(b, w) have ended a caller's search, and c be the lowest ballot above b whose accept names another.
Step 3 of b listed no mark of c, so promise(c) was put after accept(b, w) was there; so step 2 of c listed accept(b, w),
and the highest accept that it listed lies between b and c and names w, or c would have begun again. So c names w too.
No clock and no order of arrival is used: a caller may stop for ever or for an hour between any two operations, or its
put may arrive late, and the others neither wait for it nor can it win against them. Alive: random pauses, growing, let
one caller through three operations alone, sooner or later.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple, TypeAlias

PAUSE_S = 0.2
"""Longest pause before the second try; doubled at each, up to `LONGEST_S`."""
LONGEST_S = 3.0
_MARK = re.compile(r"(\d{6})-([0-9a-z]+)-(promise|accept-([0-9a-z]+))")


@dataclass(frozen=True, slots=True)
class Put:
    """Put an object; answered once every later list shows it."""

    name: str
    """Its name: put by nobody else, and with no other content."""
    content: bytes
    """Its content."""


@dataclass(frozen=True, slots=True)
class Names:
    """List the names of all objects put so far."""


@dataclass(frozen=True, slots=True)
class Get:
    """Read an object."""

    name: str
    """Its name."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Let others go first."""

    seconds: float
    """How long."""


Operation: TypeAlias = Put | Names | Get | Pause


class Decision(NamedTuple):
    """What was agreed, for ever."""

    winner: str
    """Name of the caller that won."""
    content: bytes
    """What it proposed."""


class _Mark(NamedTuple):
    number: int
    caller: str
    winner: str | None
    """Whom an accept names; None for a promise."""
    name: str


def agree(caller: str, content: bytes, random: Random) -> Generator[Operation, Any, Decision]:
    """Take part in the agreement as `caller`, lower-case letters and digits that nobody else goes by.

    Yields operations, is sent their answers (names for `Names`, bytes for `Get`), returns the decision.
    """
    number, pause_s = 0, PAUSE_S
    marks = _marks((yield Names()))
    while True:
        number = 1 + max([number, *(mark.number for mark in marks)])
        ballot = (number, caller)
        yield Put(f"{number:06d}-{caller}-promise", b"-")
        marks = _marks((yield Names()))
        if not _is_beaten(ballot, marks):
            accepted = max((mark for mark in marks if mark.winner is not None), default=None)
            winner = caller if accepted is None else str(accepted.winner)
            proposed = content if accepted is None else (yield Get(accepted.name))
            yield Put(f"{number:06d}-{caller}-accept-{winner}", proposed)
            marks = _marks((yield Names()))
            if not _is_beaten(ballot, marks):
                return Decision(winner, proposed)
        yield Pause(random.uniform(0.0, pause_s))
        pause_s = min(2 * pause_s, LONGEST_S)


def _is_beaten(ballot: tuple[int, str], marks: Iterable[_Mark]) -> bool:
    return any((mark.number, mark.caller) > ballot for mark in marks)


def _marks(names: Iterable[str]) -> list[_Mark]:
    found = [match for name in names if (match := _MARK.fullmatch(name))]
    return [_Mark(int(match[1]), match[2], match[4], match[0]) for match in found]
