"""The winner over fresh seeds: what is trained again, when it ends, and what follows."""

from __future__ import annotations

import statistics
from random import Random
from typing import Any

import pytest
from sweeps import cliff, make_plan, smooth

from orchestrator.control.simulator import SimulatedCluster, resume_simulation, simulate_plan
from orchestrator.errors import UsageError
from orchestrator.policies.confirming import (
    allowance,
    confirming,
    next_replicate,
    refuse_to_confirm,
    search_trials,
)
from orchestrator.state.fold import SweepState, replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.confirmation import WinnerVerdict
from orchestrator.sweep.trial import FIRST_REPLICATE, Outcome, TrialState, training_seed

ASKED: dict[str, Any] = {"confirm": {"share": 0.4}, "budget": {"trials": 50}, "searcher": "random"}
FULL: dict[str, Any] = {"scheduler": {"name": "none"}, "fidelity": {"metric": "epoch", "max": 2}}


def luck(config, seed: int, fidelity: float) -> float:
    return Random(f"{seed}/{fidelity}").gauss(0, 0.03)


def played(workers: int = 3, objective=smooth, cluster: dict[str, Any] | None = None, **changes: Any) -> SweepState:
    made = SimulatedCluster(workers=workers, **{"noise": luck, **(cluster or {})})
    return simulate_plan(make_plan(**ASKED | changes), objective, made)[0]


@pytest.mark.parametrize("workers", [1, 3, 16])
def test_the_best_trials_race_and_the_chosen_one_is_trained_once_more(workers: int):
    state = played(workers)
    assert len(state.trials) == state.plan.reserve.trials == 30
    raced = {replicate.replicates for replicate in state.replicates if replicate.move == "race"}
    told = [replicate.replicates for replicate in state.replicates if replicate.move == "confirm"]
    rivals = [contender for contender in state.contenders() if not contender.is_baseline]
    assert len(raced) >= min(3, len(rivals), max(2, allowance(state) // 2))
    assert 0 not in raced
    assert set(told) == {0, state.winner().number}
    assert len(state.replicates) <= allowance(state)
    found = state.confirmation()
    assert found.verdict is WinnerVerdict.BETTER
    own = [r.value for r in state.replicates if r.replicates == found.winner and r.move == "confirm"]
    assert found.scores[found.winner].mean == pytest.approx(statistics.fmean(own))
    assert found.scores[found.winner].low < found.scores[found.winner].mean < found.scores[found.winner].high
    assert confirming(state).is_over


def test_a_replicate_is_a_full_training_of_the_same_configuration_with_a_seed_of_its_own():
    state = played()
    seeds = {training_seed(7, trial.number) for trial in state.everyone()}
    assert len(seeds) == len(state.trials) + len(state.replicates)
    for place, replicate in enumerate(state.replicates):
        repeated = state.trials[replicate.replicates]
        assert replicate.number == FIRST_REPLICATE + place
        assert (replicate.config, replicate.bracket) == (repeated.config, repeated.bracket)
        assert (replicate.state, replicate.fidelity, replicate.judgement) == (TrialState.COMPLETED, 27, None)


def test_no_searcher_and_no_rung_is_shown_a_replicate():
    state = played()
    without = [e for e in simulate_plan(make_plan(**ASKED), smooth, SimulatedCluster(3, noise=luck))[1].events
               if getattr(e, "trial", 0) < FIRST_REPLICATE and not isinstance(e, ev.Heartbeat)]  # fmt: skip
    searched = replay(without)
    assert state.scheduler.snapshot() == searched.scheduler.snapshot()
    assert [trial.told for trial in state.trials] == [trial.told for trial in searched.trials]
    assert state.leader().number == searched.winner().number


def test_the_race_begins_once_nothing_of_the_search_runs():
    _, journal = simulate_plan(make_plan(**ASKED), smooth, SimulatedCluster(5, noise=luck))
    events = [e for e in journal.events if isinstance(e, ev.AttemptEnded | ev.TrialProposed)]
    first = next(place for place, event in enumerate(events) if event.trial >= FIRST_REPLICATE)
    ended = [e.trial for e in events[:first] if isinstance(e, ev.AttemptEnded)]
    assert sorted(ended) == list(range(30))


def test_a_training_that_repeats_itself_ends_it_and_the_rest_goes_back_to_the_search():
    state = played(workers=1, cluster={"noise": lambda *_: 0.0})
    found = state.confirmation()
    assert (found.verdict, found.scores, found.difference) == (WinnerVerdict.EXACT, {}, None)
    first = state.contenders()[0].trial.number
    assert len(state.replicates) == 2
    assert len(state.trials) == search_trials(state) > state.plan.reserve.trials
    assert state.stopped == "finished"
    assert state.winner().number == first == state.leader().number
    assert next_replicate(state) is None


def test_equal_scores_at_the_end_alone_are_no_sign_of_a_fixed_seed():
    def rounded(config, seed: int, fidelity: float) -> float:
        return 0.0 if fidelity == 27 else luck(config, seed, fidelity)

    assert played(cluster={"noise": rounded}).confirmation().verdict is not WinnerVerdict.EXACT


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"confirm": "none"}, "the sweep file says `confirm: none`"),
        ({"confirm": {}}, "15% of 50 trials pays 1 full training, and 4 are the least; ask for confirm: {share: 0.31}"),
        (
            {"confirm": {}, "budget": {"trials": 9}},
            "15% of 9 trials pays no full training, and 4 are the least; ask for more trials",
        ),
        (
            {"search_space": {"x": {"type": "constant", "value": 1}}, "seeds": 50},
            "nothing is tuned: every trial is the one configuration with another seed",
        ),
        ({"confirm": {}, "searcher": "grid"}, "the searcher goes through a list, of which nothing is left out"),
    ],
)
def test_where_nothing_is_confirmed_that_is_said_and_every_trial_is_the_searchs(changes, why):
    plan = make_plan(**ASKED | changes | ({"search_space": GRID} if "searcher" in changes else {}))
    assert (plan.reserve.why_not, plan.reserve.trials) == (why, plan.spec.budget.trials)


