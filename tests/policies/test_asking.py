"""What people ask about single trials: tried next, stopped, run again, on the log before it is done; kills anywhere."""

from __future__ import annotations

import msgspec
import pytest
from sweeps import SPACE, make_plan, smooth

from orchestrator.control.answers import Report, Verdict
from orchestrator.control.controller import Controller
from orchestrator.control.session import create, reopen
from orchestrator.control.simulator import (
    MemoryJournal,
    SimulatedCluster,
    VirtualClock,
    resume_simulation,
    simulate,
    simulate_plan,
)
from orchestrator.control.wishes import Wishes
from orchestrator.policies.asking import asked_by_file, problem_of, wish_to_try
from orchestrator.policies.overdue import WITHDRAWN_S
from orchestrator.state.fold import SweepState, replay
from orchestrator.state.reading import read_sweep
from orchestrator.state.retries import UNREPORTED
from orchestrator.storage.location import Location
from orchestrator.storage.wishes import Wish, new_wishes, put_wish
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, TrialState

FIRST = {"learning_rate": 0.0003}
SECOND = {"optimizer": "adam", "beta1": 0.85, "learning_rate": 0.2}


def plan_of(**changes):
    fields = {"budget": {"trials": 8}, "fidelity": {"metric": "epoch", "min": 1, "max": 3}}
    return make_plan(**(fields | changes))


def controller_of(**changes) -> tuple[Controller, MemoryJournal, VirtualClock]:
    plan, clock, journal = plan_of(**changes), VirtualClock(), MemoryJournal()
    first = ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"), m=0.0)
    journal.append(first)
    return Controller(SweepState(first), journal, clock, monotonic=clock), journal, clock


def report(controller: Controller, trial: int, value: float = 0.5, at: float = 1.0) -> Verdict:
    return controller.on_report(Report(trial, 0, at, {"score": value, "epoch": at}, f"checkpoints/{trial}"))


def ruled(controller: Controller, name: str, wish: Wish) -> str | None:
    """What the driver says of a wish; None where it waits."""
    said: list[str] = []
    Wishes(controller, said.append).take_wishes([(name, wish)], 0.0, controller.clock_s())
    return said[0] if said else None


def begun(controller: Controller, count: int) -> None:
    for _ in range(count):
        step = controller.next_step()
        controller.on_placed(step.trial, step.attempt)


def test_what_the_file_asks_is_tried_after_the_baseline_the_rest_as_there():
    state, journal = simulate_plan(plan_of(**{"try": [FIRST, SECOND]}), smooth, SimulatedCluster(workers=3))
    baseline, first, second, *others = state.trials
    assert (first.move, second.move, first.block, first.parent) == ("asked", "asked", (), None)
    assert first.config == {**baseline.config, "learning_rate": 0.0003}
    assert second.config == {**baseline.config, **SECOND}
    assert first.notes == ("asked for: learning_rate 0.0003; the rest as in the baseline",)
    assert len(state.trials) == 8, "they count in the budget"
    assert {trial.move for trial in others}.isdisjoint({"asked", "baseline"})
    assert not state.wished.configurations
    assert replay(journal.events).trials == state.trials


def test_the_searcher_learns_from_them():
    state, _ = simulate_plan(plan_of(**{"try": [SECOND]}), smooth, SimulatedCluster(workers=1))
    assert state.trials[1].is_learned
    assert state.leader() is not None


@pytest.mark.parametrize("search", ["soft-stages", "joint", "hard-stages", "random", "screen-stages-joint"])
def test_every_ladder_goes_on_around_them_after_a_kill_anywhere(search: str):
    plan = plan_of(search=search, **{"try": [FIRST, SECOND]})
    whole, journal = simulate_plan(plan, smooth, SimulatedCluster(workers=1))
    for length in range(3, len(journal.events), 7):
        state, resumed = resume_simulation(journal.events[:length], smooth, SimulatedCluster(workers=1))
        assert [trial.config for trial in state.trials] == [trial.config for trial in whole.trials]
        assert replay(resumed.events).trials == state.trials


def test_earlier_winners_follow_what_was_asked_for():
    plan = plan_of(**{"try": [FIRST]})
    warm = [{"config": {**plan.space.baseline, "momentum": 0.6}, "notes": ["won"]}]
    plan = type(plan).model_validate(plan.model_dump(mode="json") | {"warm": warm})
    state, _ = simulate_plan(plan, smooth, SimulatedCluster(workers=2))
    assert [trial.move for trial in state.trials[:3]] == ["baseline", "asked", "warm"]


def test_a_grid_tries_them_and_then_its_list():
    space = {"x": {"type": "choice", "choices": [1, 2, 3, 4], "default": 1}}
    plan = plan_of(
        search="joint", searcher="grid", search_space=space, budget={"trials": 4}, **{"try": [{"x": 3}]}
    )  # fmt: skip
    state, _ = simulate_plan(plan, lambda config, _: float(config["x"]), SimulatedCluster(workers=1))
    assert [trial.config["x"] for trial in state.trials] == [1, 3, 2, 4]


