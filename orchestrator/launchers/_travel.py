"""What of the sweep file's folder travels with a submission: shown, bounded, packed. `project.contents` rules which."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from orchestrator import wording
from orchestrator.errors import UsageError
from orchestrator.launchers import Submission

_SHOWN = 12
_LARGEST = 3
_DATED = (1980, 1, 1, 0, 0, 0)
"""The same for every file, so that the same files make the same package, which a cluster that has it is not sent."""


def described(submission: Submission, limit: int) -> list[str]:
    """Say what would be uploaded, a line for each top-level entry, the largest first; `limit` is in bytes."""
    entries = list(_entries(submission.files).items())
    total = sum(submission.files.values())
    lines = [
        f"uploads {submission.folder}: {len(submission.files)} files, "
        f"{wording.size(total)} of at most {wording.size(limit)}",
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


def pack(submission: Submission, package: Path) -> None:
    """Write what travels into the ZIP file `package`: links as what they lead to, executable files as such.

    The same files make the same bytes. Raises UsageError where a file has gone, or may not be read.
    """
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
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
