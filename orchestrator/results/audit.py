"""Holds what lies in a sweep's folder against its log, and makes again whatever follows from the log.

The log is the truth and is never touched. Each part has its check below; a part that a sweep's folder gains later gets
one more in `_CHECKS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from orchestrator.control.session import plan_text, read_log
from orchestrator.errors import JournalDamagedError, StorageError, UsageError
from orchestrator.policies.changes import named_numbers
from orchestrator.results.best import NAME as BEST
from orchestrator.results.best import is_of_another_folder
from orchestrator.results.parquet_file import read_table, replace_table
from orchestrator.results.rebuilt import Rebuilt, are_equal, rebuilt
from orchestrator.state.reading import PLAN
from orchestrator.storage.checkpoints import CheckpointFinder
from orchestrator.storage.lease import describe_holder
from orchestrator.storage.location import Location
from orchestrator.storage.pinned_code import damaged_code, folder_of_code, read_code
from orchestrator.sweep import event as ev
from orchestrator.sweep.plan import Plan
from orchestrator.wording import counted

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.filesystem import FileSystem

SPEC = "sweep.yaml"
_MOVED = "names the folder in which the sweep lay before; the next driver writes it anew"
_NO_FILE = "is no file: a folder lies in its place; move that away, and `stepladder audit --repair` makes it again"
_CUT = "behind the log, whose last driver was cut off; the next one brings it up"
_KEYS = {"trials": ["trial"], "attempts": ["trial", "attempt"], "reports": ["trial", "attempt", "fidelity"]}
"""The columns of each table whose values a row keeps from its first state on."""


@dataclass(frozen=True)
class AuditFinding:
    """One part of a sweep that is not what it should be."""

    part: str
    """The file or folder, as it is named in the sweep's folder."""
    problem: str
    """What is wrong, and what it means."""
    can_rebuild: bool
    """Whether it follows from the log, so that `repair` makes it again."""
    is_behind: bool = False
    """Whether it is no damage: an earlier state of what the log makes, which the next driver brings up."""


@dataclass(frozen=True)
class Audit:
    """What was looked at, and what was found."""

    findings: tuple[AuditFinding, ...]
    """What is wrong; empty where all is well."""
    looked_at: str
    """What there is, for people."""
    holder: str | None = None
    """Who drives the sweep now, whose tables follow the log by seconds and are not compared; None: nobody."""

    @property
    def is_whole(self) -> bool:
        """Say whether nothing is damaged or gone."""
        return all(finding.is_behind for finding in self.findings)


@dataclass
class _Swept:
    """A sweep whose log could be read."""

    folder: Location
    files: FileSystem
    state: SweepState
    recorded: Mapping[str, Any]
    """The plan that the sweep began with, as its first record holds it."""
    holder: str | None
    """Who drives it now; None: nobody."""

    @property
    def was_cut(self) -> bool:
        """Say whether its last driver had no time to bring the tables up to the log."""
        return self.state.stopped is None

    @cached_property
    def planned(self) -> Plan:
        """The plan that the sweep began with."""
        return Plan.model_validate(self.recorded)

    @cached_property
    def made(self) -> Rebuilt:
        """What the log makes of the tables and best.json."""
        return rebuilt(self.files, self.folder)

    @cached_property
    def folders(self) -> frozenset[str]:
        """What is to be a file, and is a folder."""
        names = {PLAN, *([] if self.holder else self.made.contents)}
        return frozenset(n for n in names if _is_folder(self.folder, n))


def audit(folder: Location) -> Audit:
    """Verify the sweep in `folder`. Raises SweepNotFoundError, StorageError where the storage cannot be read."""
    try:
        swept = _opened(folder)
    except JournalDamagedError as error:
        return Audit((AuditFinding("journal", str(error), can_rebuild=False),), "the log")
    findings = tuple(_findings(swept))
    state = swept.state
    log = f"the log ({counted(len(state.trials), 'trial')}, {counted(len(state.sessions), 'driver')})"
    pinned = ["the pinned code"] * any(session.pinned for session in state.sessions)
    parts = [log, PLAN, SPEC, "checkpoints", *pinned, *([] if swept.holder else ["tables", BEST])]
    return Audit(findings, ", ".join(parts), swept.holder)


