"""The handle on a sweep that was sent off: its job is asked for by its launcher, its storage read where it is seen."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from orchestrator.errors import ClusterError, StorageError, UsageError
from orchestrator.launchers import JobState, Launcher
from orchestrator.project import sending
from orchestrator.project.handle import WHAT_HAPPENS, Handle, SentJob, SweepAtRest, SweepLog, SweepStatus, Tell, set_in
from orchestrator.project.ownership import Meant, SweepThere, refuse_other
from orchestrator.project.printed import kept_of_drivers, printed
from orchestrator.project.records import SubmissionRecord
from orchestrator.project.wishing import TrialQuestion, put
from orchestrator.project.workspace import trouble_now
from orchestrator.state.reading import sweep_exists
from orchestrator.storage.driver_log import without_dumps
from orchestrator.storage.location import Location
from orchestrator.storage.requests import DriverRequest, put_request

CANCEL_S = 60.0
"""How long a driver that was asked to leave at once may take before the cluster ends it."""
QUICK_S = 3.0
"""How long a cluster is waited for where its answer is an extra."""
PATIENT_S = 60.0
"""How long where nobody else can answer."""


class SweepSent(Handle):
    """A sweep that was sent off, from here or from another machine."""

    def __init__(self, typed: str, record: SubmissionRecord, file: Path, say: Tell) -> None:
        super().__init__(typed, say)
        self.record = record
        self._file = file

    def launcher(self, patience_s: float) -> Launcher:
        """Return what sent it, which waits so long for a cluster that is away."""
        return sending.launcher_of(self.record.launcher, self.record.target, self.say, patience_s)

    @cached_property
    def folder_here(self) -> Location | None:
        """Its folder where it can be read from here, None elsewhere."""
        location = Location.parse(self.record.folder)
        try:
            return location if sweep_exists(location) else None
        except StorageError as error:
            self.say(f"{location} cannot be read from here: {error}")
            return None

    def trouble(self) -> str | None:
        """Judge its file under the overrides that it was sent with."""
        return trouble_now(self._file, self.record.overrides)

    def status(self, *, as_json: bool) -> SweepStatus:
        """Read its storage where that is seen from here, else let the cluster read it; ask for its job besides."""
        here = self.folder_here
        launcher = self.launcher(QUICK_S if here else PATIENT_S)
        found = launcher.status(self.record.job)
        job = SentJob(self.record.job, self.record.target, found, self.record.submitted_t)
        if here is None:
            return SweepStatus(None, self._told(launcher, found.state, as_json=as_json), job)
        if found.state in (JobState.UNKNOWN, JobState.GONE):
            self.say("the cluster is gone or out of reach; what you see is what the sweep's storage holds")
        return SweepStatus(SweepAtRest.read(here) or SweepLog.read(here), job=job)

    def _told(self, launcher: Launcher, state: JobState, *, as_json: bool) -> str:
        unseen = f"{self.record.folder} is not seen from here"
        if state is JobState.UNKNOWN:
            self.say(f"{unseen}, so how the sweep stands is not known")
            return ""
        try:
            return launcher.run("status", self.record.folder, *(["--json"] if as_json else []))
        except ClusterError as error:
            self.say(f"{unseen}, and from the cluster: {error}")
            return ""

    def results(self) -> SweepLog:
        """Read its storage."""
        if self.folder_here is None:
            raise UsageError(
                f"{self.record.folder} is not seen from here; do this where it is, with it for the sweep file"
            )
        return SweepLog.read(self.folder_here)

    def refuse_other(self, verb: str, sweep_id: str | None) -> None:
        """Judge what its storage holds, from here or from the cluster; what nobody can tell, its record says."""
        there, record = self._there(), self.record
        if there is None and record.sweep_id:
            there = SweepThere(record.sweep_id, record.owner or None, record.submitted_t)
        if there is None:
            return
        if sweep_id is None and record.sweep_id and there.sweep_id != record.sweep_id:
            raise UsageError(
                f"{record.folder} holds {there.sweep_id}{f' of {there.owner}' if there.owner else ''}, and what was "
                f"sent from {self._file} is {record.sweep_id}, which is not there; nothing was done"
            )
        refuse_other(Meant(verb, self.typed, sweep_id), there, record.folder)

    def _there(self) -> SweepThere | None:
        """Return what lies in its folder; None where that cannot be told."""
        if self.folder_here is not None:
            return SweepThere.of(SweepLog.read(self.folder_here).state)
        try:
            told = json.loads(self.launcher(PATIENT_S).run("status", self.record.folder, "--json"))
            return SweepThere(told["summary"]["sweep_id"], told.get("owner"), told["started_t"])
        except (ClusterError, ValueError, KeyError):
            return None

    def ask(self, kind: DriverRequest, now: float, answer: Tell) -> None:
        """Put the request into its storage, from here or from the cluster; a cancel waits and sees to it.

        A driver that is not there yet, or does not obey a cancel in time, is ended by the cluster.
        """
        launcher, job = self.launcher(PATIENT_S), self.record.job
        try:
            if self.folder_here is not None:
                put_request(self.folder_here.files(), kind, now)
            else:
                there = self._there()
                launcher.run(kind.value, self.record.folder, *(["--id", there.sweep_id] if there else []))
        except (UsageError, ClusterError) as error:
            state = launcher.status(job).state
            if not state.is_live:
                raise UsageError(f"{self.record.sweep}: its job {job} is not running ({state})") from error
            if kind is DriverRequest.STOP and state is JobState.RUNNING:
                raise
            launcher.stop(job)
            answer(f"{kind} requested: the job {job} is being ended, everything acknowledged is saved")
            return
        answer(f"{kind} requested: {WHAT_HAPPENS[kind].format(running='the running trials')}")
        if kind is DriverRequest.CANCEL:
            self._see_it_leave(launcher)

    def wish(self, asked: TrialQuestion, now: float) -> str:
        """Put the wish into its storage, from here or from the cluster."""
        if self.folder_here is not None:
            return put(self.folder_here, SweepLog.read(self.folder_here).state, asked, now)
        verb, *rest = asked.words
        there = self._there()
        which = ["--id", there.sweep_id] if there else []
        return _answer(self.launcher(PATIENT_S).run(verb, self.record.folder, *rest, *which))

    def set(self, settings: Mapping[str, Any], now: float, answer: Tell) -> None:
        """Put them into its storage, from here or from the cluster."""
        if self.folder_here is not None:
            set_in(SweepLog.read(self.folder_here), settings, now, answer)
        else:
            written, there = [f"{key}={json.dumps(value)}" for key, value in settings.items()], self._there()
            named = ["--id", there.sweep_id] if there else []
            answer(_answer(self.launcher(PATIENT_S).run("set", self.record.folder, *written, *named)))

    def _see_it_leave(self, launcher: Launcher) -> None:
        deadline = time.monotonic() + CANCEL_S
        while launcher.status(self.record.job).state.is_live:
            if time.monotonic() > deadline:
                self.say(f"the driver has not left in {CANCEL_S:.0f} s; the cluster ends it")
                launcher.stop(self.record.job)
                return
            time.sleep(1.0)

    def logs(self, trial: int | None, *, follow: bool) -> Iterator[str]:
        """Ask its launcher for its driver's; a trial's lie in its storage, from where the cluster reads them once."""
        if trial is None:
            return without_dumps(self._of_job(follow=follow))
        if self.folder_here is not None:
            return printed(SweepLog.read(self.folder_here), trial, self.typed, follow=follow)
        if follow:
            self.say(f"{self.record.folder} is not seen from here: this is what the cluster reads there now")
        return iter([self.launcher(PATIENT_S).run("logs", self.record.folder, "--trial", str(trial))])

    def _of_job(self, *, follow: bool) -> Iterator[str]:
        """Yield what its job printed; of one that its cluster knows no more, what its storage kept."""
        launcher = self.launcher(PATIENT_S)
        if launcher.status(self.record.job).state is JobState.GONE:
            try:
                kept = list(self.driver_logs())
            except UsageError:  # nothing was kept there; its launcher may still have what it wrote itself
                pass
            else:
                asked = self.record.target or "this machine"
                self.say(f"{asked} knows no job {self.record.job} any more; from its storage:")
                yield from kept
                return
        yield from launcher.logs(self.record.job, follow=follow)

    def driver_logs(self) -> Iterator[str]:
        """Read its storage, from here or from the cluster."""
        if self.folder_here is not None:
            return kept_of_drivers(SweepLog.read(self.folder_here))
        return iter([self.launcher(PATIENT_S).run("logs", self.record.folder, "--driver")])

    def refuse_running(self) -> None:
        """Raise UsageError where its last job still runs."""
        found = self.launcher(QUICK_S).status(self.record.job)
        if found.state.is_live:
            raise UsageError(
                f"{self.record.sweep} runs already, as {self.record.job} ({found.state}); "
                f"watch it: stepladder status {self.typed}"
            )


def _answer(printed: str) -> str:
    """Return what a command on the cluster answered, without what it would have typed next there."""
    return "\n".join(line for line in printed.strip().splitlines() if not line.startswith("next: "))
