"""Which sweep a person means, and whether it is here or was sent off: the one place where that is decided."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from orchestrator.errors import JournalDamagedError, StorageError, UsageError
from orchestrator.members.outside import look_beside
from orchestrator.project import sending
from orchestrator.project.handle import Handle, SweepHere, Tell
from orchestrator.project.handle_sent import SweepSent
from orchestrator.project.places import (
    Target,
    heading_of,
    is_folder,
    locate,
    locate_file,
    started_from,
    unclear,
)
from orchestrator.project.provenance import owner_here
from orchestrator.project.records import SubmissionRecord, find_record, records_of
from orchestrator.state.reading import sweep_exists
from orchestrator.storage.location import Location
from orchestrator.sweepfile.heading import Heading


def find(place: str, dashboard: str | None, overrides: Sequence[str], say: Tell) -> Handle:
    """Return the sweep that `place`, a sweep file or a sweep's folder, means; the file need not be valid, nor there.

    With the address of a `dashboard`, the sweep that was sent there, from whichever machine. `overrides` are the
    command line's: one of them may name the sweep. Raises UsageError where nothing tells which sweep is meant,
    SweepNotFoundError where a folder holds none, ClusterError where the dashboard does not answer.
    """
    if is_folder(place):
        if dashboard is not None:
            raise UsageError(f"{place} is a folder; with --address give the sweep file")
        return SweepHere(place, locate(place, overrides), say)
    file = Path(place)
    look_beside(file.parent)  # for a launcher of the user's own, which a record may name
    heading = heading_of(file, overrides)
    if dashboard is not None:
        return SweepSent(place, _sent_to(dashboard, file, heading, overrides, say), file, say)
    found = _found(file, heading, overrides, say)
    if isinstance(found, SubmissionRecord):
        return SweepSent(place, found, file, say)
    return SweepHere(place, found, say)


def folder_meant(place: str) -> Location:
    """Return the folder that `place`, a sweep file or a sweep's folder, means, there or not and whole or not.

    Raises UsageError where nothing tells which sweep is meant.
    """
    if is_folder(place):
        return Location.parse(place).absolute()
    look_beside(Path(place).parent)
    found = _found(Path(place), heading_of(Path(place)), (), lambda _: None)
    return Location.parse(found.folder) if isinstance(found, SubmissionRecord) else found.folder


def _found(file: Path, heading: Heading, overrides: Sequence[str], say: Tell) -> SubmissionRecord | Target:
    """Return the submission, or else the folder, of the sweep that `file` speaks of."""
    if heading.name is None or heading.storage is None:
        return _only_one(file, heading, overrides)
    is_live = partial(sending.lives, say=say)
    if (record := find_record(file, heading.name, only=True, is_live=is_live)) is not None:
        return record
    target = locate_file(file, heading, overrides)
    if _names_it(overrides) or not records_of(file) or _is_there(target.folder):
        return target
    return find_record(file, heading.name, is_live=is_live) or target


def _names_it(overrides: Sequence[str]) -> bool:
    return any(override.startswith("name=") for override in overrides)


def _is_there(folder: Location) -> bool:
    try:
        return sweep_exists(folder)
    except JournalDamagedError:
        return True
    except StorageError:
        return False  # not seen from here: then it was not started from here either


def _only_one(file: Path, heading: Heading, overrides: Sequence[str]) -> SubmissionRecord | Target:
    """Return the only sweep that was sent off or started from a file that does not tell which one it means."""
    sent = {record.folder: record for record in records_of(file) if heading.name in (None, record.sweep)}
    here = {str(folder): folder for folder in started_from(file, heading.storage, heading.name)}
    known = [*sent, *(folder for folder in here if folder not in sent)]
    if len(known) != 1:
        raise unclear(heading, known)
    return sent.get(known[0]) or Target(here[known[0]], file, tuple(overrides))


def _sent_to(dashboard: str, file: Path, heading: Heading, overrides: Sequence[str], say: Tell) -> SubmissionRecord:
    """Return the newest submission of a sweep to a cluster: the record of it, or what the cluster's list says.

    A file that was sent off under one other name alone means that one, unless an override names the sweep.
    """
    if heading.name is None:
        raise UsageError(
            f"{heading.trouble}\nso the file does not tell which sweep is meant; "
            f"`stepladder ls --address {dashboard}` lists those of the cluster, with their folders"
        )
    record = find_record(file, heading.name, only=_names_it(overrides), is_live=partial(sending.lives, say=say))
    if record is not None and record.target == dashboard:
        return record
    launcher, target = sending.choose(dashboard, None)
    listed = [job for job in sending.launcher_of(launcher, target, say).jobs() if job.sweep == heading.name]
    person = owner_here(os.environ)
    for job in sorted(listed, key=lambda job: (job.owner not in ("", person), not job.status.state.is_live)):
        return SubmissionRecord(
            job.sweep, file.name, launcher, target, job.job, job.folder, sweep_id=job.sweep_id, owner=job.owner
        )
    raise UsageError(
        f"{dashboard} knows no job of the sweep {heading.name}; `stepladder ls --address {dashboard}` lists its sweeps"
    )
