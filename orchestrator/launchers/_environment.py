"""The environment that a sweep file asks for, as a kind of cluster takes it. Pure: from a whole environment to data.

It is one environment for the whole job, never one for an actor: Ray would start every worker anew for it.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.sweep.environment import Environment

BY_RAY = frozenset({"pip", "uv", "conda", "image", "env"})
"""What Ray itself can give a job."""


def runtime_env(environment: Environment) -> dict[str, Any]:
    """Return it as a runtime environment of Ray, without `env_vars`; files are their contents already."""
    found: dict[str, Any] = {}
    for kind in ("pip", "uv"):
        packages = getattr(environment, kind)
        if packages is not None:
            found[kind] = {"packages": list(packages)}
    if environment.conda is not None:
        conda = environment.conda
        found["conda"] = dict(conda) if isinstance(conda, Mapping) else conda
    if environment.image is not None:
        found["image_uri"] = environment.image
    return found


def shell_lines(environment: Environment) -> list[str]:
    """Return the lines of a shell script that load its modules and set its variables, before Ray starts there."""
    loaded = [f"module load {shlex.quote(module)}" for module in environment.modules]
    return [*loaded, *(f"export {name}={shlex.quote(value)}" for name, value in environment.env.items())]


def refuse_ungiven(environment: Environment, given: Collection[str], cluster: str) -> None:
    """Raise UsageError where it asks for what `cluster`, a kind of cluster in words, cannot give."""
    lacking = [key for key in environment.given if key not in given]
    if lacking:
        can = f"it gives {', '.join(sorted(given))}" if given else "put that into its definition"
        raise UsageError(f"environment.{lacking[0]}: {cluster} cannot give that; {can}, or leave it out")
