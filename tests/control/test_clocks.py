"""What takes time is measured by the driver's own clock: a wall clock that is set changes dates, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import pytest
from sweeps import cliff, make_plan

from orchestrator.control.answers import Done, Report, ResumeTrial, StartTrial, Verdict, Wait
from orchestrator.control.controller import Controller
from orchestrator.control.machine import Machine
from orchestrator.control.recovery import DRIVER_DIED, ended_by_crash
from orchestrator.control.session import create
from orchestrator.control.simulator import MemoryJournal, SimulatedCluster, VirtualClock, simulate
from orchestrator.policies.caps import TRIAL_LIMIT, is_used_up
from orchestrator.results.summary import summarise
from orchestrator.state.fold import SweepState, replay
from orchestrator.storage.location import Location
from orchestrator.storage.requests import POLL_S, DriverRequest, put_request
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome

EPOCH = 1_700_000_000.0


class RestlessClock:
    """A wall clock that somebody sets: now and then, up to an hour forth or back."""

    def __init__(self, steady: Callable[[], float], seed: int) -> None:
        self._steady, self._random, self._off = steady, Random(seed), 0.0

    def __call__(self) -> float:
        if self._random.random() < 0.2:
            self._off += self._random.choice([-3600.0, 3600.0, self._random.uniform(-3600, 3600)])
        return EPOCH + self._steady() + self._off


class CountedJournal(MemoryJournal):
    """Remembers at which records it was committed."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[int] = []

    def commit(self) -> None:
        super().commit()
        self.commits.append(self.committed)


def drive(plan, seed: int | None):
    """A whole sweep; with a `seed` under a restless wall clock."""
    steady, journal = VirtualClock(50.0), CountedJournal()
    wall = (lambda: EPOCH + steady()) if seed is None else RestlessClock(steady, seed)
    journal.append(ev.SweepPlanned(wall(), ev.FORMAT, plan.model_dump(mode="json"), m=steady()))
    controller = Controller(SweepState(journal.events[0]), journal, wall, monotonic=steady)
    cluster = SimulatedCluster(
        workers=3, seconds=lambda _: 10.0, loses=lambda t, a, f: t % 5 == 2 and a == 0 and f == 2
    )
    controller.close(simulate(controller, steady, cliff, cluster))
    return controller.state, journal


def undated(events: list[ev.Event]) -> list[ev.Event]:
    dates = {"t": 0.0}, {"t": 0.0, "charged_until": None}
    return [msgspec.structs.replace(event, **dates[isinstance(event, ev.AttemptEnded)]) for event in events]


@pytest.mark.parametrize(
    "budget",
    [{"trials": 25}, {"trials": 60, "gpu_hours": 0.2}, {"trials": 60, "cpu_hours": 0.8}, {"trials": 60, "wall": 1000}],
    ids=["trials", "gpu_hours", "cpu_hours", "wall"],
)
def test_a_wall_clock_that_jumps_decides_spends_and_stops_nothing(budget):
    plan = make_plan(searcher={"name": "random"}, budget=budget, resources={"cpus": 1, "gpus": 0.5})
    still, known = drive(plan, None)
    for seed in range(6):
        jumping, journal = drive(plan, seed)
        assert undated(journal.events) == undated(known.events)
        assert journal.commits == known.commits
        assert jumping.spend == still.spend == replay(journal.events).spend
        assert [event.t for event in journal.events] != sorted(event.t for event in journal.events), "it did jump"


@pytest.mark.parametrize("step", [0.0, -3600.0, 3600.0])
def test_durability_heartbeats_and_the_wall_cap_outlast_a_step_of_the_clock(step: float):
    """A report a second for five minutes; after ten the wall clock is set, between a report and its commit."""
    wall, steady, journal = VirtualClock(EPOCH), VirtualClock(7.0), MemoryJournal()
    plan = make_plan(
        searcher={"name": "random"},
        budget={"trials": 1, "wall": 60},
        fidelity={"metric": "epoch", "min": 300, "max": 900},
    )
    journal.append(ev.SweepPlanned(wall(), ev.FORMAT, plan.model_dump(mode="json"), m=steady()))
    controller = Controller(SweepState(journal.events[0]), journal, wall, monotonic=steady)
    started = controller.next_step()
    assert isinstance(started, StartTrial)
    controller.on_placed(started.trial, started.attempt)
    most_uncommitted, stopped = 0, None
    for second in range(1, 301):
        wall.now, steady.now = wall.now + 0.2, steady.now + 0.2
        if controller.on_report(Report(0, 0, float(second), {"score": 0.5})) is Verdict.STOP:
            stopped = second
            break
        wall.now += step if second == 10 else 0.0
        for _ in range(4):
            wall.now, steady.now = wall.now + 0.2, steady.now + 0.2
            controller.tick()
        most_uncommitted = max(most_uncommitted, len(journal.events) - journal.committed)
    assert stopped == 61
    assert most_uncommitted <= 1
    assert sum(isinstance(event, ev.Heartbeat) for event in journal.events) == 1


