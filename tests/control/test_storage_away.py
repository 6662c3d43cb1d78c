"""Storage that goes away under a driver: verdicts wait, nothing acknowledged is lost, nothing is decided twice."""

from __future__ import annotations

import errno
import itertools
import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from sweeps import make_plan, smooth

from orchestrator.control import session
from orchestrator.control.answers import Report, ResumeTrial, StartTrial, Verdict
from orchestrator.control.machine import Machine
from orchestrator.control.recovery import left_without_record
from orchestrator.control.session import Session, create, read_events, reopen
from orchestrator.control.simulator import SimulatedCluster, VirtualClock, simulate, simulate_plan
from orchestrator.errors import FolderLostError, LeaseLostError, StorageAwayError, StorageError
from orchestrator.state.fold import SweepState
from orchestrator.state.reading import read_sweep
from orchestrator.storage.away_note import AwayNote, described_away
from orchestrator.storage.lease import Holder, describe_holder
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, TrialState
from orchestrator.testing.faults.disk import FailingDisk, Fault, Weather
from orchestrator.views.condition import condition_of

PASSING = [errno.ENOSPC, errno.EDQUOT, errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.ECONNRESET]
PLAN = make_plan(budget={"trials": 9}, fidelity={"metric": "epoch", "min": 3, "max": 9, "reduction_factor": 3})


