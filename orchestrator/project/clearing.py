"""What lies in a sweep's folder and nobody can need any more: found, and removed once that is agreed to.

The log, the tables and whatever a training wrote of its own are no clutter. A trial's newest checkpoint is removed by a
record, as a driver does it (`orchestrator.policies.keeping`); everything else here no record names.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from orchestrator.control.drivers import pinned_by_last
from orchestrator.control.machine import THIS_MACHINE, Machine
from orchestrator.control.session import Session, read_log, reopen
from orchestrator.errors import StorageError
from orchestrator.policies.keeping import is_over, removal, unneeded
from orchestrator.results.follower import Follower
from orchestrator.results.tables import Tables
from orchestrator.state.fold import SweepState
from orchestrator.storage.checkpoints import FOLDER as CHECKPOINTS
from orchestrator.storage.checkpoints import names_below, stored_checkpoints
from orchestrator.storage.lease import describe_holder
from orchestrator.storage.location import Location, StoredEntry
from orchestrator.storage.pinned_code import FOLDER as CODE
from orchestrator.sweep import event as ev
from orchestrator.sweep.kept import KeepCheckpoints
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.trial import Trial

WORK = "work"
"""Where the trials' folders lie, in the sweep's: `orchestrator.ray.worker.workdir`."""
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.tmp")


@dataclass(frozen=True, slots=True)
class Clutter:
    """One kind of what nobody can need any more."""

    kind: str
    """What it is, for people, in the plural."""
    names: tuple[str, ...] = ()
    """Files and folders, as they are named in the sweep's folder."""
    size: int = 0
    """Bytes in them."""
    is_own: bool = False
    """Whether a training wrote it, so that it goes only where that is asked for."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """What was found in a sweep's folder."""

    keep: KeepCheckpoints
    """Which checkpoints stay."""
    clutter: tuple[Clutter, ...]
    """What nobody can need any more, by its kind."""
    checkpoints: int
    """How many checkpoints stay."""
    size: int
    """Bytes in those."""
    holder: str | None
    """Who drives the sweep now, so that nothing can be removed; None: nobody."""


def look(folder: Location, keep: KeepCheckpoints | None = None) -> Cleared:
    """Return what could go; `keep` None: as the sweep file says. Raises SweepNotFoundError, StorageError."""
    state, events = read_log(folder)
    return _found(folder, state, events, keep or state.plan.spec.keep_checkpoints)


def clear(
    folder: Location,
    keep: KeepCheckpoints | None = None,
    *,
    work: bool = False,
    on_wait: Callable[[str], None] = lambda _: None,
    machine: Machine = THIS_MACHINE,
) -> Cleared:
    """Remove what nobody can need any more, and return it; with `work` also what trainings wrote in their folders.

    Raises LeaseHeldError where somebody drives the sweep, SweepNotFoundError, StorageError.
    """
    state, events = read_log(folder)
    session, _ = reopen(folder, _as_it_was(state), on_wait, code=pinned_by_last(state), clears=True, machine=machine)
    try:
        found = _found(folder, session.state, events, keep or session.state.plan.spec.keep_checkpoints)
        going = [clutter for clutter in found.clutter if work or not clutter.is_own]
        _write_down(session, machine, {name for clutter in going for name in clutter.names})
        _remove(folder, [name for clutter in going for name in clutter.names])
    except BaseException:
        session.release()
        raise
    session.close("finished")
    _refresh_tables(folder)
    return replace(found, clutter=tuple(going), holder=None)


def _as_it_was(state: SweepState) -> Plan:
    """Return the plan in force on its last driver's ground: whoever clears changes nothing."""
    ground = state.plan.provenance
    if not state.sessions:
        return state.plan
    last = {"code_hash": state.sessions[-1].code_hash, "versions": state.sessions[-1].versions, "members": {}}
    return state.plan.model_copy(update={"provenance": ground.model_copy(update=last)})


