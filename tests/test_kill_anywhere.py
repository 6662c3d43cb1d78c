"""After any prefix of the log all workers are lost and the sweep goes on: nothing changes, nothing is doubled."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from forgetful import ForgetfulFileSystem, PowerCutError
from sweeps import cliff, make_plan, smooth

from orchestrator.control.controller import Controller
from orchestrator.control.recovery import ended_by_crash
from orchestrator.control.simulator import (
    MemoryJournal,
    SimulatedCluster,
    VirtualClock,
    resume_simulation,
    simulate,
    simulate_plan,
)
from orchestrator.state.fold import SweepState, replay
from orchestrator.storage.journal import JournalReader, JournalWriter
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome

pytestmark = pytest.mark.timeout(900)  # hundreds of sweeps a test: minutes where other work shares the machine

RECORDS = 300
LADDERS = ["soft-stages", "hard-stages"]


def plan_of(trials: int, search: str = "soft-stages"):
    return make_plan(
        budget={"trials": trials},
        fidelity={"metric": "epoch", "min": 3, "max": 9, "reduction_factor": 3},
        search={"name": search},
    )


def facts(state: SweepState) -> list[tuple]:
    """What two sweeps share if they are the same but for how often their trials were started."""
    return [
        (t.number, t.config, t.stage, t.move, t.parent, t.state, t.values, t.fidelity, t.bracket) for t in state.trials
    ]


def check_invariants(state: SweepState, events: list[ev.Event], prefix: list[ev.Event]) -> None:
    assert events[: len(prefix)] == prefix
    assert len(state.trials) == state.plan.spec.budget.trials
    assert all(trial.state.is_final for trial in state.trials)
    proposed = Counter(event.trial for event in events if isinstance(event, ev.TrialProposed))
    assert set(proposed.values()) == {1}
    reports = Counter((e.trial, e.attempt, e.fidelity) for e in events if isinstance(e, ev.Reported))
    assert set(reports.values()) == {1}
    ends = Counter((e.trial, e.attempt) for e in events if isinstance(e, ev.AttemptEnded))
    starts = Counter((e.trial, e.attempt) for e in events if isinstance(e, ev.AttemptStarted))
    assert ends == starts
    assert set(ends.values()) == {1}


@pytest.mark.parametrize("search", LADDERS)
def test_one_worker_ends_the_same_after_any_prefix(search: str):
    cluster = SimulatedCluster(workers=1)
    whole, journal = simulate_plan(plan_of(36, search), cliff, cluster)
    assert len(journal.events) >= RECORDS
    for length in range(1, RECORDS + 1):
        prefix = journal.events[:length]
        rungs = replay(prefix).scheduler.snapshot()
        state, resumed = resume_simulation(prefix, cliff, cluster)
        check_invariants(state, resumed.events, prefix)
        assert facts(state) == facts(whole)
        assert state.scheduler.snapshot() == whole.scheduler.snapshot()
        assert contains(state.scheduler.snapshot(), rungs)


def luck(config, seed: int, fidelity: float) -> float:
    return Random(f"{seed}/{fidelity}").gauss(0, 0.05)


@pytest.mark.thorough
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("noise", [luck, lambda *_: 0.0], ids=["lucky", "exact"])
def test_confirming_goes_on_after_any_prefix(noise, workers: int):
    cluster = SimulatedCluster(workers=workers, noise=noise)
    plan = make_plan(
        budget={"trials": 24},
        fidelity={"metric": "epoch", "min": 3, "max": 9},
        confirm={"share": 0.5},
        searcher="random",
    )
    whole, journal = simulate_plan(plan, smooth, cluster)
    begun = next(
        n for n, e in enumerate(journal.events) if isinstance(e, ev.TrialProposed) and e.replicates is not None
    )
    assert whole.confirmation() is not None
    for length in range(begun - 8, len(journal.events), workers):
        prefix = journal.events[:length]
        state, resumed = resume_simulation(prefix, smooth, cluster)
        assert resumed.events[:length] == prefix
        assert all(trial.state.is_final for trial in state.everyone())
        proposed = Counter(event.trial for event in resumed.events if isinstance(event, ev.TrialProposed))
        assert set(proposed.values()) == {1}
        assert state.confirmation() is not None
        if workers == 1:
            assert repeated(state) == repeated(whole)
            assert facts(state) == facts(whole)
            assert state.confirmation() == whole.confirmation()


def repeated(state: SweepState) -> list[tuple]:
    return [(t.number, t.replicates, t.move, t.config, t.state, t.values) for t in state.replicates]


@pytest.mark.parametrize("workers", [1, 5])
def test_a_sweep_drained_at_any_report_goes_on_to_the_planned_count(workers: int):
    cluster, plan = SimulatedCluster(workers=workers), plan_of(12)
    whole, journal = simulate_plan(plan, cliff, cluster)
    for drained_at in range(1, sum(isinstance(event, ev.Reported) for event in journal.events), 3):
        clock, journal = VirtualClock(), MemoryJournal()
        journal.append(ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json")))
        controller = Controller(SweepState(journal.events[0]), journal, clock)
        asked = iter(range(drained_at))

        def objective(config, fidelity, controller=controller, asked=asked):
            if next(asked, None) is None:
                controller.drain("stop")
            return cliff(config, fidelity)

        reason = simulate(controller, clock, objective, cluster)
        controller.close(reason)
        before = list(journal.events)
        assert all(trial.state.is_final for trial in controller.state.trials), "what ran was trained to its end"
        state, resumed = resume_simulation(before, cliff, cluster)
        check_invariants(state, resumed.events, before)
        assert (reason == "stop") == (len(controller.state.trials) < 12)
        if workers == 1:
            assert facts(state) == facts(whole)


@pytest.mark.parametrize(("checkpoint_every", "step"), [(1, 1), (0, 3), (4, 3)])
def test_many_workers_keep_every_record_after_any_prefix(checkpoint_every: int, step: int):
    cluster = SimulatedCluster(workers=5, checkpoint_every=checkpoint_every)
    _, journal = simulate_plan(plan_of(36), cliff, cluster)
    assert len(journal.events) >= RECORDS
    for length in range(1, RECORDS + 1, step):
        prefix = journal.events[:length]
        rungs = replay(prefix).scheduler.snapshot()
        state, resumed = resume_simulation(prefix, cliff, cluster)
        check_invariants(state, resumed.events, prefix)
        assert contains(state.scheduler.snapshot(), rungs)


def test_resumed_trials_start_from_their_newest_acknowledged_checkpoint():
    cluster = SimulatedCluster(workers=4, checkpoint_every=2)
    _, journal = simulate_plan(plan_of(36), smooth, cluster)
    for length in range(20, RECORDS, 7):
        before = replay(journal.events[:length])
        _, resumed = resume_simulation(journal.events[:length], smooth, cluster)
        restarts = [e for e in resumed.events[length:] if isinstance(e, ev.AttemptStarted) and e.attempt > 0]
        known = {number: (t.checkpoint, t.checkpoint_fidelity) for number, t in before.open.items()}
        for event in restarts:
            if event.trial in known and event.attempt == len(before.trials[event.trial].attempts):
                assert (event.checkpoint, event.fidelity) == known[event.trial]


def test_lost_machines_are_retried_and_counted():
    cluster = SimulatedCluster(workers=3, loses=lambda trial, attempt, fidelity: trial % 4 == 1 and attempt < 2)
    state, journal = simulate_plan(plan_of(20), smooth, cluster)
    check_invariants(state, journal.events, [])
    for trial in state.trials:
        lost = [a for a in trial.attempts if a.outcome is Outcome.LOST]
        assert len(lost) == (2 if trial.number % 4 == 1 else 0)
        assert trial.state != "failed"


def test_a_trial_that_always_loses_its_machine_fails_once_its_retries_are_used():
    cluster = SimulatedCluster(workers=2, loses=lambda trial, attempt, fidelity: trial == 3)
    state, journal = simulate_plan(plan_of(10), smooth, cluster)
    check_invariants(state, journal.events, [])
    assert state.trials[3].state == "failed"
    assert len(state.trials[3].attempts) == 1 + state.plan.spec.retry.lost


def test_the_same_sweep_twice_decides_the_same():
    cluster = SimulatedCluster(workers=6)
    first, second = (simulate_plan(plan_of(30), cliff, cluster)[1].events for _ in range(2))
    assert first == second


def drive(files: ForgetfulFileSystem, epoch: int, cluster: SimulatedCluster) -> SweepState:
    reader = JournalReader(files)
    events = reader.read_new()
    journal = JournalWriter(files, epoch)
    if events:
        state = replay(events)
        records: list[ev.Event] = [ev.DriverStarted(state.last_t, epoch, "h:1", "c", {}, [], reader.offsets)]
        records += ended_by_crash(state, state.last_t)
    else:
        first = ev.SweepPlanned(0.0, ev.FORMAT, plan_of(12).model_dump(mode="json"))
        state, records = SweepState(first), []
        journal.append(first)
    for record in records:
        state.apply(record)
        journal.append(record)
    journal.commit()
    clock = VirtualClock(state.last_t)
    controller = Controller(state, journal, clock)
    controller.close(simulate(controller, clock, smooth, cluster))
    return state


@pytest.mark.parametrize("kept", [0, 37, 100_000])
def test_a_power_cut_at_any_operation_loses_no_acknowledged_record(kept: int):
    """`kept`: how many unsynced bytes the disk happens to hold after the cut."""
    cluster = SimulatedCluster(workers=3)
    uncut = ForgetfulFileSystem()
    drive(uncut, 1, cluster)
    for budget in range(uncut.operations):
        files = ForgetfulFileSystem(budget=budget)
        with pytest.raises(PowerCutError):
            drive(files, 1, cluster)
        acknowledged = JournalReader(ForgetfulFileSystem(files.durable)).read_new()
        survivor = files.crash(kept)
        found = JournalReader(survivor).read_new()
        assert found[: len(acknowledged)] == acknowledged
        state = drive(survivor, 2, cluster)
        check_invariants(state, JournalReader(survivor).read_new(), found)


def contains(later: object, earlier: object) -> bool:
    """Say whether every entry of nested mappings `earlier` stands unchanged in `later`."""
    if isinstance(earlier, dict):
        return isinstance(later, dict) and all(contains(later.get(key), value) for key, value in earlier.items())
    return later == earlier