class Drivers:
    """One sweep under drivers that die: each has a clock that begins anywhere, the wall clock is set between them."""

    def __init__(self, seed: int, begun: int = ev.FORMAT, **changes) -> None:
        self.random = Random(seed)
        self.plan = make_plan(searcher={"name": "random"}, search="random", **changes)
        self.events: list[ev.Event] = []
        self.begun = begun
        self.epoch = 0
        self.worked_s = self.paid_s = 0.0
        """What truly passed: of drivers, and of places that were taken."""
        self.between: Callable[[], None] = lambda: None
        """What happens between two turns: somebody sets the clock, the machine sleeps."""

    def begin(self) -> None:
        self.epoch += 1
        self.steady = VirtualClock(self.random.uniform(0, 1e6))
        self.off_s = EPOCH + self.random.uniform(-3600, 3600) - self.steady.now
        self.wall = lambda: self.steady.now + self.off_s
        journal = MemoryJournal(self.events)
        t, m = self.wall(), self.steady()
        if not self.events:
            journal.append(ev.SweepPlanned(t, self.begun, self.plan.model_dump(mode="json"), m=m))
        state = replay(self.events)
        ends = ended_by_crash(state, t, m)
        for record in (ev.DriverStarted(t, self.epoch, "host:1", "c0de", {}, format=ev.FORMAT, m=m), *ends):
            state.apply(record)
            journal.append(record)
        self.controller = Controller(state, journal, self.wall, monotonic=self.steady)
        self.waits = False

    def start(self, places: int = 2) -> bool:
        """Fill a place, or let five seconds pass where none is to fill; returns whether anything is left to do."""
        if len(self.controller.state.open) == places or self.waits:
            self.pass_by(5)
        step = self.controller.next_step() if len(self.controller.state.open) < places else Wait()
        self.waits = isinstance(step, Wait)
        if isinstance(step, StartTrial | ResumeTrial):
            self.controller.on_placed(step.trial, step.attempt)
        return isinstance(step, StartTrial | ResumeTrial | Wait)

    def pass_by(self, seconds: float) -> None:
        """Time passes; every open attempt reports at its end."""
        self.steady.now += seconds
        self.worked_s += seconds
        self.paid_s += seconds * len(self.controller.state.open)
        self.between()
        self.controller.tick()
        for trial in list(self.controller.state.open.values()):
            report = Report(trial.number, trial.attempt.number, trial.attempt.fidelity + 1, {"score": 0.5})
            if self.controller.on_report(report) is Verdict.STOP:
                self.controller.on_attempt_end(trial.number, trial.attempt.number, Outcome.STOPPED)


def test_caps_hold_over_two_resumes_within_a_report():
    for seed, cap in itertools.product(range(5), ["wall", "cpu_hours"]):
        budget = {"trials": 60, "wall": 100} if cap == "wall" else {"trials": 60, "cpu_hours": 200 / 3600}
        drivers = Drivers(seed, budget=budget, fidelity={"metric": "epoch", "min": 300, "max": 900})
        for _ in range(3):
            drivers.begin()
            while drivers.start() and (drivers.epoch == 3 or drivers.worked_s < 35 * drivers.epoch):
                pass
        spend, last = drivers.controller.state.spend, drivers.controller.next_step()
        assert drivers.worked_s == 100, (seed, cap)
        assert spend.worker_s == pytest.approx(drivers.paid_s) == pytest.approx(200)
        assert getattr(last, "reason", None) == cap
        assert is_used_up(drivers.controller.state, cap) == (cap == "wall")
        drivers.begin()
        assert not drivers.start(), "a fourth driver has nothing left"


STEPS = {"an hour forward": [3600.0], "an hour back": [-3600.0], "suspend": [3600.0], "both ways": [3600.0, -7200.0]}
"""By how many seconds the wall clock is off after each turn; the steady clock of a suspended machine stands still."""
CAPS = {
    "budget.trials": {"budget": {"trials": 5}},
    "fidelity.max": {"budget": {"trials": 2}},
    "budget.gpu_hours": {"budget": {"trials": 60, "gpu_hours": 150 / 3600}},
    "budget.cpu_hours": {"budget": {"trials": 60, "cpu_hours": 300 / 3600}},
    "budget.wall": {"budget": {"trials": 60, "wall": 75}},
    "limits.trial": {"budget": {"trials": 4}, "limits": {"trial": 30}},
}
"""Each cap, by the keys of a sweep that it ends."""
ENDS = {"budget.gpu_hours": "gpu_hours", "budget.cpu_hours": "cpu_hours", "budget.wall": "wall"}
"""Why the last driver finds nothing left to do, where that is not `finished`."""


