"""Progress: a picture on a terminal, lines elsewhere, never in the driver's way."""

from __future__ import annotations

import io
import time

import msgspec
import pytest
from rich.console import Console
from sweeps import make_plan

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.results.summary import summarise
from orchestrator.state.fold import SweepState, replay
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.awaited import AwaitedPlaces
from orchestrator.sweep.judgement import Judgement
from orchestrator.sweep.trial import Outcome
from orchestrator.views.event_lines import BURST, EventLines
from orchestrator.views.progress import Before, Pace, Progress, overview, pace, picture
from orchestrator.views.render import make_console
from orchestrator.views.status import status_answer
from orchestrator.views.trial import trial_answer


class Terminal(io.StringIO):
    def isatty(self):
        return True


def stepped(progress, events, state=None):
    state = state or SweepState(events[0])
    for event in events[0 if state.trials else 1 :]:
        state.apply(event)
        progress.on_step(state, event.t)
    return state


def lines_of(events, before=()):
    stream = io.StringIO()
    state = replay(before) if before else SweepState(events[0])
    with Progress(state.plan, make_console(stream), lambda: events[0].t) as progress:
        for event in events if before else events[1:]:
            state.apply(event)
            progress.on_step(state, event.t)
    return stream.getvalue().splitlines()


def test_a_line_an_event_where_nobody_watches(story):
    assert lines_of(story) == [
        "[0s] stage rate (1 of 2) opens learning_rate",
        "[0s] trial 0 (the baseline) started: learning_rate 0.01, batch_size 32, momentum 0.9, optimizer sgd",
        "[0s] accepted (at work): trial 0 is at work on node-1",
        "[5m 00s] 0/6 trials: 1 running, 0 done, 0 stopped, best 0.5, 3 epochs",
        "[45m 00s] trial 0 (the baseline) done: score 0.8 at epoch 27 [1/6]",
        "[50m 00s] 1/6 trials: 0 running, 1 done, 0 stopped, 1 waiting, best 0.8, 27 epochs",
        "[50m 00s] trial 1 started (uniform): learning_rate 0.5, batch_size 32, momentum 0.9, optimizer sgd",
        "[55m 00s] trial 1 stopped early: score 0.25 at epoch 3 [2/6]",
        "[1h 40m] 2/6 trials: 0 running, 1 done, 1 stopped, 1 waiting, best 0.8, 30 epochs",
        "[1h 40m] trial 2 started (uniform): learning_rate 0.05, batch_size 32, momentum 0.9, optimizer sgd",
        "[1h 55m] 2/6 trials: 1 running, 1 done, 1 stopped, best 0.8, 39 epochs",
        "[2h 25m] trial 2 done: score 0.9 at epoch 27, the best so far [3/6]",
        "[2h 30m] stage shape (2 of 2) opens momentum, batch_size; trial 2 leads with 0.9",
        "[2h 30m] trial 3 started (uniform): learning_rate 0.01, batch_size 32, momentum 0.99, optimizer sgd",
        "[2h 35m] trial 3 diverged [4/6]",
        "[3h 20m] 4/6 trials, about 1h 40m left: 0 running, 2 done, 1 stopped, 1 failed,"
        " 1 waiting, best 0.9, 60 epochs",
        "[3h 20m] trial 4 started (uniform): learning_rate 0.01, batch_size 256, momentum 0.9, optimizer sgd",
        "[3h 21m] trial 4 failed: ValueError: bad [bold]size[/bold] [5/6]",
        "[4h 10m] 5/6 trials, about 50m 00s left: 0 running, 2 done, 1 stopped, 2 failed,"
        " 1 waiting, best 0.9, 60 epochs",
        "[4h 10m] trial 5 started (uniform): learning_rate 0.01, batch_size 32, momentum 0.6, optimizer sgd",
        "[4h 25m] 5/6 trials, about 53m 00s left: 1 running, 2 done, 1 stopped, 2 failed, best 0.9, 69 epochs",
    ]


def driver(t):
    return ev.DriverStarted(t, 2, "host:18", "c0de", {})


def test_what_an_earlier_driver_did_is_not_told_again(story):
    half = next(i for i, event in enumerate(story) if isinstance(event, ev.TrialProposed) and event.trial == 5)
    told = lines_of([driver(story[half].t), *story[half:]], before=story[:half])
    assert told == [
        "[0s] trial 5 started (uniform): learning_rate 0.01, batch_size 32, momentum 0.6, optimizer sgd",
        "[0s] accepted (at work): trial 5 is at work on node-1",
        "[5m 00s] 5/6 trials: 1 running, 2 done, 1 stopped, 2 failed, best 0.9, 63 epochs",
        "[15m 00s] 5/6 trials: 1 running, 2 done, 1 stopped, 2 failed, best 0.9, 69 epochs",
    ]


