"""Where a sweep lies: from what a person types, a sweep file or a sweep's folder, to that folder.

Reading a sweep never depends on what is written next: of the file, its name and storage are read and nothing else is
judged; where even these cannot be read, the sweeps that were started from the file are looked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from orchestrator.errors import StorageError, SweepNotFoundError, UsageError
from orchestrator.project.spec_files import read_file
from orchestrator.state.reading import sweep_exists
from orchestrator.storage.location import Location
from orchestrator.storage.under_way import under_way
from orchestrator.storage.url import is_url
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile.heading import Heading, read_heading


@dataclass(frozen=True, slots=True)
class Target:
    """What a person pointed at."""

    folder: Location
    """The sweep's folder, there or not."""
    file: Path | None
    """The sweep file that was given, there or not; None where the folder was."""
    overrides: tuple[str, ...] = ()
    """`key=value` overrides just given."""


class _Ground(msgspec.Struct):
    source: str | None = None


class _Plan(msgspec.Struct):
    provenance: _Ground


def folder_of(storage: str, name: str, beside: Path) -> Location:
    """Return the folder of a sweep; a relative `storage` lies beside the sweep file, in the folder `beside`."""
    return Location.parse(storage if is_url(storage) else (beside / storage).absolute()) / name


def is_folder(place: str) -> bool:
    """Say whether what a person typed means a sweep's folder rather than a sweep file."""
    with under_way(place):
        return is_url(place) or Path(place).is_dir()


def locate(place: str, overrides: Sequence[str] = ()) -> Target:
    """Find the sweep that `place` means: a sweep file, or the folder of a sweep, by path or by URL.

    Raises SweepNotFoundError where the folder holds none, UsageError where nothing tells which sweep the file means.
    """
    if not is_folder(place):
        file = Path(place)
        return locate_file(file, heading_of(file, overrides), overrides)
    folder = Location.parse(place).absolute()
    if not sweep_exists(folder):
        raise SweepNotFoundError(f"{place}: there is no sweep in this folder; give a sweep file, or runs/<name>")
    return Target(folder, None, tuple(overrides))


def locate_file(file: Path, heading: Heading, overrides: Sequence[str] = ()) -> Target:
    """Find the sweep of a file with this heading; raises UsageError as `locate` does."""
    if heading.name is not None and heading.storage is not None:
        return Target(folder_of(heading.storage, heading.name, file.parent), file, tuple(overrides))
    known = started_from(file, heading.storage, heading.name)
    if len(known) != 1:
        raise unclear(heading, [str(folder) for folder in known])
    return Target(known[0], file, tuple(overrides))


def heading_of(file: Path, overrides: Sequence[str] = ()) -> Heading:
    """Read which sweep a file speaks of, as far as it can be read; one that is not there speaks of none."""
    content, trouble = b"", ""
    try:
        with under_way(str(file)):
            content = read_file(file)
    except FileNotFoundError:
        trouble = f"{file}: there is no such file"
    except OSError as error:
        trouble = f"{file}: cannot be read: {error.strerror}"
    heading = read_heading(content, str(file), overrides)
    return replace(heading, trouble=trouble) if trouble and heading.trouble else heading


def started_from(file: Path, storage: str | None, name: str | None = None) -> list[Location]:
    """Return the sweeps that were started from `file`, as their plans say, and that have the `name` if one is given.

    They are looked for in `storage` and in the default one; what cannot be read is left out.
    """
    default = str(SweepSpec.model_fields["storage"].default)
    own = {str(file.resolve()), str(file.absolute()), str(file.absolute().parent.resolve() / file.name)}
    found = []
    for place in dict.fromkeys((storage or default, default)):
        within = Location.parse(place if is_url(place) else (file.parent / place).absolute())
        named = [entry for entry in _names(within) if name in (None, entry)]
        found += [within / entry for entry in named if _source(within / entry) in own]
    return found


def sweeps_in(place: Location, unread: Callable[[Location, StorageError], None] | None = None) -> list[Location]:
    """Return the folders of sweeps that `place` may hold: a storage, or a folder of sweep files with their storages.

    They are named by what lies there; that each holds a sweep is not looked at. A storage that cannot be read is told
    to `unread` with why. Raises StorageError without it, and where `place` itself cannot be read.
    """
    storages = [place]
    if not place.is_remote:
        files = [file for file in sorted(place.path.glob("*.y*ml")) if file.is_file()]
        written = [str(SweepSpec.model_fields["storage"].default), *(heading_of(file).storage for file in files)]
        known = [text for text in written if text is not None]
        storages += [Location.parse(text if is_url(text) else (place.path / text).absolute()) for text in known]
    found = []
    for storage in dict.fromkeys(storages):
        try:
            found += [storage / name for name in _names_in(storage)]
        except StorageError as error:
            if unread is None or storage == place:
                raise
            unread(storage, error)
    return [folder for folder in found if folder.is_remote or folder.path.is_dir()]


def source_of(folder: Location, plan: Plan) -> Path | None:
    """Return the sweep file of the sweep in `folder`, there or not; None where it was built in Python.

    A sweep means the folder it lies in: where its relative storage leads from there to a file of the recorded name, it
    is that one, also in a copy of a project; else the one that was recorded.
    """
    recorded = plan.provenance.source
    if recorded is None:
        return None
    storage = plan.spec.storage
    if not folder.is_remote and not is_url(storage) and not Path(storage).is_absolute():
        inside = Path(os.path.normpath(f"{storage}/{plan.spec.name}"))
        place = folder.absolute().path
        if ".." not in inside.parts and place.parts[-len(inside.parts) :] == inside.parts:
            file = place.parents[len(inside.parts) - 1] / Path(recorded).name
            if file.exists():
                return file
    return Path(recorded)


def unclear(heading: Heading, known: Sequence[str]) -> UsageError:
    """Say that a file does not tell which of the `known` sweeps is meant, if any are, and what to give instead."""
    if known:
        instead = f"several were started from it; give one of their folders instead: {', '.join(known)}"
    else:
        instead = "no sweep that was started from it is known here; give the sweep's folder instead, e.g. runs/<name>"
    return UsageError(f"{heading.trouble}\nso the file does not tell which sweep is meant, and {instead}")


def _names(folder: Location) -> list[str]:
    try:
        return _names_in(folder)
    except StorageError:  # a store out of reach
        return []


def _names_in(folder: Location) -> list[str]:
    """Return the names in a folder. Raises StorageError where it cannot be read."""
    parent, _, name = str(folder).rpartition("/")
    try:
        return Location.parse(parent).files().names(name) if name else []
    except UsageError:  # a bucket alone, above which there is nothing
        return []


def _source(folder: Location) -> str | None:
    """Return the sweep file that a sweep was started from; None where its plan does not say, or is not there."""
    try:
        content = folder.files().read("plan.json")
        return msgspec.json.decode(content, type=_Plan).provenance.source
    except (StorageError, OSError, msgspec.MsgspecError):
        return None
