"""An older tree's names for what is measured: modules that lay in other rooms then, and records with fewer fields."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

LAY_ELSEWHERE = {
    "orchestrator.state.reading": "orchestrator.control.session",
    "orchestrator.state": "orchestrator.control",
    "orchestrator.policies": "orchestrator.control",
}
"""Where a tree has no module of the first name, or none in that room, the second holds what is asked for."""


class _Elsewhere(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> Any:
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if _lay_at(name) else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return importlib.import_module(_lay_at(spec.name) or spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: it was executed under its own name."""


def _lay_at(name: str) -> str | None:
    for now, then in LAY_ELSEWHERE.items():
        if name == now or name.startswith(f"{now}."):
            return then + name[len(now) :]
    return None


def look_elsewhere() -> None:
    """From now on find modules where an older tree has them; those that this tree has are found first."""
    sys.meta_path.append(_Elsewhere())


def record(kind: type[Any], *values: Any, **later: Any) -> Any:
    """Make a record; of the fields named `later` those that this tree's has."""
    return kind(*values, **{name: value for name, value in later.items() if name in kind.__struct_fields__})
