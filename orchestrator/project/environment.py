"""The environment that a sweep file asks for, made whole: what its files hold stands in their place.

What travels and what is recorded is the content. So a requirements file that changed is another environment, and one
that is not there is told by `check`, never by a node.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from orchestrator.errors import SpecError
from orchestrator.secrecy import mask
from orchestrator.sweep.environment import Environment
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile.messages import KeyPath, quote

VERSION = "environment"
"""What the hash of an environment is called among the versions of a plan."""
_KINDS = ("pip", "uv", "conda")
_YAML = (".yml", ".yaml")
_OTHER_FILES = ("-r", "--requirement", "-c", "--constraint", "-e", "--editable", ".", "/", "file:")
"""What a requirement begins with that means something of this machine."""


def whole(environment: Environment, folder: Path) -> Environment:
    """Return it with what its files, named from `folder`, hold. Raises SpecError where one cannot be taken."""
    found: dict[str, Any] = {}
    for kind in _KINDS:
        try:
            taken = _taken(kind, getattr(environment, kind), folder)
        except SpecError as error:
            raise SpecError(f"environment.{kind}: {error}") from None
        if taken is not None:
            found[kind] = taken
    return environment.model_copy(update=found)


def environment_problems(folder: Path, spec: SweepSpec) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with the files that `environment` names in `folder`, and where it was written."""
    for kind in _KINDS:
        try:
            _taken(kind, getattr(spec.environment, kind), folder)
        except SpecError as error:
            yield ("environment", kind), str(error)


def _taken(kind: str, said: Any, folder: Path) -> Any:
    """Return what one key comes to; None where it says nothing that is not said by itself."""
    if said is None or (kind == "conda" and not (isinstance(said, str) and said.endswith(_YAML))):
        return None
    return _conda(said, folder) if kind == "conda" else _packages(kind, said, folder)


def said_here(environment: Environment, *, is_joined: bool, environ: Mapping[str, str]) -> list[str]:
    """Say what of it applies not where a driver runs by itself: on a Ray of its own, or on a cluster that it joined.

    `environ` are the process's variables. As a job of Ray's it has what was asked for: whoever sent it gave that, or
    refused it. Environment modules that are loaded, as a Slurm script does it, are known by LOADEDMODULES.
    """
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" in environ:
        return []
    loaded = environ.get("LOADEDMODULES", "").split(":")
    wanting = [module for module in environment.modules if not _is_loaded(module, loaded)]
    lacking = [key for key in environment.given if key not in ("env", "modules") or (key == "modules" and wanting)]
    if not is_joined:
        what = ", ".join(f"environment.{key}" for key in lacking)
        why = "trials run with what this machine has; `submit` gives what a cluster can give"
        return [f"{what}: not applied here; {why}"] if lacking else []
    why_not = {"image": "start the nodes from it", "modules": "load them before Ray starts"}
    return [f"environment.{key}: not applied here; {why}" for key, why in why_not.items() if key in lacking]


def _is_loaded(module: str, loaded: Collection[str]) -> bool:
    return any(name == module or name.startswith(f"{module}/") for name in loaded)


def files_of(environment: Environment) -> list[str]:
    """List the files that it names, from the sweep file's folder."""
    named = [value for value in (environment.pip, environment.uv) if isinstance(value, str)]
    conda = environment.conda
    return [*named, *([conda] if isinstance(conda, str) and conda.endswith(_YAML) else [])]


def environment_hash(environment: Environment, folder: Path) -> str | None:
    """Hash what it comes to, 12 hex digits; None where the file asks for none. Raises SpecError as `whole`."""
    if not environment.given:
        return None
    content = whole(environment, folder).model_dump(mode="json")
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _packages(kind: str, said: str | tuple[str, ...], folder: Path) -> tuple[str, ...]:
    text = _read(said, folder) if isinstance(said, str) else "\n".join(said)
    lines = [line.partition(" #")[0].strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    for line in lines:
        if line.startswith(_OTHER_FILES):
            raise SpecError(
                f"{quote(line)} means something of this machine, which no node has; write the packages out, and let "
                "code travel with the sweep file's folder (`code: {root: ..}`)"
            )
        if mask(line) != line:
            raise SpecError(f"a line for {kind} holds a secret, and Ray writes it into its logs: {mask(line)}")
    if not lines:
        raise SpecError(f"{said if isinstance(said, str) else 'the list'} names no package; leave {kind} out")
    return tuple(lines)


def _conda(name: str, folder: Path) -> dict[str, Any]:
    text = _read(name, folder)
    try:
        content = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise SpecError(f"{quote(name)} is not valid YAML: {error}") from None
    if not isinstance(content, dict) or "dependencies" not in content:
        raise SpecError(f"{quote(name)} is no conda environment: it has no `dependencies`")
    return content


def _read(name: str, folder: Path) -> str:
    try:
        return (folder / name).read_text()
    except FileNotFoundError:
        raise SpecError(
            f"there is no file {quote(name)} beside the sweep file; name one, or write a list: [torch==2.9, einops]"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{quote(name)} cannot be read: {error}") from None
