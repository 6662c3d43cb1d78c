"""Draws when a fault strikes, from one seed, and counts the faults by kind."""

from __future__ import annotations

from collections import Counter
from random import Random

from orchestrator.testing.faults.kinds import FaultKind

KINDS_AT_ONCE = 7
"""Kinds that one seed draws from, at most."""


class Fates:
    """One seed's luck: a few kinds of faults, each with a rate of its own, until `is_fair`."""

    def __init__(self, random: Random, kinds: list[FaultKind], most: int = 40) -> None:
        """Draw from `kinds`; after `most` faults nothing fails any more, so that a sweep can end."""
        self._random = random
        drawn = random.sample(kinds, random.randint(1, min(KINDS_AT_ONCE, len(kinds))))
        self._rates = {kind: random.choice((0.5, 1.0, 2.0, 4.0)) for kind in drawn}
        self._left = random.randint(1, most)
        self.is_fair = False
        """Whether nothing fails any more."""
        self.struck: Counter[FaultKind] = Counter()
        """Faults so far."""

    @property
    def kinds(self) -> frozenset[FaultKind]:
        """What this seed may draw."""
        return frozenset(self._rates)

    def strikes(self, kind: FaultKind, chance: float) -> bool:
        """Say whether a fault strikes now; `chance` is its odds at the rate 1."""
        rate = self._rates.get(kind)
        if rate is None or self.is_fair or self._random.random() >= chance * rate:
            return False
        self.struck[kind] += 1
        self._left -= 1
        self.is_fair = self._left <= 0
        return True

    def one_of(self, *kinds: FaultKind, chance: float) -> FaultKind | None:
        """Return the first of some kinds that strikes; None where none does."""
        return next((kind for kind in kinds if self.strikes(kind, chance)), None)