class Place:
    """A sweep's folder on a disk that fails when `strike` says so, and a driver whose pauses take no time."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = Location.parse(folder)
        self.strike: Callable[[str], Fault | None] = lambda _: None
        self.now_s, self.slept = 0.0, 0
        self.machine = Machine(steady=lambda: self.now_s, sleep=self._sleep)
        monkeypatch.setattr(Location, "files", lambda _: FailingDisk(folder, lambda name: self.strike(name)))
        for name in ("RENEW_S", "POLL_S"):
            monkeypatch.setattr(session, name, 0.0)

    def begin(self, plan=PLAN) -> Session:
        return create(self.folder, plan, b"name: test\n", machine=self.machine)

    def go_on(self, plan=PLAN) -> Session:
        return reopen(self.folder, plan, machine=self.machine)[0]

    def _sleep(self, seconds: float) -> None:
        self.slept += 1
        self.now_s += seconds


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path / "runs" / "test", monkeypatch)


def away(code: int = errno.ENOSPC, when="before", but: tuple[str, ...] = ()) -> Callable[[str], Fault | None]:
    return lambda operation: None if operation in but else Fault(code, when)


def started(made: Session) -> StartTrial | ResumeTrial:
    step = made.controller.next_step()
    assert isinstance(step, StartTrial | ResumeTrial)
    made.controller.on_placed(step.trial, step.attempt)
    return step


def trained(made: Session, on_report: Callable[[], None] = lambda: None) -> SweepState:
    def measured(config, fidelity: float) -> float:
        on_report()
        made.on_step()
        return smooth(config, fidelity)

    made.close(simulate(made.controller, VirtualClock(), measured, SimulatedCluster(workers=3)))
    return made.state


def undated(events: list[ev.Event]) -> list[dict]:
    """What was decided, in order: without moments, heartbeats and outages."""
    told = [
        e for e in events if not isinstance(e, ev.Heartbeat | ev.StorageWasAway | ev.DriverStarted | ev.DriverStopped)
    ]
    return [{k: v for k, v in msgspec.to_builtins(event).items() if k not in ("t", "m", "plan")} for event in told]


def same_as_undisturbed(events: list[ev.Event]) -> bool:
    undisturbed = simulate_plan(PLAN, smooth, SimulatedCluster(workers=3))[1].events
    return undated(events) == undated(undisturbed)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(1, 8))])
def test_outages_at_random_change_no_decision_and_lose_no_record(seed: int, place: Place):
    weather = Weather(seed, PASSING)
    made = place.begin()
    place.strike, weather.is_fair = weather, False
    trained(made)
    weather.is_fair = True
    events = read_events(place.folder)
    assert weather.outages > 5
    assert same_as_undisturbed(events)
    told = [event for event in events if isinstance(event, ev.StorageWasAway)]
    assert len(told) > 5
    assert all(event.seconds > 0 for event in told)
    assert read_sweep(place.folder).outages == told


@pytest.mark.parametrize("when", ["before", "half", "after"])
@pytest.mark.parametrize("code", [errno.ESTALE, *(pytest.param(code, marks=pytest.mark.thorough) for code in PASSING)])
@pytest.mark.parametrize("operation", ["append", "sync", "replace", "exists", "read"])
def test_an_operation_that_fails_for_minutes(operation: str, code: int, when, place: Place):
    made = place.begin()
    step = started(made)
    place.strike = lambda name: Fault(code, when) if name == operation and place.now_s < 500 else None
    verdict = made.controller.on_report(Report(step.trial, step.attempt, 9.0, {"score": 0.5}))
    made.on_step()
    assert verdict is Verdict.STOP
    assert place.now_s > 500
    made.controller.on_attempt_end(step.trial, step.attempt, Outcome.STOPPED)
    made.close("stop")
    state = read_sweep(place.folder)
    assert (state.trials[0].state, state.trials[0].report_count, len(state.outages)) == (TrialState.COMPLETED, 1, 1)
    assert state.outages[0].seconds >= 500


def test_pauses_grow_and_the_wait_is_told(place: Place, caplog: pytest.LogCaptureFixture):
    made = place.begin()
    step, tries = started(made), []

    def strike(operation: str) -> Fault | None:
        if operation == "exists" and place.now_s < 130:  # the first thing that every try looks for
            tries.append(place.now_s)
            return Fault(errno.ENOSPC, "before")
        return None

    place.strike = strike
    drawn: list[float] = []
    made.outages.while_away = lambda: drawn.append(place.now_s)
    with caplog.at_level(logging.WARNING, "stepladder"):
        made.controller.on_report(Report(step.trial, step.attempt, 9.0, {"score": 0.5}))
    waits = [later - sooner for sooner, later in itertools.pairwise(tries)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0] + [15.0] * 7
    assert len(drawn) > 200
    full = f"{place.folder}/journal/lease-000002.json: the disk is full; free some space"
    assert [record.message for record in caplog.records] == [
        f"storage is away: {full}. Decisions wait and are tried again for 10m 00s (limits.storage)",
        f"storage is still away, for 1m 00s: {full}",
        f"storage is still away, for 2m 00s: {full}",
        "storage is back after 2m 16s; the sweep goes on",
    ]
    made.release()


@pytest.mark.parametrize(
    ("takes", "told"),
    [
        pytest.param(("overwrite", "read", "names"), True, id="a full disk lets bytes be written over others"),
        pytest.param(("read", "names"), False, id="a server that takes nothing"),
    ],
)
def test_others_see_an_outage_while_it_lasts(takes: tuple[str, ...], told: bool, place: Place):
    made = place.begin()
    step, seen = started(made), set()
    alone = describe_holder(place.folder.files())
    assert alone is not None

    def look() -> None:
        seen.add(describe_holder(place.folder.files()))
        if place.now_s > 100:
            place.strike = lambda _: None

    made.outages.while_away = look
    place.strike = away(but=takes)
    made.controller.on_report(Report(step.trial, step.attempt, 9.0, {"score": 0.5}))
    (said,) = seen
    full = f"{place.folder}/journal/lease-000002.json: the disk is full; free some space"
    since = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    away_since = rf"; its storage is away since {since}: {re.escape(full)}; decisions wait \(limits\.storage\)"
    assert re.fullmatch(re.escape(alone) + (away_since if told else ""), said)
    assert describe_holder(place.folder.files()) == alone, "it is back"


@pytest.mark.parametrize(
    ("takes", "left"),
    [
        pytest.param(
            ("overwrite", "read", "names", "exists"), True, id="a full disk lets bytes be written over others"
        ),
        pytest.param(("read", "names", "exists"), False, id="a server that takes nothing"),
    ],
)
@pytest.mark.parametrize("seen_from", ["its machine", "elsewhere"])
def test_why_a_driver_left_is_told_where_its_log_cannot(takes, left: bool, seen_from: str, place: Place):
    plan = make_plan(budget={"trials": 3}, limits={"storage": 20}, fidelity={"metric": "epoch", "max": 9})
    made = place.begin(plan)
    step = started(made)
    place.strike = away(but=takes)
    with pytest.raises(StorageAwayError) as gone:
        made.controller.on_report(Report(step.trial, step.attempt, 9.0, {"score": 0.5}))
    made.fail(gone.value)
    files = place.folder.files()
    holder = describe_holder(files)
    if seen_from == "its machine":  # where its process is seen to be gone
        holder = None
    elif left:
        assert holder is None, "from elsewhere only the note tells that it left"
    state = read_sweep(place.folder)
    told = left_without_record(state, holder, files)
    condition, text = condition_of(state, holder, state.last_t, told)
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    full = re.escape(f"{place.folder}/journal/000001.jsonl: the disk is full; free some space")
    if left:
        assert condition == "interrupted"
        because = rf"left at {moment} because its storage was away since {moment}: {full}"
        assert re.fullmatch(rf"its driver \S+ {because}; nothing acknowledged is lost", text)
    elif holder is None:
        assert "is gone without a word: killed, or cut off from its storage; nothing" in text
    place.strike = lambda _: None
    if not left:  # its process, which is this one, would have ended
        made.release()
    again = place.go_on(plan)
    assert left_without_record(read_sweep(place.folder), None, files) is None, "a new driver's note is its own"
    again.release()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            StorageError("runs/a: permission is missing. Nothing acknowledged is lost: ..."),
            "runs/a: permission is missing",
        ),
        (KeyError("odd"), "KeyError: 'odd'"),
        (
            StorageAwayError("storage stayed away: node-3 could not put a checkpoint"),
            "storage stayed away: node-3 could not",
        ),
        (StorageError("no s3://key:hunter2@bucket/a\nmore"), "no s3://...@bucket/a"),
    ],
)
def test_a_driver_that_an_error_ended_says_which(error: Exception, said: str, place: Place):
    made = place.begin()
    made.fail(error)
    told = left_without_record(made.state, None, place.folder.files())
    assert told is not None
    assert re.match(r"left at \d{4}-\S+ \S+ UTC with an error: " + re.escape(said), told)
    assert "more" not in told


def test_a_driver_that_was_replaced_leaves_the_note_of_who_replaced_it_alone(place: Place):
    made = place.begin()
    AwayNote(place.folder.files(), 7).tell(0.0, "the disk is full")
    made.fail(LeaseLostError("this driver was replaced"))
    assert "away since 1970" in str(described_away(place.folder.files(), 7))


def test_a_note_that_is_damaged_or_another_drivers_says_nothing(place: Place):
    made = place.begin()
    files, note = place.folder.files(), place.folder.path / "journal" / "away.json"
    AwayNote(files, 7).tell(0.0, "the disk is full")
    assert "full" not in str(describe_holder(files))
    AwayNote(files, made.lease.epoch).tell(0.0, "the disk is full" * 500)
    assert note.stat().st_size == 1024
    assert "away since 1970-01-01 00:00:00 UTC: the disk is full" in str(describe_holder(files))
    for content in (b"", b"{", b'{"epoch":1,"since_t":1e300,"problem":""}', b"\xff" * 1024):
        note.write_bytes(content)
        assert "away" not in str(describe_holder(files))


@pytest.mark.parametrize(("limit", "tries_for_s"), [(0, 0.0), (45, 45.0), ("10m", 600.0)])
def test_storage_that_stays_away_ends_the_driver_and_the_next_one_goes_on(limit, tries_for_s: float, place: Place):
    plan = make_plan(budget={"trials": 3}, limits={"storage": limit}, fidelity={"metric": "epoch", "max": 9})
    made = place.begin(plan)
    step = started(made)
    made.controller.on_report(Report(step.trial, step.attempt, 3.0, {"score": 0.4}, "c"))
    made.controller.commit()
    place.strike = away()
    with pytest.raises(StorageAwayError) as gone:
        made.controller.on_report(Report(step.trial, step.attempt, 9.0, {"score": 0.5}))
    assert gone.value.exit_code == 75
    assert place.now_s == tries_for_s
    said = {0: f"{place.folder}/", 45: "storage stayed away for 45s: ", "10m": "storage stayed away for 10m 00s: "}
    assert str(gone.value).startswith(said[limit])
    assert str(gone.value).endswith(
        f"Nothing acknowledged is lost: run `stepladder resume {place.folder}` once it is mended."
    )
    place.strike = lambda _: None
    made.release()  # as its process ends
    again = place.go_on(plan)
    trial = again.state.trials[0]
    assert (trial.values, trial.attempts[0].outcome, trial.attempts[0].cause) == (
        {3.0: 0.4},
        Outcome.INTERRUPTED,
        "driver_died",
    )
    again.release()


@pytest.mark.parametrize("is_asked_before", [True, False])
def test_a_driver_that_is_asked_to_leave_waits_ten_seconds(is_asked_before: bool, place: Place):
    made = place.begin()
    started(made)
    place.strike = away(errno.EIO)
    if is_asked_before:
        made.controller.request_stop("SIGTERM")
    made.outages.while_away = lambda: made.controller.request_stop("SIGTERM") if place.now_s > 100 else None
    with pytest.raises(StorageAwayError):
        made.close("SIGTERM")
    assert place.now_s == pytest.approx(10.0 if is_asked_before else 110.5, abs=1.0)
    made.release()


def test_a_driver_that_was_replaced_while_its_storage_was_away_writes_nothing(place: Place, tmp_path: Path):
    made = place.begin()
    step = started(made)
    place.strike = lambda _: Fault(errno.ESTALE, "before") if place.now_s < 60 else None
    elsewhere = []

    def take_over() -> None:
        if place.now_s > 40 and not elsewhere:
            elsewhere.append(place.folder)
            lease = place.folder.path / "journal/lease-000001.json"
            record = msgspec.json.decode(lease.read_bytes())
            foreign = msgspec.json.encode({**record, "epoch": 2, "holder": {**record["holder"], "host": "other"}})
            (place.folder.path / "journal/lease-000002.json").write_bytes(foreign)

    made.outages.while_away = take_over
    before = (place.folder.path / "journal/000001.jsonl").read_bytes()
    with pytest.raises(LeaseLostError, match=r"this driver was replaced: the sweep is driven by process \d+ on other"):
        made.controller.on_report(Report(step.trial, step.attempt, 9.0, {"score": 0.5}))
    assert (place.folder.path / "journal/000001.jsonl").read_bytes() == before
    made.release()
    assert msgspec.json.decode((place.folder.path / "journal/lease-000001.json").read_bytes())["released"] is False


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_what_will_not_pass_is_not_waited_for(code: int, place: Place):
    made = place.begin()
    step = started(made)
    place.strike = away(code)
    with pytest.raises(StorageError) as refused:
        made.controller.on_report(Report(step.trial, step.attempt, 9.0, {"score": 0.5}))
    assert (refused.value.exit_code, place.slept) == (1, 0)
    made.release()


def test_a_stale_folder_that_was_deleted_on_its_server(place: Place):
    made = place.begin()
    step = started(made)
    place.strike = lambda _: Fault(errno.ESTALE, "before") if place.now_s < 5 else None
    made.outages.while_away = lambda: shutil.rmtree(place.folder.path, ignore_errors=True)
    with pytest.raises(FolderLostError, match="this sweep's folder changed under its driver"):
        made.controller.on_report(Report(step.trial, step.attempt, 9.0, {"score": 0.5}))
    made.release()
    assert not place.folder.path.exists()


def test_a_journal_that_came_back_shorter_is_not_gone_on_with(place: Place):
    made = place.begin()
    step = started(made)
    file = place.folder.path / "journal/000001.jsonl"
    place.strike = lambda name: Fault(errno.EIO, "half") if name == "append" and place.now_s < 1 else None
    made.outages.while_away = lambda: file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(
        FolderLostError, match=r"journal/000001.jsonl is not as its driver left it: of its first \d+ bytes"
    ):
        made.controller.on_report(Report(step.trial, step.attempt, 9.0, {"score": 0.5}))
    made.release()


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(0.0, Outcome.INTERRUPTED), (59.0, Outcome.INTERRUPTED), (61.0, Outcome.ERROR)]
)
def test_an_error_right_after_an_outage_is_the_storages(seconds: float, outcome: Outcome, place: Place):
    made = place.begin()
    first, second = started(made), started(made)
    made.controller.on_report(Report(first.trial, 0, 3.0, {"score": 0.4}, "kept"))
    place.strike = lambda _: Fault(errno.ENOSPC, "before") if place.now_s < 30 else None
    made.controller.commit()
    place.now_s += seconds
    made.controller.on_attempt_end(first.trial, 0, Outcome.ERROR, "OSError: [Errno 28] No space left on device")
    made.controller.on_attempt_end(second.trial, 0, Outcome.LOST, "its node died")
    ended = made.state.trials[first.trial].attempts[0]
    assert (ended.outcome, ended.cause) == (outcome, "storage" if outcome is Outcome.INTERRUPTED else None)
    assert ended.error == "OSError: [Errno 28] No space left on device"
    assert made.state.trials[second.trial].attempts[0].outcome is Outcome.LOST
    again = made.controller.next_step()
    assert isinstance(again, ResumeTrial | StartTrial)
    made.release()


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.LOST])
def test_an_end_on_storage_that_takes_nothing_any_more_is_not_counted(outcome: Outcome, place: Place):
    """The open journal may still be written where no new file can: a disk that was mounted anew, read-only."""
    made = place.begin()
    step = started(made)
    place.strike = lambda name: None if name == "append" else Fault(errno.EROFS, "before")
    with pytest.raises(StorageError, match="read-only"):
        made.controller.on_attempt_end(step.trial, step.attempt, outcome, "the checkpoint could not be put")
    assert made.state.trials[step.trial].attempts[0].outcome is None
    place.strike = lambda _: None
    made.release()


def test_an_error_during_an_outage_waits_for_its_end(place: Place):
    made = place.begin()
    step = started(made)
    place.strike = lambda _: Fault(errno.EDQUOT, "before") if place.now_s < 30 else None
    made.controller.on_attempt_end(step.trial, 0, Outcome.ERROR, "OSError: [Errno 122] Disk quota exceeded")
    assert place.now_s > 30
    assert made.state.trials[0].attempts[0].outcome is Outcome.INTERRUPTED
    made.release()


@pytest.mark.parametrize("code", PASSING, ids=lambda code: errno.errorcode[code])
def test_a_driver_that_starts_while_storage_is_away_says_so_with_the_code_to_repeat(code: int, place: Place):
    place.begin().release()
    place.strike = away(code)
    for start in (place.go_on, place.begin, lambda: read_sweep(place.folder)):
        with pytest.raises(StorageAwayError) as gone:
            start()
        assert gone.value.exit_code == 75


def test_renewals_whose_answers_were_lost_are_the_drivers_own(place: Place):
    made = place.begin()
    lease = place.folder.path / "journal/lease-000001.json"
    found = []
    place.strike = lambda name: Fault(errno.ETIMEDOUT, "after") if name == "replace" and place.now_s < 20 else None
    made.outages.while_away = lambda: found.append(lease.read_bytes())
    made.on_step()
    assert len(set(found)) > 3
    lease.write_bytes(found[1])  # a write that arrives late
    made.on_step()
    made.release()
    assert msgspec.json.decode(lease.read_bytes())["holder"]["pid"] == Holder.current().pid
