"""The configurations that were tried, so that none is drawn again.

Two are one where they are written alike (`exact`). That takes long to say of each of a hundred thousand; so what is
kept by is a number which two that are one have in common, and most others have not.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from orchestrator.sweep.domains import Choice, Config, Constant
from orchestrator.sweep.space import Space
from orchestrator.sweep.values import exact, is_plain


class TriedConfigs:
    """A growing set of configurations of one space."""

    def __init__(self, space: Space) -> None:
        domains = {name: domain for name, domain in space.items() if not isinstance(domain, Constant)}
        self._names = [
            name
            for name, domain in domains.items()
            if not isinstance(domain, Choice) or all(map(is_plain, domain.choices))
        ]
        self._first: dict[int, Config] = {}
        self._others: set[Hashable] = set()

    def add(self, configs: Iterable[Config]) -> None:
        """Take in more of them."""
        for config in configs:
            if self._first.setdefault(self._number(config), config) is not config:
                self._others.add(exact(config))

    def __contains__(self, config: Config) -> bool:
        first = self._first.get(self._number(config))
        if first is None:
            return False
        asked = exact(config)
        return asked == exact(first) or asked in self._others

    def _number(self, config: Config) -> int:
        return hash(tuple(map(config.get, self._names)))