GRID = {"u": {"type": "choice", "choices": [1, 2, 3, 4, 5, 6], "default": 1}}


def test_a_grid_with_trainings_is_gone_through_and_confirming_comes_on_top():
    plan = make_plan(
        confirm={"trainings": 6}, budget={"trials": 12}, searcher="grid", search="joint", search_space=GRID, **FULL
    )
    state, _ = simulate_plan(plan, lambda config, _: config["u"] / 10, SimulatedCluster(2, noise=luck))
    assert {trial.config["u"] for trial in state.trials} == {1, 2, 3, 4, 5, 6}
    assert state.confirmation().winner == next(trial.number for trial in state.trials if trial.config["u"] == 6)


def test_the_share_is_a_quarter_from_150_trials_on():
    assert make_plan(confirm={}, budget={"trials": 149}, **FULL).reserve.share == 0.15
    many = make_plan(confirm={}, budget={"trials": 150}, **FULL).reserve
    assert (many.share, many.trials, many.replicates) == (0.25, 113, 37)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("cap", ["gpu_hours", "wall"])
def test_under_a_cap_the_search_ends_where_the_reserve_begins(cap: str, workers: int):
    hours = 600 / 3600 if cap == "gpu_hours" else 800.0 / workers
    plan = make_plan(confirm={"share": 0.3}, budget={"trials": 400, cap: hours}, resources={"gpus": 1})
    state, journal = simulate_plan(plan, smooth, SimulatedCluster(workers, noise=luck))
    first = next(e.t for e in journal.events if isinstance(e, ev.TrialProposed) and e.trial >= FIRST_REPLICATE)
    assert state.confirmation() is not None
    assert state.stopped == cap
    if cap == "gpu_hours":
        assert state.spend.gpu_hours <= hours * 1.01
    else:
        assert 0.7 * hours <= first <= 0.85 * hours
        assert state.last_t <= hours * 1.01
    assert all(replicate.state is TrialState.COMPLETED for replicate in state.replicates)