def _found(folder: Location, state: SweepState, events: Iterable[ev.Event], keep: KeepCheckpoints) -> Cleared:
    over = list(unneeded(state))
    stored = {f"{CHECKPOINTS}/{one.name}": one.size for one in stored_checkpoints(folder)}
    named = _names(event.checkpoint for event in events if isinstance(event, ev.Reported) and event.checkpoint)
    newest = _names(trial.checkpoint for trial in state.everyone() if trial.checkpoint)
    spared = _names(trial.checkpoint for trial in over if trial.checkpoint) if keep == "needed" else frozenset()
    kept = named if keep == "all" else newest - spared
    gone = {name: size for name, size in stored.items() if name not in kept}
    ended = {name: size for name, size in gone.items() if name in spared}
    entries = [entry for entry in folder.entries() if entry.name.partition("/")[0] != CHECKPOINTS]
    clutter = (
        _clutter("checkpoints of trials that nobody can need any more", ended),
        _clutter(
            "checkpoints that no record names, or that newer ones replaced",
            {name: size for name, size in gone.items() if name not in ended},
        ),
        _clutter("temporary files", {entry.name: entry.size for entry in entries if _is_temporary(entry)}),
        _clutter("copies of code that no driver ran", {} if folder.is_remote else _code(state, entries)),
        *_work(state, over, entries),
    )
    holder = describe_holder(folder.files())
    found = tuple(kind for kind in clutter if kind.names)
    return Cleared(keep, found, len(stored) - len(gone), sum(stored.values()) - sum(gone.values()), holder)


def _clutter(kind: str, sizes: Mapping[str, int], *, is_own: bool = False) -> Clutter:
    return Clutter(kind, tuple(sorted(sizes)), sum(sizes.values()), is_own)


def _names(checkpoints: Iterable[str]) -> set[str]:
    return {f"{CHECKPOINTS}/{name}" for checkpoint in checkpoints for name in names_below(checkpoint)}


def _is_temporary(entry: StoredEntry) -> bool:
    """Say whether a file was to be put in another's place when its writer was killed."""
    path = PurePosixPath(entry.name)
    return path.parts[0] not in (WORK, CODE) and _TEMPORARY.fullmatch(path.name) is not None


def _code(state: SweepState, entries: Iterable[StoredEntry]) -> dict[str, int]:
    """Return size by name of what was pinned for a driver that did not come to its first record."""
    ran = {session.pinned for session in state.sessions}
    return _sizes(entry for entry in entries if _second(entry, CODE).removesuffix(".json") not in {"", *ran})


def _work(state: SweepState, over: Iterable[Trial], entries: Iterable[StoredEntry]) -> Iterator[Clutter]:
    """Yield the working folders of trials that are over: those with links alone, and those in which one wrote."""
    known = {trial.trial_id for trial in state.everyone()} - {trial.trial_id for trial in over}
    spared = [entry for entry in entries if _second(entry, WORK) not in {"", *known}]
    written = {_second(entry, WORK) for entry in spared if not entry.is_link}
    yield _clutter(
        "working folders of ended trials, nothing in them but links",
        _sizes(entry for entry in spared if _second(entry, WORK) not in written),
    )
    yield _clutter(
        "working folders of ended trials, with what these wrote",
        _sizes(entry for entry in spared if _second(entry, WORK) in written),
        is_own=True,
    )


def _second(entry: StoredEntry, folder: str) -> str:
    """Return what an entry lies in, or is, right in that folder; empty where it lies elsewhere."""
    parts = entry.name.split("/")
    return parts[1] if parts[0] == folder and len(parts) > 1 else ""


def _sizes(entries: Iterable[StoredEntry]) -> dict[str, int]:
    """Sum up by the first two parts of their names."""
    sizes: dict[str, int] = {}
    for entry in entries:
        name = "/".join(entry.name.split("/")[:2])
        sizes[name] = sizes.get(name, 0) + entry.size
    return sizes


def _write_down(session: Session, machine: Machine, names: set[str]) -> None:
    """Record which trials lose their newest checkpoint, before it goes."""
    lose = [
        trial
        for trial in session.state.everyone()
        if is_over(trial) and trial.checkpoint and not names.isdisjoint(_names([trial.checkpoint]))
    ]
    session.controller.write_down(*(removal(trial, *machine.now) for trial in lose))


def _remove(folder: Location, names: Iterable[str]) -> None:
    for name in names:
        try:
            (folder / name).delete()
        except OSError as error:
            raise StorageError(f"{folder / name}: {error.strerror}; `stepladder gc` goes on from there") from error
        if not folder.is_remote and name.startswith(f"{CHECKPOINTS}/"):
            with contextlib.suppress(OSError):  # an attempt's folder, in which others lie
                (folder / name).path.parent.rmdir()


def _refresh_tables(folder: Location) -> None:
    """Bring the tables and best.json up to the log, in which fewer trials have a checkpoint now."""
    files = folder.files()
    follower = Follower(files, [Tables(files, folder)])
    follower.advance()
    follower.close()