def repair(folder: Location) -> list[str]:
    """Make again what does not follow from the log; returns the names of what was written.

    Raises UsageError while a driver works, which keeps the tables itself; JournalDamagedError, SweepNotFoundError,
    StorageError.
    """
    swept = _opened(folder)
    if swept.holder is not None:
        raise UsageError(f"{swept.holder}, and it keeps its tables itself; stop it first, then repair")
    wrong = [finding.part for finding in _findings(swept) if finding.can_rebuild]
    for name in wrong:
        if name == PLAN:
            swept.files.replace(PLAN, plan_text(swept.recorded))
        elif name == BEST:
            swept.files.replace(BEST, swept.made.read(BEST))
        else:
            replace_table(swept.files, name, _table_of(swept, name))
    return wrong


def _is_folder(folder: Location, name: str) -> bool:
    return not folder.is_remote and (folder.path / name).is_dir()


def _opened(folder: Location) -> _Swept:
    state, events = read_log(folder)
    first, files = events[0], folder.files()
    assert isinstance(first, ev.SweepPlanned)
    return _Swept(folder, files, state, first.plan, describe_holder(files))


def _findings(swept: _Swept) -> Iterator[AuditFinding]:
    for name in sorted(swept.folders):
        yield AuditFinding(name, _NO_FILE, can_rebuild=False)
    for check in _CHECKS:
        yield from check(swept)


def _plan(swept: _Swept) -> Iterator[AuditFinding]:
    if PLAN in swept.folders:
        return
    try:
        plan = Plan.model_validate_json(content := swept.files.read(PLAN))
    except ValueError:
        problem = "cannot be read" if content else "is missing"
    else:
        wrong = [name for name in Plan.model_fields if getattr(plan, name) != getattr(swept.planned, name)]
        problem = f"is not the plan that the log began with: {', '.join(wrong)} differ" if wrong else ""
    if problem:
        yield AuditFinding(PLAN, problem, can_rebuild=True)


def _sweep_file(swept: _Swept) -> Iterator[AuditFinding]:
    if not swept.files.exists(SPEC) or _is_folder(swept.folder, SPEC):
        source = swept.planned.provenance.source or "the sweep file"
        yield AuditFinding(SPEC, f"is missing; it was a copy of {source}, and nothing reads it", can_rebuild=False)


def _tables(swept: _Swept) -> Iterator[AuditFinding]:
    if swept.holder is not None:
        return
    names = sorted(name for name in {*swept.made.contents} - swept.folders if name.endswith(".parquet"))
    for name in names:
        problem = _difference(swept, name)
        if problem is not None:
            earlier = _earlier(swept, name)
            yield AuditFinding(name, earlier or problem, can_rebuild=True, is_behind=earlier is not None)
    folders = sorted({name.partition("/")[0] for name in names})
    found_names = {f"{folder}/{name}" for folder in folders for name in swept.files.names(folder)}
    for name in sorted(found for found in found_names - {*names} - swept.folders if found.endswith(".parquet")):
        found = _read(swept, name)
        if found is not None and found.num_rows:
            yield AuditFinding(name, f"holds {found.num_rows} rows that the log does not know", can_rebuild=True)


def _difference(swept: _Swept, name: str) -> str | None:
    """Say how a table differs from what the log makes; None where it does not."""
    if not swept.files.exists(name):
        return "is missing"
    found, known = _read(swept, name), _table_of(swept, name)
    if found is None:
        return "cannot be read"
    counts = f"holds {found.num_rows} rows, and the log makes {known.num_rows}"
    if found.num_rows > known.num_rows:
        return f"{counts}: was the log cut, or restored from an older copy?"
    if found.num_rows < known.num_rows:
        return counts
    return None if are_equal(found, known) else "does not hold what the log makes"


