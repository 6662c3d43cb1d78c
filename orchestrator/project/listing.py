"""Which names of a folder a person means: git's own answer where there is a repository, else the ignore files'."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError
from orchestrator.storage.code_copy import is_made

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

GIT_TIMEOUT_S = 60.0
"""How long git may take over a working tree."""
MOST_NAMES = 200_000
"""Most names that are looked at where git does not answer: a data set may lie beside the code."""
IGNORE_FILES = (".gitignore", ".rayignore")
_OF_ANOTHER = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"}
"""Variables by which git, where it runs a hook, tells of the hook's own repository."""


@dataclass
class NamesFound:
    """What was found."""

    is_by_git: bool
    """Whether git answered."""
    tracked: set[str] = field(default_factory=set)
    """Paths that git tracks, there or not, relative to the folder."""
    paths: set[str] = field(default_factory=set)
    """All that is meant, the tracked ones included; symbolic links as themselves."""


def listed(root: Path) -> NamesFound:
    """List what is meant below `root`, resolved. Raises UsageError where there is more than can be looked at."""
    return _by_git(root) or _by_ignore_files(root)


def run_git(folder: Path, *arguments: str, timeout_s: float = GIT_TIMEOUT_S) -> str | None:
    """Ask git about the repository of `folder`; None where there is none, or git is not there or takes too long.

    No hook of the repository runs, nothing is written, and a repository that the environment names is not meant.
    """
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed command
            ["git", "-c", "core.fsmonitor=false", *arguments],  # noqa: S607 - the user's own git
            cwd=folder,
            env={name: value for name, value in os.environ.items() if name not in _OF_ANOTHER}
            | {"GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(answer.stdout) if answer.returncode == 0 else None


def _by_git(root: Path) -> NamesFound | None:
    tracked = _paths(run_git(root, "ls-files", "-z", "--cached"))
    others = _paths(run_git(root, "ls-files", "-z", "--others", "--exclude-standard"))
    kept_here = _paths(
        run_git(root, "ls-files", "-z", "--cached", "--others", "--ignored", "--exclude-per-directory=.rayignore")
    )
    if tracked is None or others is None or kept_here is None:
        return None
    found = NamesFound(is_by_git=True)
    for path in tracked | others:
        if (root / path).is_dir() and not (root / path).is_symlink():  # a repository inside: a submodule, or a clone
            _add_inside(found, root, path.rstrip("/"), is_tracked=path in tracked)
        else:
            found.paths.add(path)
            found.tracked |= {path} & tracked
    found.paths -= kept_here
    return found


def _add_inside(found: NamesFound, root: Path, inner: str, *, is_tracked: bool) -> None:
    if not (root / inner / ".git").exists():  # a submodule that was not fetched: an empty folder
        return
    within = _by_git(root / inner)
    if within is not None:
        found.paths |= {f"{inner}/{path}" for path in within.paths}
        found.tracked |= {f"{inner}/{path}" for path in within.tracked if is_tracked}


def _paths(answer: str | None) -> set[str] | None:
    return None if answer is None else {path for path in answer.split("\0") if path}


def _by_ignore_files(root: Path) -> NamesFound:
    found, seen = NamesFound(is_by_git=False), 0
    rules = _Rules(root)
    for here, folders, files in os.walk(root):
        within = Path(here)
        rules.read(within)
        seen += len(folders) + len(files)
        if seen > MOST_NAMES:
            raise UsageError(
                f"{root} holds more than {MOST_NAMES:,} files; name those that are data in {root / '.rayignore'}, one "
                "pattern a line as in .gitignore, or put the sweep file into a folder of its own"
            )
        links = [name for name in folders if (within / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in links and not rules.skip(within / name))
        found.paths |= {
            (within / name).relative_to(root).as_posix() for name in [*files, *links] if not rules.ignore(within / name)
        }
    return found


class _Rules:
    """The patterns of the ignore files that hold in a folder, those above it included."""

    def __init__(self, root: Path) -> None:
        self._specs: list[tuple[str, Path, GitIgnoreSpec]] = []
        top = next((folder for folder in root.parents if (folder / ".git").exists()), None)
        for folder in [] if top is None else reversed([*_between(root, top)]):
            self.read(folder)

    def read(self, folder: Path) -> None:
        """Take the ignore files of a folder in; called for outer folders before inner ones."""
        from pathspec import GitIgnoreSpec  # here, so that who asks git waits for no import

        for name in IGNORE_FILES:
            try:
                lines = (folder / name).read_text(errors="replace").splitlines()
            except OSError:
                continue
            self._specs.append((name, folder, GitIgnoreSpec.from_lines(lines)))

    def skip(self, folder: Path) -> bool:
        """Say whether nothing below a folder is meant."""
        return is_made(folder) or self.ignore(folder, "/")

    def ignore(self, path: Path, ending: str = "") -> bool:
        """Say whether a file, or with the `ending` of a slash a folder, is ignored: the innermost rule decides."""
        return any(self._ignored_by(name, path, ending) for name in IGNORE_FILES)

    def _ignored_by(self, name: str, path: Path, ending: str) -> bool:
        for known, folder, spec in reversed(self._specs):
            if known == name and path.is_relative_to(folder):
                said = spec.check_file(f"{path.relative_to(folder).as_posix()}{ending}").include
                if said is not None:
                    return said
        return False


def _between(root: Path, top: Path) -> Iterator[Path]:
    for folder in root.parents:
        yield folder
        if folder == top:
            return
