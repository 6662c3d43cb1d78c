"""The search space: hyperparameters by name, and which of them are active in a configuration."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from random import Random

from orchestrator.sweep.domains import Config, Constant, Hyperparameter, Value


class Space(Mapping[str, Hyperparameter]):
    """Hyperparameters by name, ordered so that a condition's parents come before what depends on them.

    A configuration holds exactly its active hyperparameters. Raises ValueError where a condition names an unknown
    hyperparameter, a value its parent cannot take, or a circle.
    """

    def __init__(self, hyperparameters: Mapping[str, Hyperparameter]) -> None:
        self._by_name = dict(hyperparameters)
        for name, hyperparameter in self._by_name.items():
            self._check_conditions(name, hyperparameter)
        self._by_name = {name: self._by_name[name] for name in self._parents_first()}

    def __getitem__(self, name: str) -> Hyperparameter:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    @cached_property
    def tunable(self) -> tuple[str, ...]:
        """Names of everything that is not a constant, parents first."""
        return tuple(name for name, domain in self._by_name.items() if not isinstance(domain, Constant))

    @cached_property
    def controlling(self) -> frozenset[str]:
        """Names that some condition looks at."""
        return frozenset(parent for domain in self._by_name.values() for parent in domain.when)

    @cached_property
    def _defaults(self) -> Config:
        return {name: domain.default for name, domain in self._by_name.items()}

    @cached_property
    def baseline(self) -> Config:
        """The default configuration: trial 0 of every sweep."""
        return self.complete({})

    def is_active(self, name: str, values: Mapping[str, Value]) -> bool:
        """Say whether `name` is active, given the values of its (active) parents."""
        return all(
            parent in values and any(self._by_name[parent].same(values[parent], allowed) for allowed in wanted)
            for parent, wanted in self._by_name[name].when.items()
        )

    def complete(self, values: Mapping[str, Value]) -> Config:
        """Return a full configuration: `values` where active, defaults where missing, inactive ones dropped."""
        if not self.controlling:  # a model asks for hundreds of them for each proposal
            config = dict(self._defaults)
            is_known = values.keys() <= config.keys()
            config.update(values if is_known else {name: values[name] for name in values if name in config})
            return config
        config = {}
        for name, domain in self._by_name.items():
            if self.is_active(name, config):
                config[name] = values.get(name, domain.default)
        return config

    def draw(self, names: Collection[str], held: Mapping[str, Value], random: Random) -> Config:
        """Draw `names` uniformly on their scales, keep the rest of `held`; returns a full configuration."""
        config: Config = {}
        for name, domain in self._by_name.items():
            unit = random.random()  # drawn for inactive ones too: a draw does not depend on its neighbours' values
            if self.is_active(name, config):
                config[name] = domain.from_unit(unit) if name in names else held.get(name, domain.default)
        return config

    def problems(self, config: Mapping[str, Value]) -> list[str]:
        """List what makes `config` invalid: unknown, inactive, missing or out-of-range values; empty when valid."""
        found = [f"{name!r} is not in the search space" for name in config if name not in self._by_name]
        for name, domain in self._by_name.items():
            active = self.is_active(name, config)
            if active and name not in config:
                found.append(f"{name!r} is missing")
            elif not active and name in config:
                found.append(f"{name!r} is inactive here (its condition: {dict(domain.when)})")
            elif active and not domain.contains(config[name]):
                found.append(f"{name!r} cannot be {config[name]!r}")
        return found

    def size(self, names: Collection[str]) -> int | None:
        """Count the combinations of `names` ignoring conditions; None where one of them is continuous."""
        total = 1
        for name in names:
            domain = self._by_name[name]
            if not isinstance(domain, Constant):
                if domain.cells is None:
                    return None
                total *= domain.cells
        return total

    def _check_conditions(self, name: str, hyperparameter: Hyperparameter) -> None:
        for parent, wanted in hyperparameter.when.items():
            if parent not in self._by_name:
                raise ValueError(
                    f"{name}.when: {parent!r} is not in the search space; it holds {sorted(self._by_name)}"
                )
            for value in wanted:
                if not self._by_name[parent].contains(value):
                    raise ValueError(f"{name}.when.{parent}: {parent!r} can never be {value!r}")

    def _parents_first(self) -> list[str]:
        """Order names by how long the longest chain of conditions above each is, else as they were."""
        children: dict[str, list[str]] = {name: [] for name in self._by_name}
        missing = {name: len(domain.when) for name, domain in self._by_name.items()}
        for name, domain in self._by_name.items():
            for parent in domain.when:
                children[parent].append(name)
        depth = {name: 0 for name in self._by_name if not missing[name]}
        for parent in (settled := list(depth)):
            for name in children[parent]:
                missing[name] -= 1
                if not missing[name]:
                    depth[name] = 1 + max(depth[other] for other in self._by_name[name].when)
                    settled.append(name)
        if waiting := [name for name in self._by_name if name not in depth]:
            raise ValueError(f"when: the conditions of {sorted(waiting)} depend on each other; break the circle")
        return sorted(self._by_name, key=depth.__getitem__)
