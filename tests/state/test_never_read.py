"""Hyperparameters that the code never reads: what it takes to tell, and where it is told."""

from __future__ import annotations

import json

import msgspec
import pytest
from sweeps import SPACE, make_plan

from orchestrator.control.controller import Controller
from orchestrator.control.notices import Notices
from orchestrator.control.simulator import MemoryJournal, VirtualClock
from orchestrator.results.summary import summarise
from orchestrator.state.fold import replay
from orchestrator.state.never_read import NeverRead, describe
from orchestrator.storage.location import Location
from orchestrator.sweep.plan import StagePlan
from orchestrator.views.page.advice import steps
from orchestrator.views.page.scene import Scene
from orchestrator.views.status import status, status_document
from orchestrator.views.trouble import trouble_rows

BOTH = ("momentum", "optimizer")


def told_by(story, said):
    """The story in which the ends of trials say what was not read, by number; 0 and 2 completed, 1 was stopped."""

    def end(event):
        is_end = type(event).__name__ == "AttemptEnded" and event.trial in said
        return msgspec.structs.replace(event, unread=said[event.trial]) if is_end else event

    return replay([end(event) for event in story])


def names(state):
    return [found.name for found in state.reading.never(state.plan)]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, []),
        ({0: BOTH}, []),
        ({0: BOTH, 2: BOTH}, ["momentum"]),
        ({0: BOTH, 2: ()}, []),
        ({0: BOTH, 1: BOTH}, []),
        ({0: BOTH, 2: BOTH, 1: ()}, []),
        ({0: BOTH, 2: BOTH, 1: ("momentum",)}, ["momentum"]),
        ({0: (*BOTH, "batch_size"), 2: ("batch_size", "momentum")}, ["batch_size", "momentum"]),
        ({0: ("beta1",), 2: ("beta1",)}, []),
    ],
    ids=[
        "none says",
        "one",
        "two",
        "one denies",
        "one was stopped",
        "a stopped one denies",
        "agreed",
        "several",
        "idle",
    ],
)
def test_two_completed_trials_must_agree_and_none_deny(story, said, told):
    """`optimizer` decides whether `beta1` applies, which no trial of the story has: neither is told of."""
    assert sorted(names(told_by(story, said))) == told


def test_constants_cost_nothing(story):
    state = told_by(story, {0: ("momentum",), 2: ("momentum",)})
    plan = make_plan(search_space=SPACE | {"momentum": {"type": "constant", "value": 0.9}})
    assert state.reading.never(plan) == []


def test_its_share_is_an_equal_part_of_each_stage_that_tunes_it(story):
    state = told_by(story, {0: ("momentum",), 2: ("momentum",)})
    [found] = state.reading.never(state.plan)
    assert found == NeverRead("momentum", 2, 0.25), "half of the stage `shape`, which has half of the trials"
    rest = StagePlan(name="rest", tune=("learning_rate", "momentum", "batch_size", "beta1", "optimizer"), share=0.5)
    plan = state.plan.model_copy(update={"stages": (state.plan.stages[0], rest)})
    assert state.reading.never(plan)[0].share == pytest.approx(0.1)


def test_it_is_told_on_the_terminal_in_status_and_on_the_page(story):
    state = told_by(story, {0: ("momentum",), 2: ("momentum",)})
    text = (
        "momentum is never read: 2 completed trials did without it, and no file of the code names it; about 25% of the "
        "search goes to varying it"
    )
    told = []
    notices = Notices(Controller(state, MemoryJournal(), VirtualClock()), told.append)
    notices.look()
    notices.look()
    assert [line for line in told if "never read" in line] == [text]
    summary = summarise(state, state.last_t)
    assert ("never read", text) in trouble_rows(summary)
    folder = Location.parse("runs/test")
    document = json.loads(json.dumps(status_document(state, folder, None, state.last_t)))
    assert document["summary"]["never_read"] == [{"name": "momentum", "trials": 2, "share": 0.25}]
    advised = steps(Scene(state, state.last_t), status(state, folder, None, state.last_t))
    assert f"{text}. Use it in the code, or leave it out of the next sweep." in [step.text for step in advised]


def test_a_small_share_is_no_zero():
    assert describe(NeverRead("x", 3, 0.004)).endswith("; under 1% of the search goes to varying it")
