"""The record of what was sent off from here: by it a submitted sweep is found again.

A record is one small file beside the sweep file, `.stepladder/<sweep>.<job>.json`: which launcher, which cluster, which
job, where the results are. A new submission writes a new one, so that none of a job that may live is ever lost; the
newest `KEPT` of a sweep are kept. It holds no secret, and losing it loses nothing: cluster and storage know the same.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec

from orchestrator.errors import UsageError

FOLDER = ".stepladder"
KEPT = 20
"""Records of one sweep that are kept."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


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
    sweep_id: str = ""
    """The sweep's id, `<name>-<hash>`; empty in a record from before there was one, and where it is not known."""
    owner: str = ""
    """Whose sweep it is; empty likewise."""


IsLive: TypeAlias = Callable[[SubmissionRecord], bool]
"""Says whether the job of a submission runs, or will."""


def place_of(sweep_file: Path) -> Path:
    """Return the folder of the records, and of what a launcher writes, for a sweep file."""
    return sweep_file.absolute().parent / FOLDER


def write_record(sweep_file: Path, record: SubmissionRecord) -> Path:
    """Keep the record beside the sweep file, for its owner alone: it holds an environment; returns where."""
    place = place_of(sweep_file)
    place.mkdir(exist_ok=True)
    path = _path_of(place, record)
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
    for _, old in _of_sweep(place, record.sweep)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def forget_record(sweep_file: Path, record: SubmissionRecord) -> None:
    """Remove a record: nothing became of what was sent. One that is not there is no error."""
    _path_of(place_of(sweep_file), record).unlink(missing_ok=True)


def _path_of(place: Path, record: SubmissionRecord) -> Path:
    return place / f"{record.sweep}.{_UNSAFE.sub('-', Path(record.job).stem)}.json"


def records(folder: Path) -> list[SubmissionRecord]:
    """List what was sent off from sweep files in `folder`, newest first; what cannot be read is left out."""
    return [record for record, _ in _read(folder / FOLDER)]


def _read(place: Path) -> list[tuple[SubmissionRecord, Path]]:
    found = []
    for path in place.glob("*.json"):
        try:
            found.append((msgspec.json.decode(path.read_bytes(), type=SubmissionRecord), path))
        except (OSError, msgspec.DecodeError):
            continue
    return sorted(found, key=lambda entry: entry[0].submitted_t, reverse=True)


def _of_sweep(place: Path, name: str) -> list[tuple[SubmissionRecord, Path]]:
    return [(record, path) for record, path in _read(place) if record.sweep == name]


def records_of(sweep_file: Path) -> list[SubmissionRecord]:
    """List what was sent off from one sweep file, there or not, newest first."""
    return [record for record in records(sweep_file.absolute().parent) if record.sweep_file == sweep_file.name]


def find_record(
    sweep_file: Path, name: str, *, only: bool = False, is_live: IsLive = lambda _: False
) -> SubmissionRecord | None:
    """Return the record of the sweep `name`; without one, and not `only`, that of the only sweep the file was sent as.

    Of several submissions of one sweep the newest whose job lives, as `is_live` says, else the newest. None without
    any. Raises UsageError where the file was sent off under several other names.
    """
    own = records_of(sweep_file)
    named = [record for record in own if record.sweep == name] or ([] if only else own)
    if len({record.sweep for record in named}) > 1:
        names = ", ".join(dict.fromkeys(record.sweep for record in named))
        raise UsageError(f"{sweep_file} was sent off as {names}; say which by its folder (stepladder ls)")
    if len(named) > 1:
        return next((record for record in named if is_live(record)), named[0])
    return named[0] if named else None
