"""One driver's hold on one sweep: the lease, the journal and the controller, from `create` or `reopen` to `close`.

Beginning and going on differ in what is written first, in nothing else: replay is the ordinary start.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from orchestrator.control.controller import Controller
from orchestrator.control.drivers import driver_started
from orchestrator.control.folder_hold import FolderHold
from orchestrator.control.lease_keeper import LeaseKeeper
from orchestrator.control.machine import THIS_MACHINE, Machine
from orchestrator.control.notices import Notices
from orchestrator.control.outage import Outages, PatientWriter
from orchestrator.control.recovery import ended_by_crash, reopened
from orchestrator.control.snapshot_keeper import LogBefore, SnapshotKeeper
from orchestrator.control.wishes import Wishes
from orchestrator.errors import (
    SweepExistsError,
)
from orchestrator.planning.compile import differences
from orchestrator.policies.asking import asked_by_file
from orchestrator.policies.changes import changed_ground, gone_checkpoints, refuse_changed_search
from orchestrator.state.fold import SweepState, replay
from orchestrator.state.reading import PLAN, LogReading, following, has_begun, named, no_sweep, sweep_exists
from orchestrator.storage.away_note import AwayNote
from orchestrator.storage.checkpoints import CheckpointFinder
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.journal import JournalReader, JournalWriter
from orchestrator.storage.journal_places import JournalPlaces
from orchestrator.storage.lease import RENEW_S, Lease, acquire
from orchestrator.storage.location import Location
from orchestrator.storage.marks import DurableMark
from orchestrator.storage.pinned_code import TakenCode, keep_code
from orchestrator.storage.requests import POLL_S, REMOTE_POLL_S, Requests
from orchestrator.storage.snapshot_file import NAME as SNAPSHOT
from orchestrator.storage.wishes import new_wishes
from orchestrator.sweep import event as ev
from orchestrator.sweep.credentials import refuse_credentials
from orchestrator.sweep.formats import as_begun
from orchestrator.sweep.plan import Plan

_log = logging.getLogger("stepladder")


def read_log(folder: Location) -> tuple[SweepState, list[ev.Event]]:
    """Return the state of a sweep and the records that it was made from; raises as `read_sweep`."""
    events = read_events(folder)
    with following(folder):
        return replay(events), events


def read_events(folder: Location) -> list[ev.Event]:
    """Return a sweep's records, living or dead; takes no lock, raises as `read_sweep`."""
    files = folder.files()
    with named(folder):
        events = JournalReader(files).read_new()
        if not events and has_begun(files):
            events = JournalReader(files).read_new()  # its first record was committed just after the first look
    if not events:
        raise no_sweep(folder)
    return events


