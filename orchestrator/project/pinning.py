"""Which code of the user's a sweep pins, taken at its start; and how the folder differs from that later.

Taken are the Python files below the root, what git tracks there, and what `setup` names, each under 1 MiB, as
`contents` lets them. Where that is more than 100 MiB, only what importing the training function loads, and what `setup`
names. A program (`command`) is not pinned: what it reads cannot be known.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.project.contents import Contents, contents
from orchestrator.storage.code_copy import is_made
from orchestrator.storage.pinned_code import MOST_BESIDE, PinnedCode, TakenCode, hashed
from orchestrator.sweep.setup import files_named
from orchestrator.sweep.spec import SweepSpec
from orchestrator.wording import counted, first_of

MOST_BYTES_OF_FILE = 2**20
"""A file of this size or above is data."""
MOST_BYTES = 100 * 2**20
"""More than this is not pinned as a whole."""
MOST_FILES = 5_000
"""Nor are more files than this: each is written durably."""
IMPORT_S = 300.0
"""How long importing the training function may take where it has to tell what it loads."""
_TELL_LOADED = """
import json, sys
file, name, *folders = sys.argv[2:]
sys.path[:0] = folders
import importlib.util
spec = importlib.util.spec_from_file_location(name, file)
module = sys.modules[name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
found = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
with open(sys.argv[1], "w") as told:
    json.dump(sorted(file for file in found if isinstance(file, str)), told)
"""


def root_of(folder: Path, spec: SweepSpec) -> Path:
    """Return the folder whose code a sweep pins, whose sweep file lies in `folder`. Raises UsageError.

    It must hold the sweep file's folder: what the copy lacks cannot be imported.
    """
    root = Path(os.path.normpath(folder.absolute() / spec.code.root))
    if not folder.resolve().is_relative_to(root.resolve()):
        raise UsageError(
            f"code.root: {spec.code.root!r} is {root}, which does not hold the folder of the sweep file, "
            f"{folder.absolute()}; name that one (.) or one above it, e.g. .."
        )
    return root


def is_pinnable(spec: SweepSpec) -> bool:
    """Say whether a sweep's code is pinned where nothing else was decided before: a function's, unless turned off."""
    return spec.code.pin and spec.trainable is not None


def take_code(folder: Path, spec: SweepSpec, now: float) -> tuple[TakenCode, list[str]]:
    """Take the code of a sweep whose sweep file lies in `folder`, as it is now; `now` is in seconds since the epoch.

    Returns it and what a person should know, one line each. Raises UsageError where it cannot be read.
    """
    root = root_of(folder, spec)
    inside = folder.resolve().relative_to(root.resolve()).as_posix().removeprefix(".")
    file = os.path.normpath(f"{inside}/{(spec.trainable or '').rpartition(':')[0]}").lstrip("/")
    found: Contents | None = None
    try:
        found = contents(root)
    except UsageError:  # more names than can be looked at
        chosen = None
    else:
        chosen = _chosen(found)
    said = [] if found is None else [f"warning: {path} is pinned with the code" for path in found.secrets_taken]
    if chosen is None:
        chosen = _loaded(root, file, [root / inside, *(root / path for path in spec.code.path)])
        said.append(f"pinned is only what importing {file} loads: {root} holds more than is kept with a sweep")
    read = _read(root, sorted({*chosen, file, *_of_setup(root, inside, spec, found)}))
    code = PinnedCode(
        root=str(root),
        inside=inside,
        files={path: hashed(content) for path, content in read.items()},
        executable=tuple(path for path in read if os.access(root / path, os.X_OK)),
        beside=tuple(_beside(root, read)),
        taken_t=now,
    )
    size = sum(map(len, read.values()))
    said.append(
        f"pinned: {counted(len(read), 'file')} ({size / 1024:,.1f} KiB) of {root}; what is edited there from now on "
        "reaches the next sweep"
    )
    return TakenCode(code, read), said


def difference(code: PinnedCode, taken: PinnedCode) -> str | None:
    """Say how the folder's code, just `taken`, differs from what was pinned; None where it does not."""
    if code.files == taken.files:
        return None
    changed = sorted(path for path in code.files.keys() & taken.files if code.files[path] != taken.files[path])
    gone, new = sorted(code.files.keys() - taken.files), sorted(taken.files.keys() - code.files)
    parts = (("changed", changed), ("gone", gone), ("new", new))
    return "; ".join(f"{what}: {first_of(paths)}" for what, paths in parts if paths)


def _chosen(found: Contents) -> list[str] | None:
    """Return what is pinned of a folder; None where that is too much."""
    chosen = {
        path: size
        for path, size in found.files.items()
        if size < MOST_BYTES_OF_FILE and (path.endswith(".py") or path in found.tracked)
    }
    return None if sum(chosen.values()) > MOST_BYTES or len(chosen) > MOST_FILES else list(chosen)


def _of_setup(root: Path, inside: str, spec: SweepSpec, found: Contents | None) -> Iterator[str]:
    """Yield the files that `setup` names, as far as they may travel and are no data."""
    for name in files_named(spec.setup):
        path = os.path.normpath(f"{inside}/{name}").lstrip("/")
        is_code = (root / path).is_file() and (root / path).stat().st_size < MOST_BYTES_OF_FILE
        if is_code and not path.startswith("..") and (found is None or path in found.files):
            yield path


def _read(root: Path, paths: Iterable[str]) -> dict[str, bytes]:
    try:
        return {path: (root / path).read_bytes() for path in paths}
    except OSError as error:
        raise UsageError(
            f"{error.filename}: {error.strerror}; the sweep's code is pinned at its start. Mend it, name it in an "
            "ignore file, or turn that off in the sweep file: `code: {pin: false}`"
        ) from None


def _loaded(root: Path, file: str, folders: Sequence[Path]) -> list[str]:
    """Return the files below `root` that importing a training function's file loads, in a process of its own.

    It looks for modules in `folders`, the sweep file's first.
    """
    with tempfile.TemporaryDirectory(prefix="stepladder-") as place:
        told = Path(place, "loaded.json")
        path = root / file
        arguments = [str(told), str(path), path.stem, str(path.parent), *map(str, folders)]
        try:
            done = subprocess.run(  # noqa: S603 - this Python, and the user's own file
                [sys.executable, "-c", _TELL_LOADED, *arguments],
                cwd=folders[0], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=IMPORT_S, check=False,
            )  # fmt: skip
            files = json.loads(told.read_text()) if done.returncode == 0 else None
        except (OSError, ValueError, subprocess.TimeoutExpired):
            files = None
    if files is None:
        raise UsageError(
            f"{path} cannot be imported here to see what it loads, and {root} holds more than is kept with a sweep; "
            "mend it, name data in .rayignore, or write `code: {pin: false}` in the sweep file"
        )
    below = [Path(os.path.realpath(name)) for name in files]
    real = root.resolve()
    return [name.relative_to(real).as_posix() for name in below if name.is_relative_to(real) and _is_source(name)]


def _is_source(path: Path) -> bool:
    return path.suffix == ".py" and "site-packages" not in path.parts


def _beside(root: Path, files: Mapping[str, bytes]) -> list[str]:
    """Return what lies beside pinned files and is not pinned, the first `MOST_BESIDE`."""
    folders = {"", *(path.rpartition("/")[0] for path in files)}
    folders |= {str(parent) for path in files for parent in Path(path).parents if str(parent) != "."}
    found: list[str] = []
    for folder in sorted(folders):
        for entry in sorted(os.scandir(root / folder), key=lambda entry: entry.name):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if path not in files and path not in folders and not is_made(Path(entry.path)):
                found.append(path)
                if len(found) == MOST_BESIDE:
                    return found
    return found
