"""Where a plan comes from: versions, the commit of the user's code, hashes over that code and the user's members."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from itertools import chain
from pathlib import Path

from orchestrator.members.outside import code_of, is_outside
from orchestrator.project.environment import VERSION as ENVIRONMENT
from orchestrator.project.environment import environment_hash
from orchestrator.project.listing import run_git
from orchestrator.sweep.plan import Provenance
from orchestrator.sweep.setup import files_named
from orchestrator.sweep.spec import SweepSpec

DISTRIBUTIONS = ("stepladder", "ray", "optuna", "torch")
"""Whose versions are recorded, besides Python's."""
GIT_TIMEOUT_S = 5.0
"""How long git may take; a working tree on a slow network share goes unrecorded rather than holding up a plan."""
MAX_FILES = 2_000
"""Most files that are hashed."""
MAX_BYTES = 20_000_000
"""Most bytes that are hashed."""
MAX_ENTRIES = 50_000
"""Most names that are looked at: a data set may lie beside the code."""

OWNER_VARIABLE = "STEPLADDER_OWNER"
"""Who a person wants to be known as: a submission sets it for its driver, which runs under another user."""

_NOT_CODE = {"__pycache__", "node_modules", "site-packages", "runs"}


def provenance(folder: Path, spec: SweepSpec) -> Provenance:
    """Record where a sweep of `spec`, whose sweep file lies in `folder`, comes from.

    Its code is what lies beside its training function or, for a command, beside the sweep file, with the files that
    the command, or `setup`, names. Members of the user's own (`module:Class`) were imported when the sweep file was
    checked. Raises SpecError where one is not there.
    """
    scripts = [folder / name for name in files_named(spec.setup)]
    if spec.trainable is not None:
        code = code_hash((folder / spec.trainable.rpartition(":")[0]).parent, scripts)
    else:
        code = code_hash(folder, [*(folder / argument for argument in spec.command or () if argument), *scripts])
    own = {name: member_hash(name) for name in spec.members.values() if is_outside(name)}
    environment = environment_hash(spec.environment, folder)
    asked = {} if environment is None else {ENVIRONMENT: environment}
    commit, owner = git_commit(folder), owner_here(os.environ)
    return Provenance(versions=versions() | asked, git_commit=commit, code_hash=code, members=own, owner=owner)


def owner_here(environment: Mapping[str, str]) -> str:
    """Return who the person is: what `STEPLADDER_OWNER` says, else the name of the user."""
    if said := environment.get(OWNER_VARIABLE, "").strip():
        return said
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return f"uid-{os.getuid()}"


def is_somebody(environment: Mapping[str, str]) -> bool:
    """Say whether this process is a person's: a name was given, or its user has one and is not root.

    Containers, and what repeats jobs, run as root or under a number.
    """
    if environment.get(OWNER_VARIABLE, "").strip():
        return True
    return os.getuid() != 0 and not owner_here(environment).startswith("uid-")


def member_hash(name: str) -> str:
    """Hash the code of the member `module:Class`: its module or, where that lies in a package, the whole package.

    Raises SpecError where it is not there.
    """
    code = code_of(name)
    if code is None:
        return "interactive"  # defined in a notebook's cell: there is no file to look at
    return code_hash(code) if code.is_dir() else code_hash(code.parent, only=code)


def versions() -> dict[str, str]:
    """Return the installed versions by distribution, Python's included; what is not installed is missing."""
    found = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_commit(folder: Path) -> str | None:
    """Return the commit checked out in `folder`, `-dirty` behind it where tracked files differ; None without one."""
    arguments = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    return (run_git(folder, *arguments, timeout_s=GIT_TIMEOUT_S) or "").strip() or None


def code_hash(folder: Path, named: Sequence[Path] = (), *, only: Path | None = None) -> str:
    """Hash the Python files in `folder` and below: 12 hex digits, the same for the same names and contents.

    With `only`, that file of the folder alone.

    Of the files in `named`, those in `folder` or below are hashed too, whatever they are.

    Hidden folders, environments, sweeps and linked folders are left out; past the bounds above, the rest is.
    """
    digest = hashlib.sha256()
    files, room = 0, MAX_BYTES
    others = (path for path in named if path.suffix != ".py" and path.is_file() and path.is_relative_to(folder))
    for path in chain(others, _python_files(folder) if only is None else [only]):
        try:
            content = path.read_bytes() if path.is_file() else b""
        except OSError:
            continue  # a broken link, or not ours to read: it cannot be imported either
        files, room = files + 1, room - len(content)
        if files > MAX_FILES or room < 0:
            break
        name = path.relative_to(folder).as_posix().encode()
        digest.update(b"%d %d " % (len(name), len(content)) + name + content)
    return digest.hexdigest()[:12]


def _python_files(folder: Path) -> Iterator[Path]:
    seen = 0
    for here, folders, files in os.walk(folder):
        seen += len(folders) + len(files)
        if seen > MAX_ENTRIES:
            return
        folders[:] = sorted(name for name in folders if _may_hold_code(Path(here, name)))
        yield from (Path(here, name) for name in sorted(files) if name.endswith(".py"))


def _may_hold_code(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in _NOT_CODE:
        return False
    return not (folder / "pyvenv.cfg").exists() and not (folder / "plan.json").exists()