class Session:
    """A driver's hold on a sweep. Made by `create` or `reopen`."""

    def __init__(self, taken: _Taken, state: SweepState, checkpoints: CheckpointFinder) -> None:
        self.folder, self.files, self.lease, journal, self._machine, before = taken
        self._hold = FolderHold(self.folder, self.files, self.lease, journal, state)
        self._away_note = AwayNote(self.files, self.lease.epoch)
        self.outages = Outages(
            lambda: state.plan.spec.limits.storage,
            self._hold.renew,
            lambda: self.controller.stop_requested is not None,
            _log.warning,
            self._machine.steady,
            self._machine.sleep,
            self._note_away,
        )
        self.controller = Controller(
            state,
            PatientWriter(journal, self.outages),
            self._machine.wall,
            lambda: self.outages.through(self._hold.check),
            monotonic=self._machine.steady,
            find_checkpoint=lambda checkpoint: self.outages.through(lambda: checkpoints.find(checkpoint)),
            was_storage_away=self.outages.was_away,
        )
        self.snapshots = SnapshotKeeper(self.files, state, journal, before, self.controller.commit, _log.warning)
        """Writes what the log has come to beside it, now and then."""
        self._requests = Requests(self.files, self.lease.epoch)
        self._wishes = Wishes(self.controller, _log.warning)
        self._notices = Notices(self.controller, _log.warning)
        self._renewed = self._polled = self._machine.steady()
        self._keeper = LeaseKeeper(self._hold.renew_meanwhile, self._machine.steady)

    @property
    def state(self) -> SweepState:
        """What is known about the sweep."""
        return self.controller.state

    def on_step(self) -> None:
        """Do the driver's housekeeping; called by the host several times a second."""
        self._keeper.on_turn()
        self.controller.tick()
        self.snapshots.look()
        self._notices.look()
        now = self._machine.steady()
        if now - self._renewed >= RENEW_S:
            self._renewed = now
            self.outages.through(self._hold.renew)
            self._keeper.on_renewed()
        if now - self._polled >= (REMOTE_POLL_S if self.folder.is_remote else POLL_S):
            self._polled = now
            self._wishes.take(self.outages.through(self._requests.poll), now)
            self.look_for_wishes()
            self._wishes.set(self.outages.through(self._requests.take_settings), *self._machine.now)
        self._wishes.look(now)
        for outage in self.outages.take_ended():
            self.controller.on_storage_back(outage.seconds, outage.problem)

    def look_for_wishes(self) -> None:
        """Rule on what people asked about single trials."""
        known = self.state.wished.known
        found = self.outages.through(lambda: list(new_wishes(self.files, known)))
        self._wishes.take_wishes(found, *self._machine.now)

    def _note_away(self, problem: str | None) -> None:
        """Tell others that storage is away, or is back."""
        if problem is None:
            self._away_note.take_back()
        else:
            self._away_note.tell(self._machine.wall(), problem)

    def kept(self) -> LeaseKeeper:
        """Return what renews the lease from a thread of its own while a step takes long; a context manager."""
        return self._keeper

    def close(self, reason: str) -> None:
        """Write down why the driver leaves and let the next one in."""
        self.controller.close(reason)
        self.snapshots.close()
        self.release()

    def fail(self, error: BaseException) -> None:
        """Let the next driver in where `error` ends this one, which leaves a note of it, and no record."""
        self.outages.called(lambda: self._away_note.leave(self._machine.wall(), error))
        self.release()

    def release(self) -> None:
        """Let the next driver in without a word in the journal."""
        self._keeper.stop()  # else it would take a lease that was given back for one that somebody else wrote
        self.outages.called(self._hold.release)
        self.files.close()


def create(
    folder: Location, plan: Plan, spec_text: bytes, code: TakenCode | None = None, machine: Machine = THIS_MACHINE
) -> Session:
    """Begin a new sweep in `folder`; `code` is pinned, None: its trials run what lies in the user's folder.

    Raises SpecError where a value of it holds a credential, SweepExistsError where one is, LeaseHeldError where another
    driver is just beginning it.
    """
    refuse_credentials(plan.spec)
    refuse_existing(folder)
    files = folder.files()
    with named(folder):
        lease = acquire(files, machine.holder(), machine.wall(), machine.sleep)
        reader = JournalReader(files)
        if reader.read_new():  # another driver began it, and died, since we looked
            lease.release(DurableMark(0, None))
            raise SweepExistsError(f"{folder}: this sweep began just now; go on with `stepladder resume {folder}`")
    if code is not None:
        keep_code(files, code)
    files.replace("sweep.yaml", spec_text)
    files.replace(PLAN, plan_text(plan.model_dump(mode="json")))
    journal = JournalWriter(files, lease.epoch)
    now = machine.now
    first = ev.SweepPlanned(now[0], ev.FORMAT, plan.model_dump(mode="json"), m=now[1])
    state = SweepState(first)
    journal.append(first)
    pinned = code.code.key if code is not None else None
    started = driver_started(lease, plan, now, [], reader.offsets, pinned)
    records: list[ev.Event] = [started, *asked_by_file(state, plan.spec, (), *now)]
    before = LogBefore(JournalPlaces({}, reader.offsets))
    return _begun(_Taken(folder, files, lease, journal, machine, before), state, records, _finder(folder))


