"""The rest of the trials, all that are not good, and what stands for them where they are many.

Those that come next to the good are kept whole: they lie around them, where candidates are drawn, and a kernel that is
missing there makes a place look new that was tried. For all others a sample stands, each of it for as many as it is one
of. It is taken branch by branch, so that each condition keeps its share. Those that run are kept apart from those that
ended, and each of the two has at least a quarter of it where there are as many: running trials are few, and what keeps
workers apart. Which trials it holds follows from their places in the list, by a hash: from the trials alone, however
they came to be known. One more trial changes it by about one.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np

from orchestrator.searchers._arrays import FloatArray, Positions
from orchestrator.searchers._densities import ramp, ramp_at

LEAST_PART = 4
"""A quarter of a sample at least is running trials', and a quarter those' that ended, where there are as many."""

_Lot: TypeAlias = tuple[int, int]
"""A trial's place in the list, behind the number that decides how soon a sample takes it."""


class Rest(NamedTuple):
    """What stands for the rest."""

    rows: Positions
    """Places in the list, ascending."""
    weights: FloatArray
    """For how many trials each stands, the older ones counting less (`ramp`)."""
    number: int
    """For how many trials they all stand."""


class _Pool(NamedTuple):
    size: int
    """How many trials there are."""
    places: Positions
    """Those that a sample may take, in the order in which it takes them."""


class _Others(NamedTuple):
    near: frozenset[int]
    """Which trials were left out."""
    places: Positions
    """The others."""


@dataclass(slots=True, eq=False)
class Branch:
    """The trials in which the same hyperparameters are active."""

    active: frozenset[str]
    """Those that are active."""
    ended: int = 0
    """How many of the trials ended, and can be learned from."""
    _first: list[_Lot] = field(default_factory=list)
    _running: list[_Lot] = field(default_factory=list)
    _others: _Others | None = None
    """What was found last of those that ended; None where another one may be among them by now."""

    def begin(self, place: int) -> None:
        """Take in a trial that runs."""
        insort(self._running, _lots([place])[0])

    def leave(self, place: int) -> None:
        """Take note that one that ran runs no more."""
        del self._running[bisect_left(self._running, _lots([place])[0])]

    def learn(self, place: int, most: int | None) -> None:
        """Take in one that ended, and can be learned from; no sample ever takes more than `most` (None: all)."""
        [lot] = _lots([place])
        self.ended += 1
        if most is None or len(self._first) < most or lot < self._first[-1]:
            insort(self._first, lot)
            self._others = None
            if most is not None:
                del self._first[most:]

    def take(self, running: Sequence[int], learned: Sequence[int], most: int | None) -> None:
        """Take in many at once, as `begin` and `learn` do one by one."""
        self.ended += len(learned)
        self._running = sorted([*self._running, *_lots(running)])
        self._first = sorted([*self._first, *_lots(learned, most)])[:most]
        self._others = None

    def running(self) -> _Pool:
        """Return those that run."""
        return _Pool(len(self._running), _places(self._running))

    def besides(self, near: frozenset[int], own: int) -> _Pool:
        """Return those that ended and are not `near` the good, nor good; `own` of these are this branch's."""
        if self._others is None or self._others.near is not near:
            self._others = _Others(near, _places([lot for lot in self._first if lot[1] not in near]))
        return _Pool(self.ended - own, self._others.places)


def rest_of(running: Sequence[_Pool], ended: Sequence[_Pool], near: Positions, known: int, most: int | None) -> Rest:
    """Return the trials of these pools and those near the good, out of `known` in all, `most` of them at the most."""
    of_running, of_ended = (sum(pool.size for pool in pools) for pools in (running, ended))
    number = of_running + of_ended + len(near)
    if most is None or number <= most:
        places = np.concatenate([near, *(pool.places for pool in (*running, *ended))])
        return Rest(np.sort(places), ramp(number), number)
    most -= len(near)
    least = most // LEAST_PART
    share = min(max(round(most * of_running / (of_running + of_ended)), least), most - least)
    share = max(min(of_running, share), most - of_ended)
    rows, stands = _sampled(_shares(running, share) + _shares(ended, most - share), near)
    age = (rows * (number / known)).astype(np.intp)
    return Rest(rows, ramp_at(age, number) * stands, number)


def _shares(pools: Sequence[_Pool], most: int) -> list[tuple[_Pool, int]]:
    """Divide `most` among pools in proportion to their sizes."""
    whole, before, given, found = sum(pool.size for pool in pools), 0, 0, []
    for pool in pools:
        before += pool.size
        until = round(most * before / whole) if whole else 0
        found.append((pool, until - given))
        given = until
    return found


def _sampled(shares: Sequence[tuple[_Pool, int]], near: Positions) -> tuple[Positions, FloatArray]:
    """Return `near` and the first so many of each pool, ascending, and for how many trials each stands."""
    taken = [(pool.places[:share], pool.size / share) for pool, share in shares if share]
    places = np.concatenate([near, *(own for own, _ in taken)])
    stands = np.concatenate([np.ones(len(near)), *(np.full(len(own), each) for own, each in taken)])
    order = np.argsort(places)
    return places[order], stands[order]


def _places(lots: Sequence[_Lot]) -> Positions:
    return np.array([place for _, place in lots], dtype=np.intp)


def _lots(places: Sequence[int], most: int | None = None) -> list[_Lot]:
    """Return the lots of trials, all or the `most` least, ascending.

    Their places are scattered by the finisher of SplitMix64 (Steele, Lea and Flood 2014), in 64 bits that wrap.
    """
    mixed = np.array(places, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    least = np.argsort(mixed)[:most].tolist()
    return [(int(mixed[at]), places[at]) for at in least]
