"""A driver that works is not replaced, however long a step of its takes; one that hangs is."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sweeps import make_plan

from orchestrator.control.lease_keeper import LeaseKeeper
from orchestrator.control.session import create
from orchestrator.errors import LeaseHeldError, LeaseLostError, StorageAwayError
from orchestrator.storage.lease import Holder, acquire, current
from orchestrator.storage.location import Location

PLAN = make_plan(budget={"trials": 3}, scheduler="none")
ELSEWHERE = Holder("far-away", 4242, "another-kernel", "1")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def kept(renew, clock: Clock) -> LeaseKeeper:
    return LeaseKeeper(renew, clock, late_s=10.0, hangs_s=600.0)


def test_a_loop_that_is_in_time_renews_alone():
    clock, renewed = Clock(), []
    keeper = kept(lambda: renewed.append(clock()), clock)
    for _ in range(100):
        clock.now_s += 5.0
        keeper.look()
        keeper.on_turn()
        keeper.on_renewed()
    assert renewed == []


def test_a_long_step_is_stood_in_for_until_it_is_a_hang():
    clock, renewed = Clock(), []
    keeper = kept(lambda: renewed.append(clock() - 1000.0), clock)
    for _ in range(1000):
        clock.now_s += 1.0
        keeper.look()
    assert renewed == [10.0 * n for n in range(1, 61)]
    keeper.on_turn()  # it was no hang after all
    keeper.look()
    assert renewed[-1] == 1000.0


def test_storage_that_is_away_is_tried_again_and_a_lost_lease_ends_it():
    clock, answers = (
        Clock(),
        iter([StorageAwayError("full"), StorageAwayError("full"), None, LeaseLostError("replaced")]),
    )

    def renew() -> None:
        if (answer := next(answers)) is not None:
            raise answer

    keeper = kept(renew, clock)
    clock.now_s += 11.0
    for _ in range(3):
        keeper.look()
    clock.now_s += 11.0
    with pytest.raises(LeaseLostError, match="replaced"):
        keeper.look()


def test_another_driver_is_refused_while_a_step_takes_longer_than_a_lease_lives(tmp_path: Path):
    """The real threads: one driver is stuck in a step, another, on another host, waits for its lease to run out."""
    session = create(Location.parse(tmp_path / "runs" / "test"), PLAN, b"name: test\n")
    before = current(session.files)
    keeper = LeaseKeeper(session._hold.renew_meanwhile, session._machine.steady, late_s=0.02)
    renewed = threading.Event()

    def sleep(_: float) -> None:  # the watcher's own pauses; real time passes until the thread has renewed
        while current(session.files).renewals == before.renewals:
            renewed.wait(0.01)

    other = Location.parse(tmp_path / "runs" / "test").files()
    session.lease._record.holder = ELSEWHERE  # so that the watcher cannot see whether it lives
    session._hold.renew_meanwhile()
    before = current(session.files)
    with keeper, pytest.raises(LeaseHeldError, match="is driven by process"):
        acquire(other, Holder.current(), 0.0, sleep)
    assert all(thread.name != "stepladder-lease" for thread in threading.enumerate())
    assert session.controller.next_step() is not None
    session.controller.commit()  # nothing that was renewed meanwhile disturbs the driver
    session.close("finished")


def test_a_driver_that_was_replaced_finds_it_before_its_next_commit(tmp_path: Path):
    session = create(Location.parse(tmp_path / "runs" / "test"), PLAN, b"name: test\n")
    with session.kept():
        session.lease._record.holder = ELSEWHERE
        session._hold.renew_meanwhile()
        acquire(Location.parse(tmp_path / "runs" / "test").files(), Holder.current(), 0.0, lambda _: None)
        with pytest.raises(LeaseLostError, match="this driver was replaced"):
            session.controller.next_step()
    session.release()
