"""The same sweep begun, or gone on with, by two drivers within a moment: one works, the other leaves in words."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sweeps import make_plan

from orchestrator.control.session import Session, create, read_events, reopen
from orchestrator.errors import LeaseHeldError, StepladderError, SweepExistsError
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev


def at_once(*begin) -> list[Session | StepladderError]:
    """What each of them came to, begun in the same moment."""
    gate = Barrier(len(begin))

    def driver(one):
        gate.wait()
        try:
            return one()
        except StepladderError as error:
            return error

    with ThreadPoolExecutor(len(begin)) as pool:
        return list(pool.map(driver, begin))


def check(found, folder: Location, drivers: int) -> None:
    works = [one for one in found if isinstance(one, Session)]
    (left,) = [one for one in found if not isinstance(one, Session)]
    assert len(works) == 1
    assert isinstance(left, LeaseHeldError | SweepExistsError)
    assert left.exit_code != 0
    assert "driven by process" in str(left) or "go on with `stepladder resume" in str(left)
    works[0].controller.next_step()
    works[0].close("stop")
    events = read_events(folder)
    assert sum(isinstance(event, ev.DriverStarted) for event in events) == drivers
    assert sum(isinstance(event, ev.SweepPlanned) for event in events) == 1


def test_of_two_that_begin_a_sweep_one_works(tmp_path):
    for number in range(10):
        folder, plan = Location.parse(tmp_path / str(number)), make_plan()
        check(at_once(*[lambda f=folder, p=plan: create(f, p, b"")] * 2), folder, 1)


def test_of_two_that_go_on_with_a_sweep_one_works(tmp_path):
    for number in range(10):
        folder, plan = Location.parse(tmp_path / str(number)), make_plan()
        create(folder, plan, b"").close("stop")
        check(at_once(*[lambda f=folder, p=plan: reopen(f, p)[0]] * 2), folder, 2)
