"""What Ray would upload of a folder, found by Ray's own rules before anything is sent.

Ray leaves out what .gitignore and .rayignore name, without a word, and stores files uncompressed; its server takes
100 MiB, whatever its messages say, and tells so only after the upload.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ray._private import ray_constants
from ray._private.runtime_env import packaging

from orchestrator.errors import UsageError

LIMIT_BYTES = 100 * 2**20
"""What the server takes: aiohttp's limit for one request in Ray's dashboard (ray#55877)."""
_ZIP_ENTRY_BYTES = 30 + 46 + 40
"""Of an entry besides its name, twice, and its content: local header, central header, room for 64-bit sizes."""
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Package:
    """What would be uploaded."""

    entries: dict[str, int]
    """Bytes by top-level entry, the largest first; folders end in a slash."""
    files: int
    """How many files."""
    ignored_by: tuple[str, ...]
    """Ignore files at the top of the folder that leave something out."""

    @property
    def size_bytes(self) -> int:
        """What the server will see."""
        return sum(self.entries.values())


def look_into(folder: Path, excludes: Sequence[str]) -> Package:
    """Find what Ray would take of `folder`, besides `excludes` (patterns as in .gitignore)."""
    sizes: Counter[str] = Counter()
    files = 0

    def take(path: Path) -> None:
        nonlocal files
        if not path.is_file():
            return
        inside = path.relative_to(folder)
        name = f"{inside.parts[0]}/" if len(inside.parts) > 1 else inside.parts[0]
        sizes[name] += path.stat().st_size + 2 * len(str(inside).encode()) + _ZIP_ENTRY_BYTES
        files += 1

    wanted = [*ray_constants.get_runtime_env_default_excludes(), *excludes]
    with_gitignore = os.environ.get(ray_constants.RAY_RUNTIME_ENV_IGNORE_GITIGNORE, "0") != "1"
    skipped = packaging._get_excludes(folder, wanted)  # noqa: SLF001 - the rules that the upload will follow
    packaging._dir_travel(  # noqa: SLF001 - likewise
        folder,
        [skipped],
        take,
        include_gitignore=with_gitignore,
        logger=logging.getLogger("stepladder"),
    )
    ignoring = [".gitignore"] * with_gitignore + [".rayignore"]
    found = tuple(name for name in ignoring if (folder / name).is_file())
    return Package(dict(sizes.most_common()), files, found)


def described(package: Package, folder: Path) -> list[str]:
    """Say what would be uploaded, a line for each top-level entry, the largest first."""
    entries = list(package.entries.items())
    lines = [f"uploads {folder}: {package.files} files, {_size(package.size_bytes)} of at most {_size(LIMIT_BYTES)}"]
    lines += [f"  {_size(size):>10}  {name}" for name, size in entries[:_SHOWN]]
    if len(entries) > _SHOWN:
        lines.append(f"  {_size(sum(size for _, size in entries[_SHOWN:])):>10}  {len(entries) - _SHOWN} more")
    if package.ignored_by:
        lines.append(f"without what {' and '.join(package.ignored_by)} leave out")
    return lines


def refuse_too_large(package: Package, folder: Path) -> None:
    """Raise UsageError, naming the largest entries, where the server would refuse the upload."""
    if package.size_bytes <= LIMIT_BYTES:
        return
    largest = ", ".join(f"{name} ({_size(size)})" for name, size in list(package.entries.items())[:3])
    raise UsageError(
        f"{folder} would upload {_size(package.size_bytes)}, and the cluster takes {_size(LIMIT_BYTES)} at most. The "
        f"largest are {largest}: put data where every node sees it and name it in {folder / '.rayignore'}, "
        "one pattern a line as in .gitignore"
    )


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
