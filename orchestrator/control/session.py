"""One driver's hold on one sweep: the lease, the journal and the controller, from `create` or `reopen` to `close`.

Beginning and going on differ in what is written first, in nothing else: replay is the ordinary start.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from orchestrator.control.controller import Controller
from orchestrator.control.fold import SweepState, replay
from orchestrator.control.recovery import ended_by_crash
from orchestrator.errors import SpecChangedError, StorageError, SweepExistsError, SweepNotFoundError
from orchestrator.planning.compile import differences
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.journal import FOLDER, JournalReader, JournalWriter
from orchestrator.storage.lease import RENEW_S, Holder, Lease, acquire
from orchestrator.storage.location import Location
from orchestrator.storage.requests import POLL_S, REMOTE_POLL_S, DriverRequest, Requests
from orchestrator.sweep import event as ev
from orchestrator.sweep.formats import as_begun
from orchestrator.sweep.plan import Plan, Provenance

_log = logging.getLogger("stepladder")


def sweep_exists(folder: Location) -> bool:
    """Say whether a sweep lives in `folder`."""
    return any(name.endswith(".jsonl") for name in folder.files().names(FOLDER))


def read_sweep(folder: Location) -> SweepState:
    """Return the state of a sweep from its journal alone, living or dead; takes no lock.

    Raises SweepNotFoundError where there is none, JournalDamagedError where its journal is damaged.
    """
    return read_log(folder)[0]


def read_log(folder: Location) -> tuple[SweepState, list[ev.Event]]:
    """Return the state of a sweep and the records that it was made from; raises as `read_sweep`."""
    events = read_events(folder)
    return _replayed(folder, events), events


def read_events(folder: Location) -> list[ev.Event]:
    """Return a sweep's records, living or dead; takes no lock, raises as `read_sweep`."""
    events = JournalReader(folder.files()).read_new() if sweep_exists(folder) else []
    if not events:
        raise SweepNotFoundError(f"{folder}: there is no sweep; start one with `stepladder run SWEEP_FILE`")
    return events


class Session:
    """A driver's hold on a sweep. Made by `create` or `reopen`."""

    def __init__(
        self, folder: Location, files: FileSystem, lease: Lease, state: SweepState, journal: JournalWriter
    ) -> None:
        self.folder = folder
        self.files = files
        self.lease = lease
        self.controller = Controller(state, journal, time.time, lease.check, monotonic=time.monotonic)
        self._requests = Requests(files, lease.epoch)
        self._asked: DriverRequest | None = None
        self._renewed = self._polled = time.monotonic()

    @property
    def state(self) -> SweepState:
        """What is known about the sweep."""
        return self.controller.state

    def on_step(self) -> None:
        """Do the driver's housekeeping; called by the host several times a second."""
        self.controller.tick()
        now = time.monotonic()
        if now - self._renewed >= RENEW_S:
            self._renewed = now
            self.lease.renew()
        if now - self._polled >= (REMOTE_POLL_S if self.folder.is_remote else POLL_S):
            self._polled = now
            self._obey(self._requests.poll())

    def _obey(self, asked: DriverRequest | None) -> None:
        if asked is None or asked is self._asked:
            return
        self._asked = asked
        if asked is DriverRequest.CANCEL:
            _log.warning("cancel requested: leaving now")
            self.controller.request_stop(asked)
        else:
            _log.warning("stop requested: no new trials, %d running finish", len(self.state.open))
            self.controller.drain(asked)

    def close(self, reason: str) -> None:
        """Write down why the driver leaves and let the next one in."""
        self.controller.close(reason)
        self.release()

    def release(self) -> None:
        """Let the next driver in without a word in the journal: what a failing driver does."""
        self.lease.release()
        self.files.close()


def create(folder: Location, plan: Plan, spec_text: bytes) -> Session:
    """Begin a new sweep in `folder`.

    Raises SweepExistsError where one is, LeaseHeldError where another driver is just beginning it.
    """
    if sweep_exists(folder):
        raise SweepExistsError(
            f"{folder}: this sweep exists; go on with `stepladder resume {folder}`, "
            "or give the sweep another name to start anew"
        )
    files = folder.files()
    lease = acquire(files, Holder.current(), time.time(), time.sleep)
    files.replace("sweep.yaml", spec_text)
    files.replace("plan.json", plan.model_dump_json(indent=2).encode() + b"\n")
    journal = JournalWriter(files, lease.epoch)
    now = time.time(), time.monotonic()
    first = ev.SweepPlanned(now[0], ev.FORMAT, plan.model_dump(mode="json"), m=now[1])
    state = SweepState(first)
    journal.append(first)
    return _begun(folder, files, lease, state, journal, [_started(lease, plan, now, [], {})])


