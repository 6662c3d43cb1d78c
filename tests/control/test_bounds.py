"""Bounds on metrics beside the objective: what breaks one leads, wins and stops nobody; searchers are told."""

from __future__ import annotations

import math

import pytest
from sweeps import make_plan, smooth

from orchestrator.control.controller import Controller
from orchestrator.control.notices import Notices
from orchestrator.control.simulator import (
    MemoryJournal,
    SimulatedCluster,
    VirtualClock,
    resume_simulation,
    simulate_plan,
)
from orchestrator.results.best import best_document
from orchestrator.results.summary import note, summarise
from orchestrator.state.fold import replay
from orchestrator.storage.location import Location
from orchestrator.sweep.confirmation import WinnerVerdict
from orchestrator.sweep.standing import has_ended_badly, holds_bounds, leader
from orchestrator.sweep.trial import TrialState
from orchestrator.views.bounds import constraint_rows
from orchestrator.views.event_lines import EventLines
from orchestrator.views.trial import trial_document

BOUND = {"latency": {"max": 7.0}}


def latency(config) -> float:
    """5 at batch 16, 10 at the best batch of `smooth`, 64."""
    return 1.25 * config["batch_size"] ** 0.5


def timed(config, fidelity):
    return {"score": smooth(config, fidelity), "latency": latency(config)}


def within(trial) -> bool:
    return latency(trial.config) <= 7.0


FOUR = SimulatedCluster(workers=4)


def swept(objective=timed, cluster=FOUR, **changes):
    fields = {"budget": {"trials": 40}, "constraints": BOUND}
    return simulate_plan(make_plan(**(fields | changes)), objective, cluster)


@pytest.mark.parametrize("search", ["soft-stages", "hard-stages", "joint", "screen-stages-joint", "random"])
def test_the_winner_the_leaders_and_the_origins_of_moves_keep_within(search):
    state, journal = swept(search={"name": search}, seed=1)
    best = max(smooth(trial.config, 27) for trial in state.trials)
    winner = state.winner()
    assert within(winner)
    assert winner.state is TrialState.COMPLETED
    assert best > winner.value, "what lies beyond would have won"
    assert all(within(trial) for trial in state.ranked())
    for length in range(10, len(journal.events), 29):
        leading = replay(journal.events[:length]).leader()
        assert leading is None or within(leading)
    parents = {trial.parent for trial in state.trials if trial.parent is not None}
    assert sum(within(state.trials[parent]) for parent in parents) >= len(parents) - 1, "the baseline apart"


@pytest.mark.parametrize("searcher", ["tpe", "gp", "auto", "coarse-to-fine"])
def test_searchers_go_where_the_bound_is_kept(searcher):
    shares = []
    for constraints in ({}, BOUND):
        late = [
            within(trial)
            for seed in range(3)
            for trial in swept(
                searcher={"name": searcher}, seed=seed, constraints=constraints, scheduler={"name": "none"}
            )[0].trials[20:]
        ]
        shares.append(sum(late) / len(late))
    assert shares[1] > shares[0] + 0.2


def test_what_ended_beyond_is_told_as_worse_than_the_worst_within():
    _, journal = swept()
    state, told = replay(journal.events[:1]), set()
    for event in journal.events[1:]:
        state.apply(event)
        for trial in state.trials:
            if trial.told is not None and trial.number not in told:
                told.add(trial.number)
                assert has_ended_badly(trial)
                assert trial.told < min(v for t in state.trials if within(t) for v in t.values.values())
    assert told == {trial.number for trial in state.trials if trial.breaks}
    assert told == {trial.number for trial in state.trials if not within(trial)}


def test_while_none_keeps_within_none_is_told_and_none_wins():
    state, _ = swept(constraints={"latency": {"max": 1.0}}, budget={"trials": 8})
    assert all(trial.told is None and not trial.is_learned for trial in state.trials)
    assert state.winner() is None
    assert note(state) == (
        "every trial that reported a finite value diverged or failed, or does not keep within `constraints`"
    )


def test_beyond_a_bound_no_rung_is_raised():
    """Where good means slow, the rungs must not stop those that are wanted."""

    def slow_is_good(config, fidelity):
        return {"score": config["batch_size"] * fidelity, "latency": latency(config)}

    state, _ = swept(slow_is_good, scheduler={"name": "asha"}, searcher="random", search="random")
    kept = [trial for trial in state.trials if within(trial)]
    assert len(kept) > 5
    stopped = [trial for trial in kept if trial.state is TrialState.PRUNED]
    assert len(stopped) < len(kept)
    beyond = [trial for trial in state.trials if not within(trial) and trial.number]
    pruned = sum(trial.state is TrialState.PRUNED for trial in beyond)
    assert pruned / len(beyond) > len(stopped) / len(kept)


