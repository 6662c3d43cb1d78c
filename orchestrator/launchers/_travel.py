"""What of the sweep file's folder travels with a submission: shown, bounded, packed. `project.contents` rules which."""

from __future__ import annotations

import hashlib
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from orchestrator import wording
from orchestrator.errors import UsageError
from orchestrator.launchers import Submission
from orchestrator.storage.location import Location
from orchestrator.storage.url import is_url

_SHOWN = 12
_LARGEST = 3
KEPT = ".packages"
"""Where packages lie in a storage that are larger than a cluster takes at once, by the hash of their content."""
_MARK = ".stepladder-package"
"""An empty file at the top of a package: Ray takes a single folder there for a wrapping, and leaves it out."""
_DATED = (1980, 1, 1, 0, 0, 0)
"""The same for every file, so that the same files make the same package, which a cluster that has it is not sent."""


def described(submission: Submission, limit: int) -> list[str]:
    """Say what would be uploaded, a line for each top-level entry, the largest first; `limit` is in bytes."""
    entries = list(_entries(submission.files).items())
    total = sum(submission.files.values())
    taken = (
        f"of at most {wording.size(limit)}"
        if total <= limit
        else f"to {submission.storage}/{KEPT}, once for this content"
    )
    lines = [
        f"uploads {submission.folder}: {len(submission.files)} files, {wording.size(total)} {taken}",
        *(f"  {wording.size(size):>10}  {name}" for name, size in entries[:_SHOWN]),
    ]
    if len(entries) > _SHOWN:
        lines.append(f"  {wording.size(sum(size for _, size in entries[_SHOWN:])):>10}  {len(entries) - _SHOWN} more")
    return lines


def refuse_above(limit: int, submission: Submission, taker: str, remedy: str) -> None:
    """Raise UsageError, naming the largest entries, where what travels is more than `taker` takes, `limit` bytes."""
    total = sum(submission.files.values())
    if total <= limit:
        return
    largest = ", ".join(
        f"{name} ({wording.size(size)})" for name, size in list(_entries(submission.files).items())[:_LARGEST]
    )
    raise UsageError(
        f"{submission.folder} would upload {wording.size(total)}, and {taker} takes {wording.size(limit)} at most. "
        f"The largest are {largest}: {remedy}"
    )


def is_kept(submission: Submission, limit: int) -> bool:
    """Say whether a submission's files go to its storage: more than `limit` bytes, where this machine sees that one."""
    place = Path(submission.storage)
    seen = is_url(submission.storage) or place.is_dir() or (len(place.parts) > 2 and place.parent.is_dir())
    return seen and sum(submission.files.values()) > limit


def keep(package: Path, storage: str) -> str:
    """Put a package into a storage, unless it is there already; returns the URI from which Ray's nodes fetch it.

    Raises StorageError.
    """
    with package.open("rb") as file:
        name = f"{KEPT}/{hashlib.file_digest(file, 'sha256').hexdigest()[:32]}.zip"
    folder = Location.parse(storage)
    files = folder.files()
    try:
        if not files.exists(name):
            files.replace(name, package.read_bytes())
    finally:
        files.close()
    return f"{storage.rstrip('/')}/{name}" if is_url(storage) else f"file://{Path(storage).absolute() / name}"


def pack(submission: Submission, package: Path) -> None:
    """Write what travels into the ZIP file `package`: links as what they lead to, executable files as such.

    The same files make the same bytes. Raises UsageError where a file has gone, or may not be read.
    """
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(_MARK, _DATED), b"")
        for path in sorted(submission.files):
            source = submission.folder / path
            entry = zipfile.ZipInfo(path, _DATED)
            entry.compress_type = zipfile.ZIP_DEFLATED
            try:
                entry.external_attr = (0o755 if source.stat().st_mode & 0o100 else 0o644) << 16
                archive.writestr(entry, source.read_bytes())
            except OSError as error:
                raise UsageError(f"{source}: {error.strerror}; it is to be sent along") from None


def _entries(files: Mapping[str, int]) -> dict[str, int]:
    """Return bytes by top-level entry, the largest first; folders end in a slash."""
    sizes: Counter[str] = Counter()
    for path, size in files.items():
        top, slash, _ = path.partition("/")
        sizes[f"{top}{slash}"] += size
    return dict(sizes.most_common())
