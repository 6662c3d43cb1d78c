"""The winner on the test set: once, by a driver of its own, beside which the sweep stands still; killed anywhere."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import msgspec
import pytest
from sweeps import make_plan, smooth

from orchestrator.control.answers import Done, Report, ResumeTrial, Verdict, Wait
from orchestrator.control.controller import Controller
from orchestrator.control.measuring import begun_test, refuse_to_test
from orchestrator.control.recovery import ended_by_crash
from orchestrator.control.simulator import (
    MemoryJournal,
    SimulatedCluster,
    VirtualClock,
    resume_simulation,
    simulate_plan,
)
from orchestrator.errors import UsageError
from orchestrator.results.tested import winner_on_test_set
from orchestrator.state.fold import replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import FIRST_TEST, Outcome, TrialState, training_seed
from orchestrator.views.tested import rows_of_test

SECRET = 0.91357
DRIVER = ev.DriverStarted(0.0, 2, "here:2", "c0de", {}, m=0.0)


def finished(**changes):
    plan = make_plan(budget={"trials": 6}, test={"metric": "test_score"}, **changes)
    return simulate_plan(plan, smooth, SimulatedCluster(workers=2))[1].events


def opened(events, *, reason=None):
    """A driver that measures, on the records of others: the journal goes on behind them."""
    journal = MemoryJournal(list(events))
    state = replay(journal.events)
    clock = VirtualClock(state.last_t + 1)
    records = [msgspec.structs.replace(DRIVER, t=clock(), m=clock(), epoch=len(state.sessions) + 2, tests=True)]
    records += ended_by_crash(state, clock(), clock())
    for record in records:
        state.apply(record)
        journal.append(record)
    controller = Controller(state, journal, clock, monotonic=clock)
    if (begun := begun_test(state, reason, clock(), clock())) is not None:
        controller.write_down(begun)
    return controller, journal, clock


def measure(events, value=SECRET, *, reason=None, outcome=Outcome.RETURNED):
    """Drive it to its end; returns the records."""
    controller, journal, clock = opened(events, reason=reason)
    while isinstance(step := controller.next_step(), ResumeTrial):
        assert step.purpose == "test"
        controller.on_placed(step.trial, step.attempt, "worker")
        clock.now += 1
        if value is not None:
            report = Report(step.trial, step.attempt, 1.0, {"test_score": value})
            assert controller.on_report(report) is Verdict.CONTINUE
        controller.on_attempt_end(step.trial, step.attempt, outcome, "boom" if outcome is Outcome.ERROR else None)
    assert step == Done("finished")
    controller.close("finished")
    return journal.events


def search(state):
    return [(t.number, t.config, t.state, t.values, t.fidelity) for t in [*state.trials, *state.replicates]]


def test_the_winner_is_measured_by_its_checkpoint_and_nothing_else_moves():
    before = finished()
    after = measure(before)
    then, now = replay(before), replay(after)
    assert search(now) == search(then)
    assert now.stopped == then.stopped == "finished"
    (look,) = now.tests
    winner = now.winner()
    assert (look.of, look.value, look.run.config) == (winner.number, SECRET, winner.config)
    assert look.run.state is TrialState.COMPLETED
    (started,) = [e for e in after if isinstance(e, ev.AttemptStarted) and e.trial == FIRST_TEST]
    assert (started.checkpoint, started.fidelity) == (winner.checkpoint, winner.checkpoint_fidelity)
    assert now.spend.cpu_hours > then.spend.cpu_hours, "it is paid for like everything else"
    assert now.spend.fidelity == then.spend.fidelity


@pytest.mark.parametrize("is_kept", [True, False])
def test_it_goes_on_as_the_winner_or_anew_with_a_fresh_seed(is_kept):
    controller, _, clock = opened(finished())
    if not is_kept:
        controller = Controller(
            controller.state, MemoryJournal(), clock, monotonic=clock, find_checkpoint=lambda checkpoint: None
        )
    step = controller.next_step()
    winner, seed = controller.state.winner(), controller.state.plan.spec.seed
    assert step.seed == training_seed(seed, winner.number if is_kept else FIRST_TEST)
    assert (step.checkpoint is None) == (not is_kept)
    assert step.from_fidelity == (winner.checkpoint_fidelity if is_kept else 0.0)


def test_a_cap_that_is_reached_is_no_reason_not_to_measure():
    before = finished(confirm="none")
    planned = before[0].plan
    planned["spec"]["budget"]["cpu_hours"] = 1e-9
    after = measure(before)
    assert replay(after).tests[0].value == SECRET


def test_killed_after_any_record_it_goes_on_and_looks_once():
    before = finished()
    whole = measure(before)
    assert len(whole) >= len(before) + 7
    for length in range(len(before) + 1, len(whole) + 1):
        prefix = whole[:length]
        state = replay(prefix)
        assert search(state) == search(replay(before))
        assert state.stopped == "finished"
        if state.tests and state.tests[-1].value is not None:
            with pytest.raises(
                UsageError, match=r"the test set was used on 1970-01-01: trial \d+ has test_score 0.913"
            ):
                refuse_to_test(state, "runs/it", again=False, reason=None)
            continue
        refuse_to_test(state, "runs/it", again=False, reason=None)
        events = measure(prefix)
        assert events[: len(prefix)] == prefix
        counted = Counter(type(event) for event in events)
        assert counted[ev.WinnerTestMeasured] == counted[ev.WinnerTestBegun] == 1
        assert replay(events).tests[0].value == SECRET
        assert all(later.t >= earlier.t for earlier, later in pairwise(events))


def test_the_search_goes_on_after_a_test_that_was_killed_and_leaves_it_alone():
    before = finished()
    whole = measure(before)
    at = next(n for n, event in enumerate(whole) if isinstance(event, ev.AttemptPlaced) and event.trial == FIRST_TEST)
    next_driver = msgspec.structs.replace(DRIVER, t=whole[at].t, m=whole[at].m, epoch=9)
    state, journal = resume_simulation([*whole[: at + 1], next_driver], smooth, SimulatedCluster(workers=2))
    assert search(state) == search(replay(before))
    assert not any(isinstance(e, ev.AttemptStarted) and e.trial == FIRST_TEST for e in journal.events[at + 1 :])


def test_lost_machines_are_replaced():
    controller, journal, _ = opened(finished())
    for attempt in (0, 1):
        step = controller.next_step()
        assert step.attempt == attempt
        controller.on_placed(step.trial, step.attempt, "worker")
        assert controller.next_step() == Wait()
        controller.on_attempt_end(step.trial, step.attempt, Outcome.LOST, "the machine was lost")
    assert isinstance(controller.next_step(), ResumeTrial)
    assert not [event for event in journal.events if isinstance(event, ev.WinnerTestMeasured)]


def test_a_run_that_measured_nothing_was_no_look():
    failed = measure(finished(), None, outcome=Outcome.ERROR)
    state = replay(failed)
    assert state.tests[0].run.state is TrialState.FAILED
    assert winner_on_test_set(state).problem == "boom"
    assert winner_on_test_set(state).times == 0
    refuse_to_test(state, "runs/it", again=False, reason=None)
    again = replay(measure(failed))
    assert [look.value for look in again.tests] == [None, SECRET]
    assert winner_on_test_set(again).problem is None


def test_another_look_needs_a_reason_which_is_recorded_and_shown():
    once = measure(finished())
    state = replay(once)
    for again, reason in ((True, None), (True, "  "), (False, "why not")):
        with pytest.raises(UsageError, match="--again and --reason TEXT go together"):
            refuse_to_test(state, "runs/it", again=again, reason=reason)
    refuse_to_test(state, "runs/it", again=True, reason="a label was wrong")
    twice = replay(measure(once, 0.5, reason="a label was wrong"))
    found = winner_on_test_set(twice)
    assert (found.value, found.times, found.reasons) == (0.5, 2, ("a label was wrong",))
    assert rows_of_test(found, "epoch")[-1] == ("test", "the test set was used 2 times: a label was wrong")


def test_what_is_measured_may_be_no_number():
    found = winner_on_test_set(replay(measure(finished(), math.nan)))
    assert (found.value, found.problem, found.times) == (None, "it measured nan", 1)


def test_it_is_shown_with_where_it_began():
    state = replay(measure(finished()))
    (row,) = rows_of_test(winner_on_test_set(state), "epoch")
    winner = state.winner()
    assert row == (
        "test",
        f"test_score 0.91357: trial {winner.number}, from its checkpoint at epoch 27, on 1970-01-01",
    )


@pytest.mark.parametrize(
    ("events", "text"),
    [
        (lambda: simulate_plan(make_plan(budget={"trials": 4}), smooth, SimulatedCluster())[1].events, "has no `test`"),
        (lambda: finished()[:-1], "its search is not over"),
        (lambda: measure(finished()), "the test set was used on"),
    ],
)
def test_who_may_not_measure_is_told(events, text):
    with pytest.raises(UsageError, match=text):
        refuse_to_test(replay(events()), "runs/it", again=False, reason=None)


def test_there_is_no_again_without_a_first_time():
    with pytest.raises(UsageError, match="was never measured on the test set, so there is no again"):
        refuse_to_test(replay(finished()), "runs/it", again=True, reason="x")