def test_what_this_driver_did_before_the_first_step_is_told(story):
    stream = io.StringIO()
    state = replay(story[:6])
    with Progress(state.plan, make_console(stream), lambda: story[0].t) as progress:
        progress.on_step(state, story[5].t)
    assert stream.getvalue().splitlines() == [
        "[0s] stage rate (1 of 2) opens learning_rate",
        "[0s] trial 0 (the baseline) started: learning_rate 0.01, batch_size 32, momentum 0.9, optimizer sgd",
        "[0s] accepted (at work): trial 0 is at work on node-1",
    ]


def test_a_trial_that_is_stopped_says_what_it_was_held_against(story):
    judged = Judgement(True, 3.0, 0.4321, 7)
    told = [
        msgspec.structs.replace(event, judgement=judged)
        if isinstance(event, ev.Reported) and event.trial == 1
        else event
        for event in story
    ]
    assert "[55m 00s] trial 1 stopped early: score 0.25 at epoch 3, worse than 0.4321 among 7 [2/6]" in lines_of(told)


def test_who_is_silent_is_named_by_progress_and_status(story):
    running = next(i for i, event in enumerate(story) if isinstance(event, ev.AttemptPlaced) and event.trial == 5) + 1
    silent = ev.Heartbeat(story[running - 1].t + 1, [(5, 0)], [(5, 724.0)])
    state = replay([*story[:running], silent])
    node = state.trials[5].attempt.node
    said = f"trial 5 on {node} silent for 12m 04s"
    assert said in overview(summarise(state, silent.t), Pace())
    console = Console(width=100)
    with console.capture() as captured:
        console.print(status_answer(state, Location.parse("runs/test"), "host:17", silent.t))
        console.print(trial_answer(state, 5, Location.parse("runs/test")))
    assert said in captured.get()
    assert "silent for 12m 04s" in captured.get().rpartition("attempt 0")[2]
    state.apply(ev.Reported(silent.t + 1, 5, 0, 27.0, {"score": 0.5}))
    assert "silent" not in overview(summarise(state, silent.t + 1), Pace())


def test_a_trial_that_goes_on_says_from_where(story):
    end = story[-1].t
    lost = [driver(end), ev.AttemptEnded(end, 5, 0, Outcome.LOST), ev.AttemptStarted(end, 5, 1, "checkpoints/5/9", 9.0)]
    assert lines_of(lost, before=story)[-1] == "[0s] trial 5 goes on from epoch 9 (attempt 2)"
    anew = [driver(end), ev.AttemptEnded(end, 5, 0, Outcome.LOST), ev.AttemptStarted(end, 5, 1)]
    assert lines_of(anew, before=story)[-1] == "[0s] trial 5 goes on from the start (attempt 2)"
    done = [*lost, ev.Reported(end, 5, 1, 27.0, {"score": 0.95}, None, "full_fidelity")]
    assert lines_of(done, before=story)[-1] == ("[0s] trial 5 done: score 0.95 at epoch 27, the best so far [6/6]")
    worse = [*lost, ev.Reported(end, 5, 1, 27.0, {"score": 0.85}, None, "full_fidelity")]
    assert lines_of(worse, before=story)[-1] == "[0s] trial 5 done: score 0.85 at epoch 27 [6/6]"


def test_a_block_move_shows_what_it_moved_and_from_where(story):
    end = story[-1].t
    config = {"learning_rate": 0.05, "momentum": 0.7, "batch_size": 64, "optimizer": "sgd"}
    proposed = ev.TrialProposed(end, 6, config, "shape", "block-model", ["momentum", "batch_size"], 2, 0)
    assert lines_of([proposed, ev.AttemptStarted(end, 6, 0)], before=story)[-1] == (
        "[0s] trial 6 started (block-model from trial 2): momentum 0.7, batch_size 64"
    )


def test_a_flood_is_held_back_and_counted_but_the_best_is_told():
    plan = make_plan(searcher={"name": "random"}, budget={"trials": 300}, scheduler={"name": "none"})
    cluster = SimulatedCluster(workers=100, seconds=lambda _: 0.01)
    _, journal = simulate_plan(plan, lambda config, fidelity: config["momentum"] * fidelity, cluster)
    state, lines, told = SweepState(journal.events[0]), EventLines(), []
    for event in journal.events[1:]:
        state.apply(event)
        told += lines.lines(state, event.t)
    assert len(told) < 4 * BURST
    assert sum("the best so far" in line for line in told) >= 3
    assert sum(line.startswith("stage ") for line in told) == len(state.stages_entered)
    told = lines.lines(state, journal.events[-1].t + 60)
    assert len(told) == 1
    assert told[0].endswith(" lines about other trials left out")


