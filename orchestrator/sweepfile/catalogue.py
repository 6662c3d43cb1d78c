"""A search space by itself, outside any sweep: what `stepladder spaces` shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from orchestrator.sweep.domains import Hyperparameter
from orchestrator.sweepfile.messages import SPACE_FILE, Place, Problems
from orchestrator.sweepfile.spaces import FindSpace, expand
from orchestrator.sweepfile.yaml_source import read

_HYPERPARAMETERS: TypeAdapter[dict[str, Hyperparameter]] = TypeAdapter(dict[str, Hyperparameter])


@dataclass(frozen=True, slots=True)
class CatalogueSpace:
    """A search space, what it extends included."""

    name: str
    """What `extends` names."""
    description: str
    """What it is for, one or two sentences."""
    hyperparameters: Mapping[str, Hyperparameter]
    """In the order of their tiers."""
    couplings: Mapping[str, str]
    """Which hyperparameter follows which."""


def catalogue_space(name: str, find_space: FindSpace) -> CatalogueSpace:
    """Return the space that `name` finds. Raises SpecError where there is none, or it is wrong."""
    told = _description(name, find_space)
    problems = Problems({(): Place(SPACE_FILE, name)}, {})
    expanded = expand({"extends": [name]}, find_space, problems)
    problems.raise_any()
    domains = _HYPERPARAMETERS.validate_python(expanded.definitions)
    couplings: dict[str, Any] = expanded.couplings
    return CatalogueSpace(
        name,
        told,
        dict(sorted(domains.items(), key=lambda item: item[1].tier)),
        {follower: str(coupling.get("with")) for follower, coupling in couplings.items()},
    )


def catalogue_summaries(names: Iterable[str], find_space: FindSpace) -> list[tuple[str, str]]:
    """Return each space's name with what it says of itself."""
    return [(name, _description(name, find_space)) for name in names]


def _description(name: str, find_space: FindSpace) -> str:
    data = read(find_space(name)[1], name, SPACE_FILE).data
    return str(data.get("description", ""))
