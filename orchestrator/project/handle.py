"""One handle on a sweep, wherever it runs: what a command asks, it asks here, and never where the sweep is.

A sweep is here where its folder was given or its file was never sent off; else the record of its submission leads to
the job. Either is found by name and storage alone. How a sweep stands is read from its storage where that is seen from
here; else the cluster is asked by a small job.
"""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from orchestrator.control.recovery import left_without_record
from orchestrator.errors import SweepNotFoundError, UsageError
from orchestrator.launchers import JobStatus
from orchestrator.policies.asking import waiting
from orchestrator.policies.changes import with_settings
from orchestrator.project.ownership import Meant, SweepThere, refuse_other
from orchestrator.project.places import Target, heading_of, started_from
from orchestrator.project.printed import kept_of_drivers, printed
from orchestrator.project.wishing import TrialQuestion, put
from orchestrator.project.workspace import trouble_now
from orchestrator.state.fold import SweepState
from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.state.resting import resting
from orchestrator.storage.lease import describe_holder
from orchestrator.storage.location import Location
from orchestrator.storage.requests import DriverRequest, put_request, put_settings, requested
from orchestrator.storage.wishes import new_wishes
from orchestrator.wording import counted

WHAT_HAPPENS = {
    DriverRequest.STOP: "no new trials, {running} finish, then the driver leaves",
    DriverRequest.CANCEL: "{running} pause at their newest checkpoint, and the driver leaves",
}
"""What a driver that was asked does now; `{running}` says what runs."""

Tell = Callable[[str], None]
"""Takes a line that is meant for a person."""


@dataclass(frozen=True, slots=True)
class SweepLog:
    """What a sweep's folder tells, living or dead."""

    folder: Location
    """Where it lies."""
    state: SweepState
    """Everything known about the sweep."""
    holder: str | None
    """Who drives it now; None where nobody does."""
    requested: DriverRequest | None
    """What that driver was asked."""
    waiting: tuple[str, ...] = ()
    """What was asked about single trials and has not happened yet, one line each."""
    left: str | None = None
    """How its last driver left, where its log does not tell (`recovery.left_without_record`)."""

    @classmethod
    def read(cls, folder: Location) -> SweepLog:
        """Read a sweep's folder, without a lock. Raises SweepNotFoundError, StorageError."""
        state = read_sweep(folder)
        files = folder.files()
        holder = describe_holder(files)
        wishes = [wish for _, wish in new_wishes(files, state.wished.known)]
        waits = tuple(waiting(state, wishes, is_driven=holder is not None))
        return cls(folder, state, holder, requested(files), waits, left_without_record(state, holder, files))


@dataclass(frozen=True, slots=True)
class SweepAtRest:
    """What a sweep's folder tells of a sweep that nobody drives and of which nothing is asked, without its state."""

    folder: Location
    """Where it lies."""
    told: bytes
    """What was told of it as its last driver left (`orchestrator.views.resting_status`)."""
    overrides: tuple[str, ...]
    """Overrides of its sweep file that are in force."""

    @classmethod
    def read(cls, folder: Location) -> SweepAtRest | None:
        """Read it; None where the log must be read. Raises StorageError."""
        files = folder.files()
        kept = None if describe_holder(files) is not None else resting(files)
        if kept is None or next(new_wishes(files, kept.known), None) is not None:
            return None
        return cls(folder, kept.told, tuple(kept.overrides))


@dataclass(frozen=True, slots=True)
class SentJob:
    """The job of a sweep that was sent off, as its cluster sees it."""

    job: str
    """The cluster's name of it."""
    target: str
    """Which cluster; empty for the background of this machine."""
    status: JobStatus
    """How it stands."""
    submitted_t: float
    """When it was sent, seconds since the epoch; 0 where that is not known."""


@dataclass(frozen=True, slots=True)
class SweepStatus:
    """How a sweep stands, as far as can be told."""

    log: SweepLog | SweepAtRest | None
    """From its storage; None where that is not seen from here."""
    told: str = ""
    """What the cluster printed instead, text or JSON as it was asked; empty where nothing."""
    job: SentJob | None = None
    """Its job; None where it was not sent off."""


def set_in(log: SweepLog, settings: Mapping[str, Any], now: float, answer: Tell) -> None:
    """Put settings into a sweep's folder for its driver; arguments and errors as `Handle.set`."""
    amended = with_settings(log.state, settings, now, None)
    if amended is None:
        answer("nothing to set: that is how it runs")
        return
    try:
        put_settings(log.folder.files(), settings, now)
    except UsageError as error:
        raise UsageError(f"{log.folder}: {error}; what its next driver is to do, write into its sweep file") from error
    answer(f"set, until the driver leaves: {'; '.join(amended.changes)}; no running trial is ended for it")


