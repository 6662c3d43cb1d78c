"""Circles among names that need one another, as conditions and couplings do: found at any length, in one walk."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise


def circle(needs: Mapping[str, Collection[str]]) -> list[str]:
    """Return the names of one circle, the first repeated at its end; empty where there is none.

    `needs` gives for each name the names that it needs; those without an entry need nothing. The walk keeps its own
    trail: a chain of thousands is no deeper for Python than one of two.
    """
    done: set[str] = set()
    for start in needs:
        trail: dict[str, Iterator[str]] = {} if start in done else {start: iter(needs[start])}
        while trail:
            name = next(reversed(trail))
            needed = next(trail[name], None)
            if needed is None:
                done.add(name)
                del trail[name]
            elif needed in trail:
                names = list(trail)
                return [*names[names.index(needed) :], needed]
            elif needed in needs and needed not in done:
                trail[needed] = iter(needs[needed])
    return []


def phrase_circle(names: Collection[str], verb: str) -> str:
    """Write a circle out, its middle left out where it is long: `a needs b, b needs a`."""
    ring = list(names)
    links = [f"{name} {verb} {other}" for name, other in pairwise(ring)]
    if len(links) <= MOST_LINKS:
        return ", ".join(links)
    half = MOST_LINKS // 2
    return f"{', '.join(links[:half])}, ... {len(links) - 2 * half} more ..., {', '.join(links[-half:])}"


MOST_LINKS = 10
"""Most links of a circle that a message writes out."""