def test_an_entry_that_is_added_later_is_tried_then_and_no_other_again():
    plan = plan_of(**{"try": [FIRST]})
    state, _ = simulate_plan(plan, smooth, SimulatedCluster(workers=2))
    added = plan_of(**{"try": [FIRST, SECOND, {"learning_rate": 0.0003, "momentum": 0.9}]}).spec
    new = asked_by_file(state, added, plan.spec.try_, 0.0, None)
    assert [record.config["optimizer"] for record in new] == ["adam"], "the last is trial 1 again"


def test_a_configuration_is_tried_next_the_rest_as_in_the_trial_that_leads():
    controller, _, _ = controller_of(budget={"trials": 20})
    begun(controller, 3)
    for trial, value in enumerate([0.1, 0.9, 0.2]):
        report(controller, trial, value)
    leading = controller.state.trials[1]
    wish = wish_to_try(controller.state, {"momentum": 0.77})
    assert wish.notes == ["asked for: momentum 0.77; the rest as in trial 1, the best so far"]
    assert wish.config == {**leading.config, "momentum": 0.77}
    assert ruled(controller, "wish-1", wish) == f"{wish.notes[0]}: it is tried next"
    step = controller.next_step()
    assert (step.trial, step.config) == (3, wish.config)
    assert controller.state.wished.known == {"wish-1"}
    twice = ruled(controller, "wish-2", wish)
    assert twice == "`try` was asked for, and cannot be: trial 3 has this very configuration"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lr": 0.1}, "'lr' is not in the search space"),
        ({"momentun": 0.1}, "'momentun' is not in the search space (did you mean 'momentum'?)"),
        ({"momentum": 2}, "'momentum' cannot be 2; choose a number from 0.5 to 0.99"),
        ({"batch_size": 20.5}, "'batch_size' cannot be 20.5; choose a whole number from 16 to 256"),
        ({"optimizer": "lion"}, "'optimizer' cannot be lion; choose sgd or adam"),
        (
            {"beta1": 0.9},
            "'beta1' applies only where optimizer is adam, which it is not here; give that too, or leave it out",
        ),
        ({"learning_rate": 0.01}, "this is the baseline, which is tried first in any case"),
        ({"fixed": 4}, "'fixed' is a constant, 3, in this sweep; leave it out"),
    ],
)
def test_what_does_not_fit_the_space_is_refused_in_words(values, said: str):
    controller, _, _ = controller_of(search_space={**SPACE, "fixed": {"type": "constant", "value": 3}})
    with pytest.raises(ValueError, match="^" + msgspec.json.decode(msgspec.json.encode(said)).replace("(", r"\(")
                       .replace(")", r"\)").replace("?", r"\?") + "$"):  # fmt: skip
        wish_to_try(controller.state, values)


def test_a_trial_is_stopped_at_its_next_report_and_counts_as_stopped_early():
    controller, _, _ = controller_of()
    begun(controller, 2)
    report(controller, 1)
    assert ruled(controller, "w", Wish("stop", 1)) == "the end of trial 1 was asked for: it is stopped"
    assert controller.overdue() == []
    assert report(controller, 1, at=2.0) is Verdict.STOP
    controller.on_attempt_end(1, 0, Outcome.STOPPED)
    trial = controller.state.trials[1]
    assert (trial.state, trial.attempt.cause, trial.attempt.error) == (TrialState.PRUNED, "stop_trial", None)
    assert trial.is_learned
    assert 1 not in controller.state.waiting


def test_one_that_does_not_report_is_ended_after_a_while():
    controller, _, clock = controller_of()
    begun(controller, 2)
    ruled(controller, "w", Wish("stop", 1))
    clock.now += WITHDRAWN_S - 0.1
    assert controller.overdue() == []
    clock.now += 0.1
    assert controller.overdue() == [(1, 0)]
    controller.on_attempt_end(1, 0, Outcome.INTERRUPTED)
    trial = controller.state.trials[1]
    assert (trial.state, trial.attempt.cause, trial.attempt.error) == (TrialState.FAILED, "stop_trial", UNREPORTED)
    assert trial.told is None, "nothing is said against its configuration"
    assert not trial.is_untold


def test_three_that_were_stopped_are_no_reason_for_the_brake():
    controller, _, _ = controller_of()
    begun(controller, 4)
    for trial in range(4):
        ruled(controller, f"w{trial}", Wish("stop", trial))
        controller.on_attempt_end(trial, 0, Outcome.INTERRUPTED)
    assert controller.brake_note is None
    assert controller.next_step().trial == 4


def test_a_trial_that_waits_is_not_begun_again():
    controller, _, _ = controller_of()
    begun(controller, 2)
    report(controller, 1)
    controller.on_attempt_end(1, 0, Outcome.LOST, "gone")
    assert 1 in controller.state.waiting
    ruled(controller, "w", Wish("stop", 1))
    assert controller.next_step().trial == 2


