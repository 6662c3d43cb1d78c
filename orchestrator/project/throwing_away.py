"""Throwing a sweep away: a first run that failed, and what `run --fresh` asks for. Never one that somebody drives."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator.control.session import Session
from orchestrator.errors import InfeasibleError, JournalDamagedError, StorageError, UsageError
from orchestrator.policies.first_run import failed_at_once
from orchestrator.project.provenance import owner_here
from orchestrator.state.fold import SweepState
from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.storage import lease
from orchestrator.storage.location import Location
from orchestrator.storage.removal import remove_sweep
from orchestrator.wording import counted


def leave_nothing(session: Session, *, is_refused: bool = False) -> bool:
    """Remove a sweep of which nothing but its baseline began, and that failed; says whether it was one.

    Or of which nothing began at all, where a cluster refused it for good (`is_refused`): what it was asked with, and
    would be gone on with, is to be corrected.
    The session is closed. A folder that holds a report, or that another driver had or has, stays. Raises StorageError,
    OSError where it cannot be removed.
    """
    state, files = session.state, session.folder.files()
    is_none = failed_at_once(state) or (is_refused and not state.trials)
    if not is_none or len(state.sessions) > 1:
        return False
    newest = lease.current(files)
    if newest is None or newest.epoch != session.lease.epoch:
        return False
    remove_sweep(session.folder)
    return True


@contextlib.contextmanager
def gone_if_refused(session: Session) -> Iterator[None]:
    """Leave nothing of a sweep that its cluster refuses for good inside the block, before anything of it began."""
    try:
        yield
    except InfeasibleError:
        with contextlib.suppress(StorageError, OSError):  # then it stays, and a resume asks for the same again
            leave_nothing(session, is_refused=True)
        raise


def what_is_thrown_away(folder: Location) -> str | None:
    """Say what a sweep holds, for whoever is asked whether it may go; None where there is no sweep."""
    try:
        if not sweep_exists(folder):
            return None
        state = read_sweep(folder)
    except JournalDamagedError as error:
        return f"{folder}, which is damaged ({error})"
    return f"{folder} with its {counted(len(state.trials), 'trial')}, {_hours(state)}"


def refuse_throwing_away(folder: Location, sweep_file: Path) -> None:
    """Raise UsageError where a sweep is not to be thrown away for `sweep_file`: it is driven, or somebody else's."""
    if (driver := lease.describe_holder(folder.files())) is not None:
        raise UsageError(f"{folder}: {driver}; end it first: stepladder cancel {folder}")
    if not folder.is_remote and folder.path.stat().st_uid != os.getuid():
        raise UsageError(f"{folder} belongs to another user, so --fresh leaves it alone; give the sweep another name")
    owner, person = _owner(folder), owner_here(os.environ)
    if owner not in (None, person):
        raise UsageError(f"{folder} is {owner}'s, and you are {person}, so --fresh leaves it alone; give another name")
    beside = not folder.is_remote and folder.path.resolve().is_relative_to(sweep_file.parent.resolve())
    source = None if beside else _source(folder)
    if source is not None and source.exists() and not source.samefile(sweep_file):
        raise UsageError(f"{folder} was started from {source}, so --fresh leaves it alone; give the sweep another name")


def throw_away(folder: Location) -> None:
    """Remove a sweep. Raises LeaseHeldError where somebody drives it, StorageError, OSError."""
    lease.acquire(folder.files(), lease.Holder.current(), time.time(), time.sleep)
    remove_sweep(folder)


def _owner(folder: Location) -> str | None:
    """Return whose a sweep is, as far as its folder tells."""
    try:
        return read_sweep(folder).plan.provenance.owner
    except JournalDamagedError:
        return None


def _source(folder: Location) -> Path | None:
    """Return the sweep file that a sweep was started from, as far as its folder tells."""
    try:
        source = read_sweep(folder).plan.provenance.source
    except JournalDamagedError:
        return None
    return None if source is None else Path(source)


def _hours(state: SweepState) -> str:
    gpu, cpu = state.spend.gpu_hours, state.spend.cpu_hours
    return f"{gpu:.2g} GPU-hours" if gpu else f"{cpu:.2g} CPU-hours"
