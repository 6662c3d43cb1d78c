"""Each final trial's learning curve is read as its reports pass, the same however they come."""

from __future__ import annotations

import math
from collections import Counter

import msgspec
import pyarrow.parquet as pq
import pytest
from curves import STORED, points, reports, trained
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sweeps import make_plan, smooth

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.curves.diagnosis import MIN_REPORTS, CurvePoint, CurveVerdict, diagnose
from orchestrator.results.diagnoses import Curves, Roles, winner_diagnosis
from orchestrator.state.fold import SweepState, replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.spec import Objective
from orchestrator.sweep.trial import Outcome, StopReason, TrialState

ACCURACY = {"metric": "val_accuracy", "goal": "maximize"}


@pytest.mark.parametrize(
    ("objective", "metrics", "point"),
    [
        (ACCURACY, {"val_accuracy": 0.5, "train_loss": 1.0, "val_loss": 2.0, "epoch": 3}, (1.0, 2.0, 0.5)),
        (ACCURACY, {"val_accuracy": 0.5, "loss": 1.0, "eval_loss": 2.0}, (1.0, 2.0, 0.5)),
        (ACCURACY, {"val_accuracy": 0.5, "loss": 9.0, "train/loss": 1.0, "Validation Loss": 2.0}, (1.0, 2.0, 0.5)),
        (ACCURACY, {"val_accuracy": 0.5, "center_loss": 1.0}, (None, None, 0.5)),
        (ACCURACY, {"val_accuracy": "nan", "train_loss": "inf"}, (math.inf, None, math.nan)),
        ({"metric": "loss", "goal": "minimize"}, {"loss": 2.0}, (None, 2.0, None)),
        ({"metric": "loss", "goal": "minimize"}, {"loss": 2.0, "val_loss": 9.0, "train_loss": 1.0}, (1.0, 2.0, None)),
        ({"metric": "my_loss", "goal": "minimize"}, {"loss": 1.0, "my_loss": 2.0}, (1.0, 2.0, None)),
        ({"metric": "train_loss", "goal": "minimize"}, {"val_loss": 2.0, "train_loss": 1.0}, (1.0, 2.0, None)),
        ({"metric": "perplexity", "goal": "minimize"}, {"perplexity": 8.0, "val_loss": 2.0}, (None, 2.0, 8.0)),
    ],
)
def test_which_metric_is_what_is_decided_by_its_name(objective, metrics, point):
    reverse = dict(reversed(metrics.items()))
    for said in (metrics, reverse):
        found = Roles(Objective.model_validate(objective)).point(ev.Reported(0.0, 0, 0, 3.0, said))
        assert repr(found) == repr(CurvePoint(3.0, *point))