def _earlier(swept: _Swept, name: str) -> str | None:
    """Say how a table is an earlier state of what the log makes, or another version's; None where it is neither."""
    if not swept.files.exists(name):
        return f"{_CUT}: not made yet" if swept.was_cut else None
    found, known = _read(swept, name), _table_of(swept, name)
    if found is None:
        return None
    shared = [column for column in known.column_names if column in found.column_names]
    added = [column for column in known.column_names if column not in shared]
    dropped = [column for column in found.column_names if column not in shared]
    if (added or dropped) and are_equal(found.select(shared), known.select(shared)):
        of_it = [f"without {', '.join(added)}"] * bool(added) + [f"with {', '.join(dropped)}"] * bool(dropped)
        return f"was written by another version, {' and '.join(of_it)}; the next driver writes it anew"
    keys = _KEYS[name.partition("/")[0]]
    if not swept.was_cut or not set(keys) <= set(shared) or found.num_rows > known.num_rows:
        return None
    is_begun = are_equal(found.select(keys), known.slice(0, found.num_rows).select(keys))
    return f"{_CUT}: {found.num_rows} rows of {known.num_rows}, as they were some seconds before" if is_begun else None


def _read(swept: _Swept, name: str) -> pa.Table | None:
    try:
        return read_table(swept.files, name)
    except (ValueError, OSError):  # pyarrow's own errors are of these
        return None


def _table_of(swept: _Swept, name: str) -> pa.Table:
    """Return the table that the log makes; for a part that it does not make, one without rows."""
    if swept.made.exists(name):
        return read_table(swept.made, name)
    return swept.made.table(name.partition("/")[0]).slice(0, 0)


def _best(swept: _Swept) -> Iterator[AuditFinding]:
    if swept.holder is not None or BEST in swept.folders:
        return
    content = swept.files.read(BEST)
    try:
        found = json.loads(content)
    except ValueError:
        problem = "cannot be read" if content else _CUT if swept.was_cut else "is missing"
        yield AuditFinding(BEST, problem, can_rebuild=True, is_behind=problem == _CUT)
        return
    known = json.loads(swept.made.read(BEST))
    if found != known:
        wrong = [name for name in known if not isinstance(found, dict) or found.get(name) != known[name]]
        is_cut = swept.was_cut and isinstance(found, dict) and set(found) == set(known)
        earlier = _MOVED if is_of_another_folder(found, known) else _CUT if is_cut else None
        problem = f"is not what the log makes: {', '.join(wrong)} differ"
        yield AuditFinding(BEST, earlier or problem, can_rebuild=True, is_behind=earlier is not None)


def _checkpoints(swept: _Swept) -> Iterator[AuditFinding]:
    """Look for what somebody may still ask for: what unfinished trials go on from, and the winner's."""
    winner = swept.state.winner()
    needed = {
        trial.checkpoint: trial.number
        for trial in swept.state.everyone()
        if trial.checkpoint and (trial is winner or not trial.state.is_final)
    }
    gone = sorted(needed[checkpoint] for checkpoint in CheckpointFinder(swept.folder, lambda _: None).missing(needed))
    if winner is not None and winner.number in gone and winner.state.is_final:
        gone.remove(winner.number)
        text = f"the winner's is gone (trial {winner.number}, {winner.checkpoint})"
        yield AuditFinding("checkpoints", text, can_rebuild=False)
    if gone:
        text = f"gone for unfinished trials, which start again from the beginning on `resume`: {named_numbers(gone)}"
        yield AuditFinding("checkpoints", text, can_rebuild=False)


def _code(swept: _Swept) -> Iterator[AuditFinding]:
    """Look for what trials run, and for what earlier ones ran."""
    for key in dict.fromkeys(session.pinned for session in swept.state.sessions if session.pinned is not None):
        try:
            code = read_code(swept.files, key)
        except StorageError as error:
            yield AuditFinding(f"{folder_of_code(key)}.json", str(error).partition(": ")[2], can_rebuild=False)
            continue
        for path, problem in damaged_code(swept.files, key, code):
            text = f"{problem}; it was pinned from {code.root}. `resume` with --code here takes the code as it is now"
            yield AuditFinding(f"{folder_of_code(key)}/{path}", text, can_rebuild=False)


_CHECKS: tuple[Callable[[_Swept], Iterator[AuditFinding]], ...] = (
    _plan, _sweep_file, _tables, _best, _checkpoints, _code,
)  # fmt: skip
