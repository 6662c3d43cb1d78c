"""Open sets: a package's members are its modules, or a class of anybody's own by `module:Class`.

A member's file in the package defines one class and binds it to `MEMBER`; it is found by listing and imported only when
named. File `soft_stages.py` is the member `soft-stages`. Where others lie, and how they are judged: `outside`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from orchestrator.errors import SpecError
from orchestrator.members import outside
from orchestrator.members._phrases import nearest

__all__ = ["Built", "Named", "build", "definitions", "kind_of", "load", "names", "nearest", "qualify"]

_PACKAGE = Path(__file__).parents[1]


class Named(Protocol):
    """A member as a sweep file writes it; `orchestrator.sweep.spec.Member` is one."""

    @property
    def name(self) -> str:
        """Which member."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Its options; unset ones keep their defaults."""


class Built(NamedTuple):
    """A member ready to be made."""

    member: Any
    """Its class."""
    options: Any
    """Its options, validated by its class."""


def names(package: str) -> list[str]:
    """List the members that `package` (e.g. `orchestrator.searchers`) itself has, sorted, without importing them."""
    folder = _PACKAGE / package.partition(".")[2].replace(".", "/")
    found = (module.name for module in pkgutil.iter_modules([str(folder)]))
    return sorted(name.replace("_", "-") for name in found if not name.startswith("_"))


def load(package: str, name: str) -> Any:
    """Import the member `name` of `package`, one of its own or `module:Class`, and return its class.

    Raises SpecError for an unknown name, with the nearest one and the whole list, and for a class that is not there,
    cannot be imported or is no such member.
    """
    if outside.is_outside(name):
        return outside.load(name, kind_of(package), getattr(importlib.import_module(package), _base_name(package)))
    known = names(package)
    if name not in known:
        own = "" if package == "orchestrator.launchers" else ", or your own as module:Class"
        raise SpecError(f"{name!r} is not a {kind_of(package)}; choose {nearest(name, known)}{own}")
    return importlib.import_module(f"{package}.{name.replace('-', '_')}").MEMBER


def build(package: str, named: Named) -> Built:
    """Turn what a sweep file names into a class and its options.

    Raises SpecError as `load` does, pydantic's ValidationError for options that a check of the file refuses.
    """
    member = load(package, named.name)
    return Built(member, member.Options.model_validate(dict(named.options)))


def kind_of(package: str) -> str:
    """Return what messages call a member of `package`: `searcher` for `orchestrator.searchers`."""
    return package.rpartition(".")[2].removesuffix("s")


def qualify(member: type[Any]) -> str:
    """Return the name by which a sweep file means a class: `my_lab.bo:MySearcher`."""
    return f"{member.__module__}:{member.__qualname__}"


def definitions(kind: str) -> Path:
    """Return the folder of the definitions of `kind`, `search_spaces` or `cluster`.

    It lies inside the package (a wheel), else beside it (a checkout).
    """
    return _PACKAGE / kind if (_PACKAGE / kind).is_dir() else _PACKAGE.parent / kind


def _base_name(package: str) -> str:
    """Return the name of the class that a package's members derive from, by convention its kind: `Searcher`."""
    return kind_of(package).capitalize()