def test_a_configuration_that_trains_only_sometimes_wins_nothing():
    best = played().contenders()[0].trial

    def fails(config, attempt: int, fidelity: float) -> str | None:
        fails.seen += config == best.config and fidelity == 3
        return "ValueError: unlucky" if config == best.config and fidelity == 3 and fails.seen > 1 else None

    fails.seen = 0
    state = played(cluster={"fails": fails})
    assert state.leader().config == best.config
    assert state.winner().config != best.config
    assert [r.state.value for r in state.replicates if r.config == best.config] == ["failed"]


def test_no_better_over_fresh_seeds_is_told_to_keep_the_baseline():
    def flat(config, fidelity: float) -> float:
        return 0.0

    verdicts = set()
    for seed in range(12):
        state = played(objective=flat, seed=seed)
        found = state.confirmation()
        verdicts.add(found.verdict)
        assert (found.winner == 0) == (found.verdict is WinnerVerdict.BASELINE)
        assert state.winner().number == found.winner == state.ranked()[0].number
    assert {WinnerVerdict.BASELINE, WinnerVerdict.ALIKE} <= verdicts


def test_lower_is_better_where_the_goal_says_so():
    def loss(config, fidelity: float) -> float:
        return 1 - smooth(config, fidelity)

    plan = make_plan(**ASKED, objective={"metric": "score", "goal": "minimize"})
    state, _ = simulate_plan(plan, loss, SimulatedCluster(3, noise=luck))
    found = state.confirmation()
    assert found.verdict is WinnerVerdict.BETTER
    assert found.scores[found.winner].mean < found.scores[0].mean
    assert found.difference.low > 0


def test_more_trials_are_confirmed_anew():
    state, journal = simulate_plan(make_plan(**ASKED), smooth, SimulatedCluster(1, noise=luck))
    before = len(state.replicates)
    spec = make_plan(**ASKED | {"budget": {"trials": 100}}).spec
    amended = ev.SpecAmended(state.last_t, spec.model_dump(mode="json"), [], m=state.last_m)
    further, _ = resume_simulation([*journal.events, amended], smooth, SimulatedCluster(1, noise=luck))
    assert len(further.trials) == 60
    assert len(further.replicates) > before
    assert [trial.number for trial in further.trials] == list(range(60))
    assert further.winner().value >= further.baseline.value


def test_a_lost_replicate_goes_on_from_its_checkpoint():
    state = played(cluster={"loses": lambda trial, attempt, fidelity: trial == FIRST_REPLICATE and not attempt})
    first = state.replicates[0]
    assert [attempt.outcome for attempt in first.attempts] == [Outcome.LOST, Outcome.STOPPED]
    assert first.state is TrialState.COMPLETED


def test_a_sweep_without_it_is_confirmed_later():
    cluster = SimulatedCluster(2, noise=luck)
    state, journal = simulate_plan(make_plan(budget={"trials": 30}), cliff, cluster)
    assert state.replicates == []
    refuse_to_confirm(state, "runs/a")
    spec = make_plan(budget={"trials": 30}, confirm={"trainings": 8}).spec
    amended = ev.SpecAmended(state.last_t, spec.model_dump(mode="json"), [], m=state.last_m)
    further, _ = resume_simulation([*journal.events, amended], cliff, cluster)
    assert len(further.trials) == 30
    assert 4 <= len(further.replicates) <= 8
    assert further.confirmation().winner == further.winner().number


def test_what_cannot_be_confirmed_is_refused_with_what_to_do():
    with pytest.raises(UsageError, match=r"^runs/a: its search is not over; `stepladder status runs/a` says where"):
        refuse_to_confirm(replay(simulate_plan(make_plan(), smooth, SimulatedCluster())[1].events[:40]), "runs/a")
    alone, _ = simulate_plan(make_plan(budget={"trials": 1}), smooth, SimulatedCluster())
    with pytest.raises(UsageError, match=r"^runs/a: no trial but the baseline was trained to the end"):
        refuse_to_confirm(alone, "runs/a")