def reopen(folder: Location, plan: Plan, on_wait: Callable[[str], None] = lambda _: None) -> tuple[Session, list[str]]:
    """Go on with the sweep in `folder` under a newly compiled `plan`.

    Keys that the plan's file leaves out mean what they meant to the version that began the sweep. Returns the session
    and what changed since the last driver, one sentence each. Raises SpecChangedError where the search itself changed,
    LeaseHeldError where another driver lives, JournalDamagedError, SweepNotFoundError.
    """
    refuse_changed_search(read_sweep(folder), plan)
    files = folder.files()
    lease = acquire(files, Holder.current(), time.time(), time.sleep, on_wait)
    reader = JournalReader(files)
    state = _replayed(folder, reader.read_new())
    spec, overrides = as_begun(plan.spec, state.begun_format), plan.provenance.overrides
    changes = [*differences(state.plan.spec, spec)[0], *_changed_ground(state, plan)]
    now = t, m = time.time(), time.monotonic()
    records: list[ev.Event] = [_started(lease, plan, now, changes, reader.offsets)]
    if state.format < ev.FORMAT:
        records.append(ev.FormatRaised(t, ev.FORMAT, m=m))
    if state.plan.spec != spec or state.plan.provenance.overrides != overrides:
        records.append(ev.SpecAmended(t, spec.model_dump(mode="json"), changes, list(overrides), m=m))
    records.extend(ended_by_crash(state, t, m))
    return _begun(folder, files, lease, state, JournalWriter(files, lease.epoch), records), changes


def refuse_changed_search(state: SweepState, plan: Plan) -> None:
    """Raise SpecChangedError, showing the difference, where `plan` asks for another search than the sweep's."""
    refused = differences(state.plan.spec, as_begun(plan.spec, state.begun_format))[1]
    if refused:
        raise SpecChangedError(
            "the search itself changed since the sweep began, so its trials cannot be compared any more:\n"
            + "\n".join(f"  {line}" for line in refused)
            + "\nUndo the change, or give the sweep another name and start anew"
        )


def _begun(
    folder: Location,
    files: FileSystem,
    lease: Lease,
    state: SweepState,
    journal: JournalWriter,
    records: list[ev.Event],
) -> Session:
    for record in records:
        state.apply(record)
        journal.append(record)
    lease.check()
    journal.commit()
    lease.check()
    return Session(folder, files, lease, state, journal)


def _started(
    lease: Lease, plan: Plan, now: tuple[float, float], changes: list[str], sealed: dict[str, int]
) -> ev.DriverStarted:
    """Return a driver's first record; `now` is the moment by the wall clock and by the monotonic one."""
    holder = f"{lease.holder.host}:{lease.holder.pid}"
    ground, (t, m) = plan.provenance, now
    started = (t, lease.epoch, holder, ground.code_hash, _versions(ground), changes, sealed)
    return ev.DriverStarted(*started, format=ev.FORMAT, m=m)


def _versions(ground: Provenance) -> dict[str, str]:
    """Return the versions of everything that decides; that of a member of the user's own is the hash of its code."""
    return {**ground.versions, **ground.members}


def _changed_ground(state: SweepState, plan: Plan) -> list[str]:
    last = state.sessions[-1]
    changes = []
    if last.code_hash != plan.provenance.code_hash:
        changes.append(f"code: {last.code_hash} -> {plan.provenance.code_hash}; later rows carry the new hash")
    versions = _versions(plan.provenance)
    for name in sorted(last.versions.keys() | versions.keys()):
        before, after = last.versions.get(name, "none"), versions.get(name, "none")
        if before != after:
            changes.append(f"{name}: {before} -> {after}")
    return changes


def _replayed(folder: Location, events: list[ev.Event]) -> SweepState:
    try:
        return replay(events)
    except ValueError as error:
        raise StorageError(f"{folder / FOLDER}: {error}") from error
