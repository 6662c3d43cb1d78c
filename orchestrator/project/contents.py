"""What of a folder may travel to a cluster or be pinned: the one module that rules it.

In a git repository that is what git tracks and what it neither tracks nor ignores, by git's own answer, so ignore files
above the folder count and a tracked file is never left out. Elsewhere it is what .gitignore and .rayignore let through.
`.rayignore` counts in both: it is where a person says that something stays here.

Left out besides, unless git tracks it: files that hold a secret by their name, and JSON with a private key (a tracked
one travels and is told); sweeps that were run here, records of submissions, environments and caches. A symbolic link
travels as what it leads to, and where that lies outside the folder it is refused.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.project.listing import NamesFound, listed
from orchestrator.secrecy import is_secret_file
from orchestrator.storage.code_copy import is_made
from orchestrator.wording import first_of

MOST_JSON_BYTES = 2**20
"""JSON files above this size are taken for data and not looked into for a private key."""
_PRIVATE_KEY = re.compile(rb'"private_key"\s*:')


@dataclass(frozen=True, slots=True)
class Contents:
    """What of a folder may travel or be pinned."""

    root: Path
    """The folder, absolute."""
    files: Mapping[str, int]
    """Bytes of each file by its path below the folder, with forward slashes, in the order of the paths."""
    tracked: frozenset[str]
    """Those that git tracks; none without git."""
    secrets_left: tuple[str, ...]
    """Files that hold a secret and are therefore left out."""
    secrets_taken: tuple[str, ...]
    """Files that hold a secret, as it seems, and that git tracks: they travel."""
    leading_out: tuple[str, ...]
    """Symbolic links to what lies outside the folder; they are not among the files."""
    unfollowed: tuple[str, ...]
    """Symbolic links to what stays here, or to nothing; they are not among the files either."""
    ruled_by: str
    """Who says what is left out, for people: `git ignores`, `.gitignore names`; empty where nobody does."""

    def remarks(self) -> list[str]:
        """Say what a person should know before this leaves the machine, one line each."""
        lines = [f"without what {self.ruled_by}"] if self.ruled_by else []
        if self.secrets_left:
            lines.append(f"left out, for it holds a secret: {first_of(self.secrets_left)}")
        if self.secrets_taken:
            lines.append(
                f"warning: git tracks what looks like a secret, so it goes along: {first_of(self.secrets_taken)}; "
                "`git rm --cached` it, and change the secret, for everybody with the repository has it"
            )
        if self.unfollowed:
            lines.append(f"left out, for what they lead to stays here: {first_of(self.unfollowed)}")
        return lines

    def refuse_leading_out(self) -> None:
        """Raise UsageError where a link leads out of the folder: what it means would not be there."""
        if self.leading_out:
            raise UsageError(
                f"{self.root}: what these symbolic links lead to lies outside the folder and would not travel: "
                f"{first_of(self.leading_out)}; put data where every node sees it, and name the link in .rayignore"
            )


def contents(folder: Path) -> Contents:
    """Rule what of `folder` may travel or be pinned. Raises UsageError where it holds more names than can be looked at.

    Reads names and sizes, and the JSON files; nothing else is opened.
    """
    root = folder.resolve()
    found = listed(root)
    links = {path for path in found.paths if (root / path).is_symlink()}
    sizes = {path: size for path in found.paths - links if (size := _size(root / path)) is not None}
    left = {folder for folder in {inner for path in sizes for inner in _folders(path)} if is_made(root / folder)}
    taken = {path: size for path, size in sizes.items() if path in found.tracked or left.isdisjoint(_folders(path))}
    secrets = {path for path in taken if is_secret(root, path)}
    files = {path: size for path, size in taken.items() if path in found.tracked or path not in secrets}
    out, unfollowed = _follow(root, sorted(links), files)
    return Contents(
        root=folder.absolute(),
        files=dict(sorted(files.items())),
        tracked=frozenset(found.tracked & files.keys()),
        secrets_left=tuple(sorted(secrets - files.keys())),
        secrets_taken=tuple(sorted(secrets & files.keys())),
        leading_out=tuple(out),
        unfollowed=tuple(unfollowed),
        ruled_by=_ruled_by(found, root),
    )


def is_secret(root: Path, path: str) -> bool:
    """Say whether a file below `root` holds a secret: by its name, or as JSON that has a `private_key`."""
    if is_secret_file(path):
        return True
    if not path.lower().endswith(".json"):
        return False
    try:
        file = root / path
        return file.stat().st_size <= MOST_JSON_BYTES and _PRIVATE_KEY.search(file.read_bytes()) is not None
    except OSError:
        return False


def _ruled_by(found: NamesFound, root: Path) -> str:
    own = [name for name in (".gitignore", ".rayignore") if (root / name).is_file()]
    if found.is_by_git:
        return "git ignores" + (" and .rayignore names" if ".rayignore" in own else "")
    return f"{' and '.join(own)} name{'' if len(own) > 1 else 's'}" if own else ""


def _size(path: Path) -> int | None:
    try:
        status = path.stat()
    except OSError:
        return None  # tracked and deleted here, or not ours to read
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _folders(path: str) -> Iterator[str]:
    while (path := path.rpartition("/")[0]) != "":
        yield path


def _follow(root: Path, links: list[str], files: dict[str, int]) -> tuple[list[str], list[str]]:
    """Add what links lead to under the links' names; returns those that lead out, and those that lead to nothing."""
    own = dict(files)
    out, unfollowed = [], []
    for link in links:
        target = Path(os.path.realpath(root / link))
        if not target.is_relative_to(root):
            out.append(link)
            continue
        inside = target.relative_to(root).as_posix()
        meant = {f"{link}{path[len(inside) :]}": own[path] for path in own if f"{path}/".startswith(f"{inside}/")}
        files.update(meant)
        if not meant:
            unfollowed.append(link)
    return out, unfollowed
