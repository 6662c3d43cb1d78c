"""The record of what was sent off from here: by it a submitted sweep is found again.

A record is one small file beside the sweep file, `.stepladder/<sweep>.json`: which launcher, which cluster, which job,
where the results are. It holds no secret, and losing it loses nothing: the cluster and the storage know the same.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from orchestrator.errors import UsageError

FOLDER = ".stepladder"


class SubmissionRecord(msgspec.Struct, frozen=True):
    """The last submission of a sweep."""

    sweep: str
    """The sweep's name."""
    sweep_file: str
    """The sweep file, relative to the folder that the record's folder lies in."""
    launcher: str
    """Which launcher sent it."""
    target: str
    """Which cluster; see `Submission.target`."""
    job: str
    """The cluster's name of the job."""
    folder: str
    """The sweep's folder, seen from the cluster: a path or a URL."""
    overrides: tuple[str, ...] = ()
    """`key=value` overrides that it was sent with."""
    submitted_t: float = 0.0
    """When, seconds since the epoch."""
    env: dict[str, str] = {}
    """Environment variables that it was sent with."""
    driver_cpus: float = 0.5
    """CPUs that were set aside for the driver."""
    insecure: bool = False
    """Whether it was allowed to go to a cluster that asks for no token."""


def place_of(sweep_file: Path) -> Path:
    """Return the folder of the records, and of what a launcher writes, for a sweep file."""
    return sweep_file.absolute().parent / FOLDER


def write_record(sweep_file: Path, record: SubmissionRecord) -> Path:
    """Keep the record beside the sweep file, for its owner alone: it holds an environment; returns where."""
    place = place_of(sweep_file)
    place.mkdir(exist_ok=True)
    path = place / f"{record.sweep}.json"
    descriptor, temporary = tempfile.mkstemp(dir=place, prefix=".")  # 0600 from its first moment on
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(record)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def records(folder: Path) -> list[SubmissionRecord]:
    """List what was sent off from sweep files in `folder`, newest first; what cannot be read is left out."""
    found = []
    for path in (folder / FOLDER).glob("*.json"):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=SubmissionRecord))
        except (OSError, msgspec.DecodeError):
            continue
    return sorted(found, key=lambda record: record.submitted_t, reverse=True)


def records_of(sweep_file: Path) -> list[SubmissionRecord]:
    """List what was sent off from one sweep file, there or not, newest first."""
    return [record for record in records(sweep_file.absolute().parent) if record.sweep_file == sweep_file.name]


def find_record(sweep_file: Path, name: str, *, only: bool = False) -> SubmissionRecord | None:
    """Return the record of the sweep `name`; without one, and not `only`, the only one that the sweep file has.

    None without any. Raises UsageError where the file was sent off under several other names.
    """
    own = records_of(sweep_file)
    named = [record for record in own if record.sweep == name] or ([] if only else own)
    if len(named) > 1:
        names = ", ".join(record.sweep for record in named)
        raise UsageError(f"{sweep_file} was sent off as {names}; say which by its folder (stepladder ls)")
    return named[0] if named else None
