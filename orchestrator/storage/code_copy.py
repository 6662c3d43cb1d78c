"""The working copy of pinned code: what workers import, with a link for everything that lay beside the code.

    folder = working_copy(sweep, "3f2a9c01b7de", Path("/home/ada/digits"), is_shared=True)

Where the sweep lies in a folder, its `code/<key>` is the copy itself, seen by every node; where it lies on an object
store, each node has a copy of its own among its temporary files. Every entry of the root that is not pinned is a link
in the copy, so that what is found by `__file__` is found; a sweep's own folder, environments and caches are not linked,
and where the root is not there, as on another machine, nothing is.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from orchestrator.errors import StorageError
from orchestrator.storage.location import Location
from orchestrator.storage.pinned_code import PinnedCode, folder_of_code, hashed, read_code, read_contents

MADE = {".git", "__pycache__", "node_modules", ".stepladder"}
"""Folders that a program makes for itself, by their names."""


def is_made(folder: Path) -> bool:
    """Say whether a program made the folder, so that it is nobody's source: a cache, an environment, a sweep's."""
    if folder.name in MADE or (folder / "pyvenv.cfg").is_file():
        return True
    return (folder / "plan.json").is_file() and (folder / "journal").is_dir()


def place_of_copy(sweep: Location, key: str, root: Path, *, is_shared: bool) -> Path:
    """Return where the working copy is, made or not: the sweep's own, or one of this machine."""
    if is_shared:
        return sweep.path / folder_of_code(key)
    own = Path(tempfile.gettempdir(), f"stepladder-code-{os.getuid()}")
    return own / f"{key}-{sha256(f'{sweep} {root}'.encode()).hexdigest()[:8]}"


def working_copy(sweep: Location, key: str, root: Path, *, is_shared: bool) -> Path:
    """Return the working copy of the code pinned under `key`, its links leading into `root`; made where it must be.

    `is_shared`: that in the sweep's folder; else one of this machine. Raises StorageError where a part of it is missing
    or was changed, OSError where links cannot be made.
    """
    code = read_code(sweep.files(), key)
    place = place_of_copy(sweep, key, root, is_shared=is_shared)
    if not is_shared and not _is_whole(place, code):
        _fetch(sweep, key, code, place)
    for path in sorted(code.files):
        if not (place / path).is_file():
            raise StorageError(
                f"{place / path}: this file of the sweep's pinned code is missing; every node must see the sweep's "
                "folder under this path. `stepladder audit` says what else is"
            )
    for path in code.executable:
        if not os.access(place / path, os.X_OK):
            _make_executable(place / path)
    link_beside(place, root, code, sweep)
    return place


def link_beside(copy: Path, root: Path, code: PinnedCode, sweep: Location) -> None:
    """Make a link in the copy for every entry of the root that is not pinned; those that are wrong now are replaced."""
    own = Path(os.path.realpath(sweep.path)) if not sweep.is_remote else None
    folders = {"", *(str(parent) for path in code.files for parent in _parents(path))}
    for folder in folders:
        wanted = {} if not (root / folder).is_dir() else dict(_entries(root, folder, folders, code, own))
        for name, target in wanted.items():
            _link(copy / folder / name, target)
        for entry in os.scandir(copy / folder):
            if entry.is_symlink() and entry.name not in wanted and not Path(entry.path).exists():
                with contextlib.suppress(FileNotFoundError):  # another process saw it too
                    Path(entry.path).unlink()


def missing_beside(root: Path, code: PinnedCode) -> list[str]:
    """Return what lay beside the code when it was pinned, is not pinned, and is not there now."""
    return [path for path in code.beside if not (root / path).exists()]


def _parents(path: str) -> Iterator[str]:
    while (path := path.rpartition("/")[0]) != "":
        yield path


def _entries(
    root: Path, folder: str, folders: set[str], code: PinnedCode, own: Path | None
) -> Iterator[tuple[str, Path]]:
    for entry in os.scandir(root / folder):
        path = f"{folder}/{entry.name}" if folder else entry.name
        target = Path(entry.path)
        if path in code.files or path in folders or is_made(target):
            continue
        if own is not None and own.is_relative_to(os.path.realpath(target)):
            continue  # a link to what the sweep itself lies in would lead in a circle
        yield entry.name, target


def _link(link: Path, target: Path) -> None:
    if link.is_symlink():
        with contextlib.suppress(OSError):
            if link.readlink() == target:
                return
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
    elif link.exists():
        return  # what a training wrote there is its own
    with contextlib.suppress(FileExistsError):  # another process of this sweep was first
        link.symlink_to(target)


def _make_executable(path: Path) -> None:
    """Let whoever may read a file run it, and nobody else."""
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode | (mode & 0o444) >> 2)


def _is_whole(place: Path, code: PinnedCode) -> bool:
    try:
        return all(hashed((place / path).read_bytes()) == expected for path, expected in code.files.items())
    except OSError:
        return False


def _fetch(sweep: Location, key: str, code: PinnedCode, place: Path) -> None:
    """Make a copy from an object store: beside its place, then moved there whole."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.parent.stat().st_uid != os.getuid() or place.parent.is_symlink():
        raise StorageError(f"{place.parent} is another user's; no code is taken from there. Remove it, or set TMPDIR")
    making = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    for path, content in read_contents(sweep.files(), key, sorted(code.files)).items():
        if hashed(content) != code.files[path]:
            shutil.rmtree(making)
            raise StorageError(
                f"{sweep}/{folder_of_code(key)}/{path}: this file of the sweep's pinned code is missing or changed; "
                "restore it, or take the code as it is now: `stepladder resume SWEEP --code here`"
            )
        (making / path).parent.mkdir(parents=True, exist_ok=True)
        (making / path).write_bytes(content)
    for path in code.executable:
        _make_executable(making / path)
    try:
        making.rename(place)
    except OSError:  # another process of this node was first, or an old one is not whole
        if not _is_whole(place, code):
            shutil.rmtree(place, ignore_errors=True)
            making.rename(place)
        else:
            shutil.rmtree(making)
