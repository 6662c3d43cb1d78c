"""The environment that a sweep file asks for, as a kind of cluster takes it. Pure: from a whole environment to data.

It is one environment for the whole job, never one for an actor: Ray would start every worker anew for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.launchers._definitions import Definition
from orchestrator.sweep.environment import Environment

BY_RAY = frozenset({"pip", "uv", "conda", "env"})
"""What Ray itself can give a job. Its containers (`image_uri`) take no working folder beside them: no code."""

INSTEAD_BY_RAY = {
    "image": "Ray starts containers without the sweep's code: start the cluster's nodes from that image, or send the "
    "sweep to Kubernetes (--cluster kuberay)",
    "modules": "load them on its nodes before Ray starts there, and leave them out",
}
"""What to do on a Ray cluster that is up where one of the others is wanted."""


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
    return found


def refuse_ungiven(
    environment: Environment, given: Collection[str], cluster: str, instead: Mapping[str, str] | None = None
) -> None:
    """Raise UsageError where it asks for what `cluster`, a kind of cluster in words, cannot give.

    `instead` says by key what to do; without it that is said by what is given.
    """
    for key in environment.given:
        if key not in given:
            can = f"it gives {', '.join(sorted(given))}" if given else "put that into its definition"
            remedy = (instead or {}).get(key, f"{can}, or leave it out")
            raise UsageError(f"environment.{key}: {cluster} cannot give that; {remedy}")


def refuse_unmentioned(environment: Environment, definition: Definition, placeholders: Mapping[str, str]) -> None:
    """Raise UsageError where it asks for what a definition has no place for: a copy from before there was one.

    `placeholders` says by which of them each key is given; a key without one needs none.
    """
    for key in environment.given:
        name = placeholders.get(key)
        if name is not None and not definition.mentions(name):
            raise UsageError(
                f"environment.{key}: {definition.name} has no place for it; put ${{{name}}} where the definition in "
                "cluster/ has it, or write that into the file and leave it out here"
            )