def test_reports_at_one_fidelity_are_one_point_of_the_curve():
    plan = make_plan(objective=ACCURACY, fidelity={"max": 9})
    state = SweepState(ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json")))
    state.apply(ev.TrialProposed(1.0, 0, plan.space.baseline, "tier-1", "baseline", [], None, 0))
    state.apply(ev.AttemptStarted(1.0, 0, 0))
    apart, joined = [], []
    for epoch in range(1, 10):
        loss, accuracy = {"train_loss": 2.0 / epoch}, {"val_accuracy": 0.1 * epoch}
        apart += [ev.Reported(2.0, 0, 0, epoch, accuracy | loss), ev.Reported(2.0, 0, 0, epoch, accuracy)]
        joined.append(ev.Reported(2.0, 0, 0, epoch, accuracy | loss))
    state.take_verdict(msgspec.structs.replace(apart[-1], stop=StopReason.FULL_FIDELITY))
    assert state.trials[0].state is TrialState.COMPLETED
    found = []
    for events in (apart, joined):
        curves = Curves(plan)
        for event in [*events, ev.AttemptEnded(3.0, 0, 0, Outcome.STOPPED)]:
            trials = state.trials if isinstance(event, ev.AttemptEnded) else replay_running(plan)
            curves.take(event, trials)
        found.append(curves.diagnoses[0])
    assert found[0] == found[1]


def replay_running(plan):
    """The trials of a sweep whose first one is running."""
    first = ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"))
    proposed = ev.TrialProposed(1.0, 0, plan.space.baseline, "tier-1", "baseline", [], None, 0)
    return replay([first, proposed, ev.AttemptStarted(1.0, 0, 0)]).trials


def test_the_parquet_column_says_what_the_stored_curves_show(sweep):
    rates = [stored["learning_rate"] for stored in STORED]
    plan = make_plan(
        objective=ACCURACY, fidelity={"max": 1000}, scheduler={"name": "none"}, searcher={"name": "random"}
    )
    sweep.write(trained(plan, STORED, rates), frame=500)
    sweep.tables().advance()
    rows = {row["trial"]: row for row in pq.read_table(sweep.folder / "trials").to_pylist()}
    for number, stored in enumerate(STORED):
        wanted = diagnose(points(stored), goal="maximize", learning_rate=rates[number])
        assert (rows[number]["diagnosis"], rows[number]["advice"]) == (wanted.verdict, wanted.advice)
    assert set(Counter(row["diagnosis"] for row in rows.values())) == set(CurveVerdict) - {CurveVerdict.TOO_SHORT}
    counted = dict(sweep.query("select diagnosis, count(*) from {trials} where state = 'completed' group by 1"))
    assert counted["too_low"] >= 20


def measured(config, fidelity):
    """A real curve, chosen by the learning rate; its accuracy a little different for each configuration."""
    stored = LONG[int(-1000 * math.log10(config["learning_rate"])) % len(LONG)]
    said = reports(stored)[int(fidelity) - 1]
    return said | {"score": said["val_accuracy"] + 0.01 * smooth(config, fidelity), "epoch": fidelity}


LONG = [stored for stored in STORED if len(stored["val_loss"]) >= 20]


def lost_once(trial, attempt, fidelity):
    return trial % 5 == 2 and attempt == 0 and fidelity == 7


@pytest.fixture(scope="module")
def learned():
    """A sweep with real curves: trials stopped early and trained to the end, some resumed two epochs back."""
    plan = make_plan(fidelity={"metric": "epoch", "min": 2, "max": 20}, searcher={"name": "random"})
    cluster = SimulatedCluster(workers=4, loses=lost_once, checkpoint_every=4)
    state, journal = simulate_plan(plan, measured, cluster)
    assert {trial.state for trial in state.trials} >= {TrialState.COMPLETED, TrialState.PRUNED}
    assert any(len(trial.attempts) > 1 and trial.attempts[1].resumed_from == 4 for trial in state.trials)
    return journal.events


def table(sweep):
    return pq.read_table(sweep.folder / "trials").to_pylist(), (sweep.folder / "best.json").read_text()


@pytest.mark.thorough
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 60), min_size=1, max_size=12))
def test_many_small_refreshes_give_the_table_of_one(tmp_path_factory, make_sweep, learned, cuts):
    stepwise, at_once = make_sweep(tmp_path_factory.mktemp("a")), make_sweep(tmp_path_factory.mktemp("a"))
    at_once.write(learned)
    at_once.tables().advance()
    tables, start = stepwise.tables(), 0
    for cut in cuts:
        stepwise.write(learned[start : start + cut])
        tables.advance()
        start += cut
    stepwise.write(learned[start:])
    tables.advance()
    rows, best = table(stepwise)
    wanted, wanted_best = table(at_once)
    assert rows == wanted
    assert best.replace(str(stepwise.folder), "") == wanted_best.replace(str(at_once.folder), "")


def test_a_trial_has_its_diagnosis_from_its_end_on_and_its_points_until_then(learned):
    state = SweepState(learned[0])
    curves = Curves(state.plan)
    for count, event in enumerate(learned[1:], 2):
        state.apply(event)
        curves.take(event, state.trials)
        assert set(curves.diagnoses) == {trial.number for trial in state.trials if trial.state.is_final}
        assert set(curves._points) <= {trial.number for trial in state.trials if not trial.state.is_final}
        winner = state.winner()
        if count % 25 == 0 and winner is not None:
            assert winner_diagnosis(state, learned[:count]) == curves.diagnoses.get(winner.number)
    assert curves._points == {}
    assert len(curves.diagnoses) == len(state.trials) == 30