def refuse_existing(folder: Location) -> None:
    """Raise SweepExistsError where a sweep lives in `folder` already."""
    if sweep_exists(folder):
        raise SweepExistsError(
            f"{folder}: this sweep exists; go on with `stepladder resume {folder}`, "
            "or give the sweep another name to start anew"
        )


def plan_text(recorded: Mapping[str, Any]) -> bytes:
    """Return a plan, as the log's first record holds it, as plan.json does."""
    return json.dumps(recorded, indent=2, ensure_ascii=False).encode() + b"\n"


def reopen(
    folder: Location, plan: Plan, on_wait: Callable[[str], None] = lambda _: None, *, retry_failed: bool = False,
    code: TakenCode | str | None = None, tests: bool = False, clears: bool = False, machine: Machine = THIS_MACHINE,
    reading: LogReading | None = None,
) -> tuple[Session, list[str]]:  # fmt: skip
    """Go on with the sweep in `folder` under a newly compiled `plan`.

    Keys that the plan's file leaves out mean what they meant to the version that began the sweep. With `retry_failed`,
    trials that failed are offered again, the baseline first; with `tests` the winner alone is measured, with `clears`
    nothing is started. `code` is the key of the pinned code that trials run, or code to be pinned now; None: what lies
    in the user's folder. `reading` has read the log already: it reads on, and its state is the session's. Returns the
    session and what changed since the last driver, one sentence each. Raises SpecChangedError where the search itself
    changed, LeaseHeldError where another driver lives, JournalDamagedError, SweepNotFoundError.
    """
    files = folder.files()
    reading = reading or LogReading(folder, files)
    refuse_changed_search(reading.go_on(), plan)
    with named(folder):
        lease = acquire(files, machine.holder(), machine.wall(), machine.sleep, on_wait)
    journal, finder = JournalWriter(files, lease.epoch), _finder(folder)
    with LeaseKeeper(lambda: lease.renew(journal.mark), machine.steady):  # all this may take longer than it lives
        state = reading.go_on()  # what the driver before this one wrote since
        reading.settle()
        if reading.unused is not None:
            _log.warning("%s: %s; the log was read instead, which comes to the same", folder / SNAPSHOT, reading.unused)
        spec, overrides = as_begun(plan.spec, state.begun_format), plan.provenance.overrides
        changes = [*differences(state.plan.spec, spec)[0], *changed_ground(state, plan)]
        told = [*changes, *gone_checkpoints(state, finder)]
        if isinstance(code, TakenCode):
            keep_code(files, code)
            code = code.code.key
        now = t, m = machine.now
        records: list[ev.Event] = [
            driver_started(lease, plan, now, told, reading.offsets, code, tests=tests, clears=clears)
        ]
        if state.format < ev.FORMAT:
            records.append(ev.FormatRaised(t, ev.FORMAT, m=m))
        if state.plan.spec != spec or state.plan.provenance.overrides != overrides:
            records.append(ev.SpecAmended(t, spec.model_dump(mode="json"), changes, list(overrides), m=m))
        records.extend(ended_by_crash(state, t, m))
        records.extend(reopened(state, t, m) if retry_failed else ())
        records.extend(asked_by_file(state, spec, state.plan.spec.try_, t, m))
    before = LogBefore(JournalPlaces(reading.places.files, reading.offsets), reading.records, reading.kept_records)
    taken = _Taken(folder, files, lease, journal, machine, before)
    session = _begun(taken, state, records, finder)
    session.look_for_wishes()  # before the first step, which may find that nothing is left to do
    return session, told


class _Taken(NamedTuple):
    """What a driver has of a sweep before it says so in the log."""

    folder: Location
    files: FileSystem
    lease: Lease
    journal: JournalWriter
    machine: Machine
    before: LogBefore


def _begun(taken: _Taken, state: SweepState, records: list[ev.Event], finder: CheckpointFinder) -> Session:
    for record in records:
        state.apply(record)
        taken.journal.append(record)
    taken.lease.check()
    taken.journal.commit()
    taken.lease.renew(taken.journal.mark)
    return Session(taken, state, finder)


def _finder(folder: Location) -> CheckpointFinder:
    return CheckpointFinder(folder, _log.warning)