def test_a_failed_trial_runs_again_at_once_and_one_that_was_stopped_goes_on():
    controller, _, _ = controller_of(budget={"trials": 3})
    begun(controller, 3)
    report(controller, 0)
    controller.on_attempt_end(1, 0, Outcome.ERROR, "ValueError: x")
    report(controller, 2)
    ruled(controller, "a", Wish("stop", 2))
    assert ruled(controller, "b", Wish("retry", 2)) is None, "it has not ended yet"
    controller.on_attempt_end(2, 0, Outcome.STOPPED)
    for name, trial in (("c", 1), ("b", 2)):
        told = ruled(controller, name, Wish("retry", trial))
        assert told == f"trial {trial} was asked for once more: it runs again"
    steps = [controller.next_step() for _ in range(2)]
    assert [(step.trial, step.attempt, step.from_fidelity) for step in steps] == [(1, 1, 0.0), (2, 1, 1.0)]
    assert controller.state.trials[2].withdrawn_s is None


@pytest.mark.parametrize(
    ("kind", "trial", "why"),
    [
        ("stop", 9, "there is no trial 9; the last is 3"),
        ("stop", 1, "trial 1 has ended (failed), so there is nothing to stop"),
        ("retry", 0, "trial 0 ended completed: it did not fail"),
        ("retry", 2, "trial 2 ended diverged: with the same seed it would be the same again"),
        ("retry", 3, "trial 3 has not ended (running), so there is nothing to run again"),
    ],
)
def test_what_makes_no_sense_is_refused_and_that_is_on_the_log(kind, trial: int, why: str):
    controller, journal, _ = controller_of()
    begun(controller, 4)
    report(controller, 0, at=3.0)
    controller.on_attempt_end(0, 0, Outcome.STOPPED)
    controller.on_attempt_end(1, 0, Outcome.ERROR, "ValueError: x")
    report(controller, 2, float("nan"))
    controller.on_attempt_end(2, 0, Outcome.STOPPED)
    assert problem_of(controller.state, Wish(kind, trial)) == why
    assert ruled(controller, "w", Wish(kind, trial)) == f"`{kind}` was asked for, and cannot be: {why}"
    assert journal.events[-1] == ev.WishRefused(0.0, "w", why, m=0.0)
    assert "w" in controller.state.wished.known


def test_a_trial_that_is_run_again_is_forgotten_by_who_had_learned_from_it():
    """What is proposed afterwards is what a driver proposes that begins with the log."""
    controller, journal, clock = controller_of(budget={"trials": 30}, searcher="tpe")
    cluster = SimulatedCluster(workers=1)
    for trial in range(20):
        begun(controller, 1)
        report(controller, trial, smooth(controller.state.trials[trial].config, 3.0))
        if trial == 5:
            ruled(controller, "s", Wish("stop", 5))
        else:
            report(controller, trial, smooth(controller.state.trials[trial].config, 3.0), at=3.0)
        controller.on_attempt_end(trial, 0, Outcome.STOPPED)
    ruled(controller, "r", Wish("retry", 5))
    anew, _ = resume_simulation(journal.events, smooth, cluster)
    simulate(controller, clock, smooth, cluster)
    assert [t.config for t in controller.state.trials] == [t.config for t in anew.trials]


def test_a_wish_outlives_its_driver_and_is_taken_once(tmp_path):
    folder, plan = Location.parse(tmp_path / "test"), plan_of(budget={"trials": 5})
    session = create(folder, plan, b"")
    for _ in range(2):
        session.controller.next_step()
    session.close("stop")
    wish = wish_to_try(session.state, {"momentum": 0.7})
    names = [put_wish(folder.files(), wish, 2.0), put_wish(folder.files(), Wish("stop", 1), 3.0)]
    (tmp_path / "test" / "requests" / f"wish-{1:020d}-{'0' * 8}.json").write_text("{")
    assert [name for name, _ in new_wishes(folder.files(), ())][1:] == names
    again, _ = reopen(folder, plan)
    assert len(again.state.wished.known) == 3
    assert again.state.trials[1].state is TrialState.FAILED
    assert [step.trial for step in (again.controller.next_step(), again.controller.next_step())] == [0, 2]
    assert again.state.trials[2].config == wish.config
    again.close("stop")
    last, _ = reopen(folder, plan)
    assert not last.state.wished.configurations
    last.release()
    assert len(read_sweep(folder).trials) == 3


def test_a_driver_takes_a_wish_while_it_works(tmp_path):
    folder = Location.parse(tmp_path / "test")
    session = create(folder, plan_of(), b"")
    session.controller.next_step()
    put_wish(folder.files(), wish_to_try(session.state, {"momentum": 0.7}), 1.0)
    session.look_for_wishes()
    session.look_for_wishes()
    assert [asked.config["momentum"] for asked in session.state.wished.configurations] == [0.7]
    session.release()