def capped(cap: str, step: str | None) -> Drivers:
    """A sweep to its end under three drivers: the first two die within a report, the second within its first."""
    keys = {"fidelity": {"metric": "epoch", "min": 9, "max": 9}, "resources": {"cpus": 2, "gpus": 1}} | CAPS[cap]
    drivers = Drivers(7, **keys)
    left = itertools.cycle(STEPS[step]) if step else itertools.repeat(0.0)

    def between() -> None:
        drivers.off_s += next(left)

    drivers.between = between
    for seconds in (2, 4):  # into a report of which nobody hears
        drivers.begin()
        drivers.start()
        while drivers.worked_s < 30 and drivers.start():
            pass
        drivers.steady.now += seconds
        between()
        drivers.controller.tick()
    drivers.begin()
    while drivers.start():
        pass
    return drivers


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("cap", CAPS)
def test_no_step_of_the_clock_moves_a_cap_over_two_resumes_within_a_report(cap: str, step: str):
    still, stepped = capped(cap, None), capped(cap, step)
    assert undated(stepped.events) == undated(still.events)
    assert stepped.worked_s == still.worked_s
    assert stepped.controller.state.spend == replay(stepped.events).spend == still.controller.state.spend
    dates = [event.t for event in stepped.events]
    assert max(abs(b - a) for a, b in itertools.pairwise(dates)) > 3000, "the dates did move"
    assert stepped.controller.next_step() == Done(ENDS.get(cap, "finished")), "it was this cap that ended it"
    assert (cap == "limits.trial") == any(
        event.cause == TRIAL_LIMIT for event in stepped.events if isinstance(event, ev.AttemptEnded)
    )


@pytest.mark.parametrize("step", STEPS)
def test_no_step_of_the_clock_moves_the_end_of_what_stop_lets_go_on(step: str, tmp_path: Path):
    steady, off = VirtualClock(5.0), itertools.accumulate(itertools.cycle(STEPS[step]))
    machine = Machine(lambda: EPOCH + steady() + next(off), steady)
    session = create(Location.parse(tmp_path / "sweep"), make_plan(limits={"stop": 60}), b"", machine=machine)
    assert isinstance(session.controller.next_step(), StartTrial)
    put_request(session.files, DriverRequest.STOP, machine.wall())
    while session.controller.stop_requested is None:
        steady.now += 1
        session.on_step()
    session.release()
    assert 60 <= steady.now - 5 <= 60 + POLL_S + 2


def test_a_sweep_begun_in_format_1_has_a_wall_time_for_each_driver():
    drivers = Drivers(
        1, begun=1, budget={"trials": 60, "wall": 100}, fidelity={"metric": "epoch", "min": 300, "max": 900}
    )
    for _ in range(2):
        drivers.begin()
        while drivers.start():
            pass
    assert drivers.worked_s == 200
    assert not is_used_up(drivers.controller.state, "wall")


def test_a_crash_is_charged_to_the_newest_record_of_the_driver_that_died():
    drivers = Drivers(3)
    drivers.begin()
    drivers.start()
    drivers.steady.now += 31
    drivers.controller.tick()  # a heartbeat
    drivers.steady.now += 25  # it dies before the next one
    drivers.begin()
    (end,) = (event for event in drivers.events if isinstance(event, ev.AttemptEnded))
    assert (end.cause, end.charged_s) == (DRIVER_DIED, 31)
    assert drivers.controller.state.spend.worker_s == 31
    assert drivers.controller.state.past_drivers_s == 31


def test_a_driver_that_did_not_measure_is_charged_as_it_charged_itself():
    drivers = Drivers(3)
    drivers.begin()
    drivers.start()
    without = [msgspec.structs.replace(event, m=None) for event in drivers.events]
    state = replay(without)
    (end,) = ended_by_crash(state, state.last_t + 12, 5.0)
    assert (end.charged_until, end.charged_s) == (state.last_t + 12, None)
    state.apply(end)
    assert state.spend.worker_s == pytest.approx(12)


@pytest.mark.parametrize("passed", [-3600.0, 0.0, 10.0, 7200.0])
def test_a_reader_pays_for_what_is_open_no_further_than_a_heartbeat_beyond_the_newest_record(passed: float):
    drivers = Drivers(3, resources={"cpus": 1})
    drivers.begin()
    drivers.start()
    drivers.pass_by(20)
    state = replay(drivers.events)
    assert summarise(state, state.last_t + passed).spend.worker_s == pytest.approx(20 + min(30, max(0, passed)))
