"""Where a sweep is at work, what it lost there and how long it will take, as `status` says it."""

from __future__ import annotations

import pytest
from sweeps import make_plan

from orchestrator.results.whereabouts import NodeUse, Whereabouts, whereabouts
from orchestrator.state.fold import SweepState, replay
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome
from orchestrator.views.status import status
from orchestrator.views.whereabouts import SHOWN, whereabouts_rows

CONFIG = make_plan().space.baseline


def at_work(trials: dict[int, tuple[str, str | None]]) -> SweepState:
    """A sweep of which these trials run, each on its node and GPUs."""
    state = SweepState(ev.SweepPlanned(0.0, ev.FORMAT, make_plan().model_dump(mode="json")))
    state.apply(ev.DriverStarted(0.0, 1, "head:7", "", {}))
    for number, (node, gpus) in trials.items():
        config = {**CONFIG, "learning_rate": 0.01 + number / 1000}
        state.apply(ev.TrialProposed(1.0, number, config, "stage-1", "uniform", [], None, 0))
        state.apply(ev.AttemptStarted(1.0, number, 0))
        state.apply(ev.AttemptPlaced(2.0, number, 0, node, gpus))
    return state


def test_nodes_are_named_with_their_trials_and_gpus():
    state = at_work({0: ("node7", "1,0"), 1: ("node7", "10"), 2: ("node8", None)})
    found = whereabouts(state, 10.0)
    assert found.nodes == (
        NodeUse("node7", (0, 1), ("0", "1", "10"), 0, None),
        NodeUse("node8", (2,), (), 0, None),
    )
    assert whereabouts_rows(found, 10.0, "epoch") == [("nodes", "node7: 2 trials on 3 GPUs (0, 1, 10); node8: 1 trial")]


def test_a_node_that_was_lost_is_told_until_the_next_driver():
    state = at_work({0: ("node7", None), 1: ("node8", None)})
    state.apply(ev.AttemptEnded(20.0, 0, 0, Outcome.LOST, "the node died"))
    assert whereabouts_rows(whereabouts(state, 80.0), 80.0, "epoch") == [
        ("nodes", "node8: 1 trial"),
        ("lost", "node7: 1 attempt died there, the last 1m 00s ago"),
    ]
    state.apply(ev.AttemptStarted(81.0, 0, 1))
    state.apply(ev.AttemptPlaced(82.0, 0, 1, "node7"))
    assert whereabouts_rows(whereabouts(state, 140.0), 140.0, "epoch")[1][1].endswith(
        "the last 2m 00s ago, and it is at work again"
    )
    state.apply(ev.DriverStarted(200.0, 2, "head:8", "", {}))
    assert [node.lost for node in whereabouts(state, 201.0).nodes] == [0, 0]


def test_what_is_left_follows_the_pace_of_the_present_driver():
    state = at_work(dict.fromkeys(range(4), ("node7", None)))
    assert whereabouts(state, 30.0).left_s is None, "nothing has ended yet"
    for number in range(3):
        state.apply(ev.AttemptEnded(30.0, number, 0, Outcome.ERROR, "ValueError"))
    planned = state.plan.spec.budget.trials
    found = whereabouts(state, 30.0)
    assert found.left_s is not None
    assert found.left_s <= (planned - 3) * 10.0
    assert found.left_s > 0
    assert whereabouts_rows(Whereabouts(left_s=3700.0), 0.0, "epoch") == [("left", "about 1h 01m")]


def test_the_pace_is_what_the_present_driver_brought_to_an_end(story):
    driven = Location.parse("runs/test"), "head:7"
    state = replay(story)
    since = min(attempt.placed_t for trial in state.everyone() for attempt in trial.attempts)
    now = since + 5 * 3600
    found = status(state, *driven, now).where
    ended = sum(trial.state.is_final for trial in state.trials)
    trained = sum(trial.fidelity for trial in state.trials)
    assert found.trials_per_h == pytest.approx(ended / 5)
    assert found.fidelity_per_h == pytest.approx(trained / 5)
    row = ("pace", f"1 trial and {round(trained / 5)} epochs an hour")
    assert row in whereabouts_rows(found, now, "epoch")
    state.apply(ev.DriverStarted(now, 2, "head:8", "", {}))
    assert status(state, *driven, now + 60).where.trials_per_h is None, "the next driver's is its own"


def test_nothing_is_said_to_be_left_once_only_fresh_seeds_train(told):
    state = replay(event for event in told if not isinstance(event, ev.DriverStopped))
    found = whereabouts(state, state.last_t)
    assert found.trials_per_h is not None
    assert found.left_s is None


def test_many_nodes_are_counted_and_who_is_not_driven_is_nowhere():
    nodes = tuple(NodeUse(f"n{number:02}", (number,), (), 0, None) for number in range(SHOWN + 3))
    assert whereabouts_rows(Whereabouts(nodes), 0.0, "epoch")[0][1].endswith(
        "n07: 1 trial; and 3 trials on 3 other nodes"
    )
    state = at_work({0: ("node7", None)})
    assert status(state, Location.parse("runs/test"), None, 10.0).where == Whereabouts()
    assert status(state, Location.parse("runs/test"), "head:7", 10.0).where.nodes[0].node == "node7"
