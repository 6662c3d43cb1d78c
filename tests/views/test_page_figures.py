"""The page's pictures as plain data: golden for a small sweep, and what holds of every sweep."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from sweeps import SPACE, make_plan, smooth

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.state.fold import replay
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.domains import Choice, Float, Int
from orchestrator.sweep.trial import Outcome, TrialState
from orchestrator.views.page import scene as scene_module
from orchestrator.views.page.contents import Source, page_of
from orchestrator.views.page.figures.places import busy_part, stays, timeline
from orchestrator.views.page.figures.progress import improvements, progress
from orchestrator.views.page.hyper_axis import HyperAxis
from orchestrator.views.page.scale import round_ticks, rounded, thinned
from orchestrator.views.page.scene import MOST_DRAWN, Scene
from orchestrator.views.page.tables import trail

GOLDEN = Path(__file__).parent / "golden" / "page_figures.json"


def finished(story):
    end = story[-1].t
    return replay([*story, ev.AttemptEnded(end, 5, 0, Outcome.RETURNED), ev.DriverStopped(end, "finished")])


def page(state, holder=None, **more):
    return page_of(Source(state, Location.parse("runs/test"), holder, "name: test\n", state.last_t + 60), **more)


def drawings(found):
    return {drawing.name: drawing for section in found.sections for drawing in section.drawings}


def simulated(trials=60, cluster=None, **changes):
    plan = make_plan(budget={"trials": trials}, searcher={"name": "random"}, **changes)
    return simulate_plan(plan, smooth, cluster or SimulatedCluster(workers=4, seconds=lambda _: 60.0))[0]


def test_the_figures_of_a_small_sweep_are_golden(story):
    found = {name: rounded(drawing.figure) for name, drawing in drawings(page(finished(story))).items()}
    written = json.loads(json.dumps(found))
    assert written == json.loads(GOLDEN.read_text()), "where it is meant: write `written` there, and look at the page"


def test_the_winners_trail_compares_no_full_training_with_one_that_was_stopped(story):
    """Trial 2 was changed from trial 1, which was stopped at a rung: no gain, and its value says where it was."""
    events = [
        msgspec.structs.replace(event, parent=1) if isinstance(event, ev.TrialProposed) and event.trial == 2 else event
        for event in story
    ]
    rows = trail(Scene(replay(events), story[-1].t)).rows
    assert [(row[0], *row[4:]) for row in rows] == [("1", "0.25 at epoch 3", "-"), ("2", "0.9", "-")]


def test_the_winners_trail_begins_where_it_was_drawn_from_nothing(story):
    """A draw from the prior learned from no trial: that one lies near it says nothing of how it came about."""

    def drawn(move, learned_from):
        changes = {"move": move, "parent": None, "learned_from": learned_from, "nearest": 1}
        return [
            msgspec.structs.replace(e, **changes) if isinstance(e, ev.TrialProposed) and e.trial == 2 else e
            for e in story
        ]

    (row,) = trail(Scene(replay(drawn("prior", 0)), story[-1].t)).rows
    assert row[:4] == ("2", "rate", "prior", "-")
    first, last = trail(Scene(replay(drawn("model", 2)), story[-1].t)).rows
    assert (first[0], last[2]) == ("1", "model, from 2 trials; nearest to trial 1")


def test_every_picture_has_a_sentence_and_a_table_and_a_name_of_its_own(told):
    state = replay(told)
    names = [drawing.name for section in page(state).sections for drawing in section.drawings]
    assert len(names) == len(set(names))
    assert {"progress", "curves", "funnel", "timeline", "hours", "time", "h-0"} <= set(names)
    for drawing in drawings(page(state)).values():
        assert drawing.sentence.endswith(".")
        assert drawing.grid.rows
        assert all(len(row) == len(drawing.grid.heads) for row in drawing.grid.rows)
        json.dumps(drawing.figure, allow_nan=False)


def test_only_full_trainings_stand_on_the_axis_of_values(told):
    scene = Scene(replay(told), 0.0)
    bottom, top = scene.values.ends
    for trial in scene.state.trials:
        height = scene.height(trial)
        if trial.state is TrialState.COMPLETED:
            assert scene.values.low <= height <= scene.values.high
        elif height is not None:
            assert bottom <= height < scene.values.low
            assert trial.state in {TrialState.PRUNED, TrialState.DIVERGED, TrialState.FAILED}
    assert top > bottom


def test_better_is_up_also_where_the_objective_falls():
    plan = make_plan(objective={"metric": "loss", "goal": "minimize"}, searcher={"name": "random"})
    state, _ = simulate_plan(plan, lambda config, at: 2 - smooth(config, at), SimulatedCluster(workers=2))
    scene = Scene(state, state.last_t)
    bottom, top = scene.values.ends
    assert bottom > scene.winner.value > top, "plotly.js turns an axis around whose range falls"
    values = [trial.value for trial in improvements(scene)]
    assert values == sorted(values, reverse=True)
    drawn = progress(scene).figure
    assert drawn["layout"]["yaxis"]["title"]["text"] == "loss (better is up)"


def test_the_best_line_never_falls_and_ends_at_all_that_was_spent():
    scene = Scene(simulated(), 0.0)
    line = next(trace for trace in progress(scene).figure["data"] if trace.get("name") == "best so far")
    assert line["y"] == sorted(line["y"])
    assert line["x"][-1] == pytest.approx(scene.spent) == pytest.approx(scene.state.spend.cpu_hours)


def test_a_large_sweep_is_sampled_and_says_so(told):
    state = replay(told)
    few = len(state.trials)
    for number in range(few, 3 * MOST_DRAWN):
        twin = state.trials[number % few]
        state.trials.append(msgspec.structs.replace(twin, number=number))
    scene = Scene(state, state.last_t)
    shown = {trial.number for trial in scene.drawn}
    assert len(shown) == MOST_DRAWN
    assert {0, scene.winner.number} <= shown
    assert {trial.number for trial in scene.ranked[: MOST_DRAWN // 3]} <= shown
    remark = page(state).remarks[0]
    assert remark.startswith("1,000 of 3,000 trials are drawn: the best 333, baseline and winner, and a sample")


def test_many_hyperparameters_share_what_a_browser_can_draw(monkeypatch):
    monkeypatch.setattr(scene_module, "MOST_IN_ALL", 60)
    monkeypatch.setattr(scene_module, "LEAST_DRAWN", 8)
    state = simulated(trials=40)
    scene = Scene(state, state.last_t)
    each = max(8, 60 // len(scene.space))
    assert len(scene.drawn_each) == each < len(scene.drawn) == len(state.trials)
    assert {0, scene.winner.number} <= {trial.number for trial in scene.drawn_each}
    assert page(state).remarks[0].startswith(f"The picture of one hyperparameter draws {each} trials: the best third")


def test_a_sweep_without_an_ended_trial_has_a_page(story):
    state = replay(story[:7])
    found = page(state, "somebody drives it")
    assert [tile.value for tile in found.tiles][:2] == ["0.5", "0.5"]
    assert "running: somebody drives it" in found.subtitle
    assert "progress" not in drawings(found)
    assert page(replay(story[:2])).tiles[0].value == "none yet"


def test_two_trials_on_one_gpu_have_a_line_each(story):
    placed = [msgspec.structs.replace(e, t=e.t) for e in story]
    state = replay([e for e in placed if not isinstance(e, ev.AttemptEnded)])
    lanes = {stay.lane for stay in stays(Scene(state, state.last_t))}
    assert lanes == {"node-1, GPU 0", *(f"node-1, GPU 0, place {n}" for n in range(2, 7))}
    for lane in lanes:
        own = sorted((s.begin_t, s.end_t) for s in stays(Scene(state, state.last_t)) if s.lane == lane)
        assert all(before[1] <= after[0] for before, after in pairwise(own))


def test_many_places_are_shown_by_node():
    state = simulated(100, SimulatedCluster(workers=60, seconds=lambda _: 60.0))
    found = stays(Scene(state, state.last_t))
    drawing = timeline(found)
    (trace,) = drawing.figure["data"]
    assert trace["type"] == "heatmap"
    assert all(0 <= part <= 1 + 1e-9 for row in trace["z"] for part in row)
    assert 0 < busy_part(found) <= 1
    assert f"{len(found)} attempts on" in drawing.sentence


def test_strangers_see_no_host_no_path_and_no_command(story):
    state = finished(story)
    text = repr(page(state, is_shared=True))
    for secret in ("node-1", "host:17", "runs/test", "stepladder ", "bad [bold]size"):
        assert secret not in text
    assert "node 1, GPU 0" in text
    assert "ValueError" in text


RATE = {"low": 1e-6, "high": 1e-2, "scale": "log", "default": 1e-3}


@pytest.mark.parametrize(
    ("domain", "values", "expected"),
    [
        (Float(low=0, high=2, default=1), [0, 1, 2], [0, 1, 2]),
        (Float(**RATE), [1e-6, 1e-4, 1e-2], [-6, -4, -2]),
        (Float(**RATE, also=(0.0,)), [0.0, 1e-6], [-6.48, -6]),
        (Float(**RATE, also=(1.0,)), [1.0, 1e-2], [-1.52, -2]),
        (Int(low=1, high=100, scale="log", default=10), [1, 10, 100], [0, 1, 2]),
        (Choice(choices=("b", None, [1, 2]), default="b"), ["b", None, [1, 2]], [0, 1, 2]),
        (Choice(choices=(64, 16, 32), default=16), [16, 32, 64], [0, 1, 2]),
    ],
)
def test_where_values_lie(domain, values, expected):
    axis = HyperAxis(domain)
    assert [axis.position(value) for value in values] == pytest.approx(expected)
    assert all(0 <= axis.part(value) <= 1 for value in values)
    assert axis.ends[0] < min(expected)
    assert axis.ends[1] > max(expected)
    assert len(axis.layout()["tickvals"]) == len(axis.layout()["ticktext"]) > 1


def test_a_value_that_no_axis_has_is_left_out():
    assert HyperAxis(Choice(choices=("a", "b"), default="a")).position("c") is None
    assert HyperAxis(Float(low=0, high=1, default=0)).position("much") is None


def test_ticks_are_round_and_few():
    assert round_ticks(0.731, 0.792) == [0.74, 0.76, 0.78]
    assert round_ticks(-5, 5) == [-4, -2, 0, 2, 4]
    assert round_ticks(3, 3) == [3]
    assert thinned([1, 2, 3, 4, 5], 3) == [1, 3, 5]
    assert rounded({"x": [1.23456789, math.nan, math.inf, 3]}) == {"x": [1.2346, None, None, 3]}


def test_conditional_hyperparameters_are_drawn_where_they_are_active():
    state = simulated()
    found = drawings(page(state))
    number = list(Scene(state, 0.0).space).index("beta1")
    assert "trials have it" in found[f"h-{number}"].sentence
    assert [drawing.title for name, drawing in found.items() if name.startswith("h-")] == [
        name for name, _ in sorted(SPACE.items(), key=lambda entry: (entry[1]["tier"], entry[0]))
    ]


@pytest.mark.thorough
def test_what_mattered_is_drawn_with_whiskers_once_there_are_enough_trials(told):
    found = drawings(page(replay(told)))
    assert {"influence", "pair", "together"} <= set(found)
    bars = found["influence"].figure["data"][0]
    assert len(bars["x"]) == len(bars["error_x"]["array"]) == len(bars["error_x"]["arrayminus"])
    assert all(part >= 0 for part in bars["error_x"]["array"])
    figure = found["together"].figure
    row = figure["layout"]["yaxis"]["ticktext"].index("beta1")
    crossings = [(x, y) for trace in figure["data"] for x, y in zip(trace["x"], trace["y"], strict=True)]
    assert any(x < -0.05 for x, y in crossings if y == row), "beta1 is not there in trials of sgd"
    assert all(x is None or x >= 0 for x, y in crossings if y != row), "the others all trials have"
    written = {(note["y"], note["text"]) for note in figure["layout"]["annotations"]}
    optimizer = figure["layout"]["yaxis"]["ticktext"].index("optimizer")
    assert {(optimizer, "sgd"), (optimizer, "adam")} <= written


def test_all_together_says_what_the_best_share():
    def narrow(config, fidelity):
        return smooth(config, fidelity) if config["optimizer"] == "sgd" else 0.0

    plan = make_plan(budget={"trials": 120}, searcher={"name": "random"}, scheduler="none")
    state = simulate_plan(plan, narrow, SimulatedCluster(workers=4))[0]
    told = drawings(page(state))["together"].sentence
    assert told.startswith("Of the best 20, four in five have ")
    assert "optimizer sgd" in told
    assert "learning_rate 0.0" in told


def test_of_few_trials_no_importance_is_drawn(story):
    assert "influence" not in drawings(page(finished(story)))