def test_a_fidelity_that_is_reported_again_counts_once_as_the_newest_says(learned):
    trials = replay(learned).trials
    resumed = next(trial for trial in trials if len(trial.attempts) > 1 and trial.state is TrialState.COMPLETED)
    told = [event for event in learned if isinstance(event, ev.Reported) and event.trial == resumed.number]
    assert len(told) > len({event.fidelity for event in told}) == 20
    assert curves_of(learned)[resumed.number].saw["reports"] == 20


def curves_of(events):
    state = SweepState(events[0])
    curves = Curves(state.plan)
    for event in events[1:]:
        state.apply(event)
        curves.take(event, state.trials)
    return curves.diagnoses


def ended(outcome, losses, stop=None):
    """One trial with these training losses that ended so."""
    plan = make_plan(searcher={"name": "random"})
    events = [
        ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json")),
        ev.TrialProposed(0.0, 0, plan.space.baseline, "tier-1", "baseline", [], None, 0),
        ev.AttemptStarted(0.0, 0, 0),
    ]
    for epoch, loss in enumerate(losses, 1):
        verdict = stop if epoch == len(losses) else None
        events.append(ev.Reported(0.0, 0, 0, float(epoch), {"score": 1.0, "loss": loss}, None, verdict))
    return [*events, ev.AttemptEnded(1.0, 0, 0, outcome, "ValueError: no")]


FALLING = [1.6, 0.8, 0.4, 0.2]


@pytest.mark.parametrize(
    ("outcome", "losses", "stop", "verdict", "advice"),
    [
        (Outcome.RETURNED, FALLING, None, "still_improving", "it had not come to its end: train longer"),
        (Outcome.STOPPED, FALLING, "weak", "still_improving", None),
        (Outcome.ERROR, FALLING, None, "still_improving", None),
        (Outcome.RETURNED, FALLING[:2], None, "too_short", f"report at least {MIN_REPORTS} times with a finite loss"),
        (Outcome.STOPPED, FALLING[:2], "weak", "too_short", None),
        (Outcome.STOPPED, [1.6, 2.0, "nan"], "weak", "diverging", "the learning rate is far too high: halve it"),
        (Outcome.ERROR, [], None, None, None),
        (Outcome.LOST, FALLING, None, None, None),
    ],
)
def test_advice_is_given_where_it_holds(sweep, outcome, losses, stop, verdict, advice):
    sweep.write(ended(outcome, losses, stop))
    sweep.tables().advance()
    ((found, said),) = sweep.query("select diagnosis, advice from {trials}")
    assert found == verdict
    assert said == advice if advice is None else said.startswith(advice)


def test_a_winner_that_is_still_trained_has_no_diagnosis(story):
    until = next(i for i, event in enumerate(story) if isinstance(event, ev.Reported))
    assert winner_diagnosis(replay(story[: until + 1]), story[: until + 1]) is None
    assert winner_diagnosis(replay(story[:2]), story[:2]) is None
    assert winner_diagnosis(replay(story), story).verdict == CurveVerdict.TOO_SHORT


def test_notes_are_in_the_tables(sweep):
    plan = make_plan(couple={"learning_rate": {"with": "batch_size"}}, searcher={"name": "random"})
    state, journal = simulate_plan(plan, smooth, SimulatedCluster(workers=1))
    sweep.write(journal.events)
    sweep.tables().advance()
    noted = dict(sweep.query("select trial, notes from {trials} where notes is not null"))
    assert noted == {trial.number: "\n".join(trial.notes) for trial in state.trials if trial.notes}
    assert len(noted) >= 3
    assert all("as batch_size" in note for note in noted.values())
