"""What a notebook shows of a sweep: what is planned, how it stands, its tables as frames, its page."""

from __future__ import annotations

from pathlib import Path

import pytest
from sweeps import make_plan

from orchestrator import Float, Sweep, SweepNotFoundError
from orchestrator.cli.verbs import PANELS
from orchestrator.driver import Ending
from orchestrator.state.fold import replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome
from orchestrator.views.notebook_sweep import SweepViews, plan_html, state_html
from orchestrator.views.python_words import VERBS, in_python


class Seen(SweepViews):
    """A sweep that lies where a test wrote it."""

    def __init__(self, sweep, plan):
        self._sweep, self._plan = sweep, plan

    @property
    def sweep_folder(self):
        return self._sweep.location

    def plan(self):
        return self._plan


@pytest.fixture
def seen(sweep, story):
    end = story[-1].t
    sweep.write([*story, ev.AttemptEnded(end, 5, 0, Outcome.RETURNED), ev.DriverStopped(end, "finished")])
    return Seen(sweep, make_plan(budget={"trials": 6}))


def test_before_it_has_begun_a_cell_shows_the_plan(tmp_path: Path):
    sweep = Sweep(
        name="first", trainable="train.py:train", objective={"metric": "score", "goal": "maximize"},
        fidelity={"max": 9}, search_space={"rate": Float(low=0.1, high=1.0, default=0.5)},
        budget={"trials": 8}, folder=tmp_path,
    )  # fmt: skip
    shown = sweep._repr_html_()
    assert "not begun: 8 trials" in shown
    assert "<td>tier-1</td><td>rate</td>" in shown


def test_later_it_shows_how_it_stands(seen):
    shown = seen._repr_html_()
    for part in ("<td>winner</td><td>0.9</td><td>trial 2</td>", "<td>learning_rate</td><td>0.01</td><td>0.05</td>"):
        assert part in shown
    assert '<svg width="420"' in shown
    assert "best score so far against GPU-hours" in shown
    assert "stepladder" not in shown, "no command of a shell in a notebook"


def test_an_ending_is_shown_with_its_problems_and_nothing_hostile(story):
    state = replay(story)
    shown = Ending("finished", state, ["<script>alert(1)</script>"])._repr_html_()
    assert "finished<br>&lt;script&gt;alert(1)" in shown
    assert "<script" not in shown
    assert state_html(state, state.last_t) in shown


def test_tables_are_frames(seen):
    trials, reports, attempts = seen.trials(), seen.reports(), seen.attempts()
    assert trials["trial"].tolist() == list(range(6))
    assert trials.set_index("trial").loc[2, "state"] == "completed"
    assert len(reports) == 9
    assert attempts["node"].unique().tolist() == ["node-1"]


def test_its_page_is_written_into_its_folder(seen):
    place = seen.report()
    assert place == str(seen.sweep_folder / "report.html")
    assert "<title>test · stepladder</title>" in Path(place).read_text()


def test_a_sweep_that_has_not_begun_has_no_tables_and_no_page(tmp_path, make_sweep):
    nothing = Seen(make_sweep(tmp_path), make_plan())
    for ask in (nothing.trials, nothing.reports, nothing.attempts, nothing.report):
        with pytest.raises(SweepNotFoundError, match="there is no sweep"):
            ask()
    assert "not begun" in plan_html(nothing.plan())


def test_a_plan_and_a_state_are_shown_as_well(story):
    state, plan = replay(story), make_plan(budget={"trials": 6})
    assert state._repr_html_() == state_html(state, state.last_t)
    assert plan._repr_html_() == plan_html(plan)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("go on with `stepladder resume /a b/runs/x`, or", "go on with `sweep.resume()`, or"),
        ("end it first: stepladder cancel '/a b/x'", "end it first: !stepladder cancel '/a b/x'"),
        ("`stepladder resume /x --retry-failed`", "`sweep.resume(retry_failed=True)`"),
        ("`stepladder resume /x --trials +4`", "`!stepladder resume /x --trials +4`"),
        ("`stepladder status /x` says where", "`sweep.state()` says where"),
        ("stepladder test /x --again; that", "sweep.test(again=True); that"),
        ("the code of stepladder itself", "the code of stepladder itself"),
    ],
)
def test_a_message_says_what_to_call_where_it_says_what_to_type(told, expected):
    assert in_python(told) == expected


def test_every_verb_is_known_to_it():
    assert {verb for verbs in PANELS.values() for verb in verbs} == VERBS