def test_the_picture_shows_everything_in_100_columns(story):
    state = replay(story)
    console = Console(file=io.StringIO(), record=True, width=100)
    console.print(picture(summarise(state, state.last_t), Pace(3600, 600)))
    lines = console.export_text().splitlines()
    assert lines[0] == "test-0123456789ab: stage 2 of 2, shape (momentum, batch_size)"
    assert lines[1].endswith("5/6 trials")
    assert len(lines[1]) == 100
    assert lines[2] == "1 running, 2 done, 1 stopped, 2 failed"
    assert lines[3] == "best score 0.9 at epoch 27, trial 2; baseline 0.8"
    assert lines[4] == "69 epochs, 0.97 GPU-hours, 1.94 CPU-hours, 1h 00m elapsed, about 10m 00s left"
    nothing = replay(story[:2])
    console.print(picture(summarise(nothing, nothing.last_t), Pace()))
    assert "no score reported yet" in console.export_text()


def test_the_end_is_estimated_from_what_this_driver_ended(story):
    summary = summarise(replay(story), story[-1].t)
    assert pace(summary, Before(), 100.0) == Pace(100.0, 20.0, 180.0, summary.spend.fidelity * 36)
    assert pace(summary, Before(2, summary.spend.fidelity - 3), 90.0) == Pace(90.0, 30.0, 120.0, 120.0)
    assert pace(summary, Before(3), 90.0) == Pace(90.0, None)
    assert "about 20s left" in overview(summary, pace(summary, Before(), 100.0))
    console = Console(width=80)
    with console.capture() as captured:
        console.print(picture(summary, pace(summary, Before(), 100.0)))
    told = " ".join(captured.get().split())
    assert f"180 trials and {summary.spend.fidelity * 36:,.0f} epochs an hour, about 20s left" in told


@pytest.mark.parametrize("width", [40, 80])
def test_no_name_is_cut_in_a_narrow_picture(story, width):
    state = replay(story)
    console = Console(width=width)
    with console.capture() as captured:
        console.print(picture(summarise(state, state.last_t), Pace()))
    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in captured.get()
    assert "shape (momentum, batch_size)" in " ".join(" ".join(lines).split())


def test_on_a_terminal_failures_are_told_as_they_come(story):
    stream = Terminal()
    with Progress(replay(story[:1]).plan, Console(file=stream, width=100, force_terminal=True)) as progress:
        stepped(progress, story)
    assert stream.getvalue().count("trial 4 failed: ValueError: bad [bold]size[/bold] [5/6]") == 1
    assert "trial 2 done" not in stream.getvalue()


def test_a_terminal_is_redrawn_and_left_clean(story, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    with Progress(replay(story[:1]).plan, make_console(stream), lambda: story[0].t) as progress:
        stepped(progress, story)
        deadline = time.monotonic() + 240
        while "best score 0.9 at epoch 27" not in stream.getvalue():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert "trial 1 started" not in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K") or "\x1b[?25h" in stream.getvalue()


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()], ids=["terminal", "file"])
def test_a_step_costs_less_than_a_millisecond(told, stream, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    state = SweepState(told[0])
    costs = []
    with Progress(state.plan, make_console(stream), lambda: told[0].t) as progress:
        for event in told[1:]:
            state.apply(event)
            begun = time.thread_time()
            progress.on_step(state, event.t / 1000)  # a thousand times faster than it was: many steps a picture
            costs.append(time.thread_time() - begun)
    assert sum(costs) / len(costs) < 1e-3


def test_places_that_are_waited_for_are_shown_at_once_and_are_no_trials(story):
    end = story[-1].t
    waits = ev.PlacesAwaited(end, AwaitedPlaces(3, "the cluster is busy: 0 of 8 GPUs are free", starting=1))
    vain = ev.PlacesAwaited(end, AwaitedPlaces(3, "no node can hold a trial", is_hopeless=True))
    over = ev.PlacesAwaited(end, AwaitedPlaces())
    said = "waiting for 3 places: the cluster is busy: 0 of 8 GPUs are free; 1 worker starting"
    in_vain = "waiting for 3 places, in vain as the cluster is now: no node can hold a trial"
    lines = [lines_of([driver(end), *told], before=story)[-1] for told in ([waits], [waits, vain], [waits, vain, over])]
    assert lines == [f"[0s] {said}", f"[0s] {in_vain}", "[0s] the places that were waited for are there"]
    before, state = summarise(replay(story), end), replay([*story, waits])
    assert summarise(state, end).tally == before.tally
    assert overview(summarise(state, end), Pace()).endswith(said)
    console = Console(width=120)
    with console.capture() as captured:
        console.print(picture(summarise(state, end), Pace()))
        console.print(status_answer(state, Location.parse("runs/test"), "host:17", end))
    assert captured.get().count("waiting for 3 places") == 2
    with console.capture() as captured:
        console.print(status_answer(state, Location.parse("runs/test"), None, end))
    assert "waiting for" not in captured.get(), "nobody drives it"
    state.apply(driver(end + 1))
    assert state.awaited == AwaitedPlaces(), "another driver asks anew"