@pytest.mark.parametrize("said", [None, math.nan])
def test_what_is_never_said_cannot_win_and_is_told_once(said):
    def silent(config, fidelity):
        return {"score": smooth(config, fidelity)} | ({} if said is None else {"latency": said})

    state, journal = swept(silent, budget={"trials": 6})
    assert state.winner() is None
    assert leader("maximize", state.trials) is None
    told = []
    controller = Controller(replay(journal.events), MemoryJournal(), VirtualClock())
    notices = Notices(controller, told.append)
    notices.look()
    notices.look()
    text = "reported no latency, which `constraints` bounds: what does not say it cannot win"
    assert [text in line for line in told] == ([True] if said is None else [])
    rows = constraint_rows(summarise(state, state.last_t).constraints)
    ending = "0 trials beyond it; 6 trials that ended did not say it" if said is None else "6 trials beyond it"
    assert rows == [("constraint", f"latency at most 7; {ending}")]
    assert all(trial.is_learned == (said is None) for trial in state.trials), "for searchers it counts as it is"


def test_the_newest_value_counts():
    def settles(config, fidelity):
        return {"score": smooth(config, fidelity), "latency": 20.0 - fidelity / 2}

    early = swept(settles, constraints={"latency": {"max": 10.0}}, budget={"trials": 4}, scheduler={"name": "none"})[0]
    assert early.winner() is not None
    assert all(trial.bounded == {"latency": 6.5} and holds_bounds(trial) for trial in early.trials)


def test_killed_anywhere_it_ends_the_same():
    cluster = SimulatedCluster(workers=1)
    whole, journal = swept(cluster=cluster, budget={"trials": 16})
    for length in range(20, len(journal.events), 11):
        again, _ = resume_simulation(journal.events[:length], timed, cluster)
        facts = [[(t.config, t.state, t.values, t.told, t.breaks) for t in state.trials] for state in (whole, again)]
        assert facts[0] == facts[1]


CONFIRMED = {"budget": {"trials": 30}, "confirm": {"trainings": 12}, "scheduler": {"name": "none"}}


def test_a_replicate_that_breaks_a_bound_takes_its_configuration_out():
    noisy = SimulatedCluster(workers=4, noise=lambda config, seed, fidelity: (seed % 1000) / 1e5)
    plain, _ = swept(cluster=noisy, **CONFIRMED)
    pick = plain.confirmation().winner
    config = plain.trials[pick].config

    calls = []

    def sometimes_slow(given, fidelity):
        is_again = given == config and fidelity == 27 and (calls.append(1) or len(calls) > 1)
        return timed(given, fidelity) | ({"latency": 9.0} if is_again else {})

    state, _ = swept(sometimes_slow, cluster=noisy, **CONFIRMED)
    out = [contender for contender in state.contenders() if contender.is_out]
    assert [contender.trial.config for contender in out] == [config]
    assert state.winner().config != config


def test_a_baseline_that_breaks_a_bound_is_none_to_compare_with():
    noisy = SimulatedCluster(workers=4, noise=lambda config, seed, fidelity: (seed % 1000) / 1e5)
    state, _ = swept(cluster=noisy, constraints={"latency": {"max": 6.9}}, **CONFIRMED)
    assert not within(state.trials[0]) or state.trials[0].breaks
    assert state.confirmation().verdict is WinnerVerdict.ALONE


def test_everything_says_it(tmp_path):
    state, _ = swept()
    document = best_document(state, Location.parse(tmp_path))["constraints"]
    beyond = sum(1 for trial in state.trials if trial.breaks)
    assert document["beyond"] == beyond > 0
    (bound,) = document["bounds"]
    assert (bound["metric"], bound["text"], bound["broken"], bound["unsaid"]) == ("latency", "at most 7", beyond, 0)
    assert bound["winner"] == pytest.approx(latency(state.winner().config))
    (row,) = constraint_rows(summarise(state, state.last_t).constraints)
    assert row[1].endswith(f"{beyond} trials beyond it")
    number = next(trial.number for trial in state.trials if trial.breaks)
    assert trial_document(state, number, Location.parse(tmp_path))["breaks"] == ("latency",)
    assert any("beyond its bound in latency" in line for line in _lines(state))


def _lines(state):
    lines = EventLines()
    return [line for step in range(200) for line in lines.lines(state, float(step * 60))]