class Handle(ABC):
    """A sweep that a person named. Made by `orchestrator.project.finding.find`.

    `say` is told what a person should know beside the answer, and that something takes time.
    """

    def __init__(self, name: str, say: Tell) -> None:
        self.typed = shlex.quote(name)
        """What names it in a command to type next."""
        self.say = say

    @abstractmethod
    def trouble(self) -> str | None:
        """Say in one line what is wrong with its file as it is now, which changes nothing for it; None without."""

    @abstractmethod
    def status(self, *, as_json: bool) -> SweepStatus:
        """Tell how it stands; `as_json` says how a cluster that must be asked should print it.

        Raises SweepNotFoundError where there is none, StorageError.
        """

    @abstractmethod
    def results(self) -> SweepLog:
        """Return its log. Raises UsageError where its storage is not seen from here, SweepNotFoundError."""

    @abstractmethod
    def refuse_other(self, verb: str, sweep_id: str | None) -> None:
        """Raise UsageError where the command `verb` may not act on it: `project.ownership` says when.

        `sweep_id` is the id that was given, None without one.
        """

    @abstractmethod
    def ask(self, kind: DriverRequest, now: float, answer: Tell) -> None:
        """Ask its driver to leave; `answer` is told at once what happens now. `now` is in seconds since the epoch.

        Raises UsageError where nobody drives it, ClusterError where its storage is seen from no side.
        """

    @abstractmethod
    def wish(self, asked: TrialQuestion, now: float) -> str:
        """Ask about one trial, and return what was asked and who takes it; `now` is in seconds since the epoch.

        Raises UsageError where nothing can come of it, ClusterError where its storage is seen from no side.
        """

    @abstractmethod
    def set(self, settings: Mapping[str, Any], now: float, answer: Tell) -> None:
        """Have its driver go on under other settings (`changes.SETTABLE`); `answer` is told what happens now.

        `now` is in seconds since the epoch. Raises UsageError where a setting is wrong, or nobody drives the sweep,
        ClusterError where its storage is seen from no side.
        """

    @abstractmethod
    def logs(self, trial: int | None, *, follow: bool) -> Iterator[str]:
        """Yield what a trial's attempts printed; None: what all did or, of a sweep that was sent off, its driver.

        With `follow` until its driver ends. Raises UsageError, ClusterError.
        """

    @abstractmethod
    def driver_logs(self) -> Iterator[str]:
        """Yield what all its drivers said, from its storage; nothing of those that were watched on a terminal.

        Raises UsageError, ClusterError.
        """


class SweepHere(Handle):
    """A sweep that was not sent off, or whose folder was given."""

    def __init__(self, typed: str, target: Target, say: Tell) -> None:
        super().__init__(str(target.folder), say)
        self.target = target
        self.folder = target.folder
        self._given = typed

    @cached_property
    def _log(self) -> SweepLog:
        """Its log; where there is none, the error names what was started from the same file under another name."""
        try:
            return SweepLog.read(self.folder)
        except SweepNotFoundError as error:
            raise SweepNotFoundError("\n".join([str(error), *self._hints()])) from error

    @cached_property
    def _at_rest(self) -> SweepAtRest | None:
        return SweepAtRest.read(self.folder)

    def _hints(self) -> Iterator[str]:
        """Yield what may be meant by a file whose sweep is not there."""
        file = self.target.file
        if file is None:
            return
        if others := started_from(file, heading_of(file).storage):
            yield f"sweeps that were started from {file} under another name: {', '.join(map(str, others))}"
        if (wrong := trouble_now(file, self.target.overrides)) is not None:
            yield f"{wrong}; where that concerns its name or its storage, give the sweep's folder instead"

    def trouble(self) -> str | None:
        """Judge its file under the overrides that it was started with."""
        if self.target.file is None or not sweep_exists(self.folder):
            return None
        at_rest = self._at_rest
        overrides = self._log.state.plan.provenance.overrides if at_rest is None else at_rest.overrides
        return trouble_now(self.target.file, overrides)

    def status(self, *, as_json: bool) -> SweepStatus:  # noqa: ARG002 - the log is shown either way
        """Read its folder."""
        return SweepStatus(self._at_rest or self._log)

    def results(self) -> SweepLog:
        """Read its folder."""
        return self._log

    def refuse_other(self, verb: str, sweep_id: str | None) -> None:
        """Judge what lies in its folder."""
        meant, there = Meant(verb, self.typed, sweep_id), SweepThere.of(self._log.state)
        refuse_other(meant, there, self.folder, self.target.file)

    def ask(self, kind: DriverRequest, now: float, answer: Tell) -> None:
        """Put the request into its folder."""
        running = counted(len(self._log.state.open), "trial")
        try:
            put_request(self.folder.files(), kind, now)
        except UsageError as error:
            raise UsageError(f"{self.folder}: {error}; see `stepladder status {self.typed}`") from error
        answer(f"{kind} requested: {WHAT_HAPPENS[kind].format(running=f'{running} running')}")

    def wish(self, asked: TrialQuestion, now: float) -> str:
        """Put the wish into its folder."""
        return put(self.folder, self._log.state, asked, now)

    def set(self, settings: Mapping[str, Any], now: float, answer: Tell) -> None:
        """Put them into its folder."""
        set_in(self._log, settings, now, answer)

    def logs(self, trial: int | None, *, follow: bool) -> Iterator[str]:
        """Read its folder; its driver prints where it was started."""
        return printed(self._log, trial, self.typed, follow=follow)

    def driver_logs(self) -> Iterator[str]:
        """Read its folder."""
        return kept_of_drivers(self._log)
