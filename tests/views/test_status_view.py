"""Status and winner: what a person reads, at most 100 columns wide, and the same as data."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import pytest
from sweeps import SPACE, make_plan

from orchestrator.state.course import LastImprovement
from orchestrator.state.fold import replay
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome
from orchestrator.views.failures import Failure, failure_lines, shortened
from orchestrator.views.improving import improvement_line
from orchestrator.views.jobs import listed, listed_answer
from orchestrator.views.page.contents import Source, page_of
from orchestrator.views.render import make_console, show
from orchestrator.views.status import status_answer, status_document, winner_answer

GOLDEN = Path(__file__).parent / "golden"
FOLDER = Location.parse("runs/test")
HOLDER = "the sweep is driven by process 17 on host since 2023-11-14 22:13:20 UTC (epoch 1)"


def printed(renderable):
    stream = io.StringIO()
    show(make_console(stream), renderable)
    return stream.getvalue()


def test_status_of_a_running_sweep_is_golden(story):
    state = replay(story)
    text = printed(status_answer(state, FOLDER, HOLDER, state.last_t + 60))
    assert text == (GOLDEN / "status_running.txt").read_text()


def test_status_of_a_dead_sweep_is_golden(story):
    state = replay(story)
    text = printed(status_answer(state, FOLDER, None, state.last_t + 86400))
    assert text == (GOLDEN / "status_dead.txt").read_text()


def test_a_driver_that_writes_nothing_any_more_is_told_of(story):
    state = replay(story)
    assert status_document(state, FOLDER, HOLDER, now=state.last_t + 149)["detail"] == HOLDER
    assert status_document(state, FOLDER, HOLDER, now=state.last_t + 245)["detail"] == (
        f"{HOLDER}; it has written nothing for 4m 05s, and would every 30 s: its storage is away from it, or it is "
        "stopped, or gone"
    )
    assert "written nothing" not in status_document(state, FOLDER, None, now=state.last_t + 245)["detail"]


def finished(story):
    end = story[-1].t
    return replay([*story, ev.AttemptEnded(end, 5, 0, Outcome.RETURNED), ev.DriverStopped(end, "finished")])


def test_the_winner_is_golden(story):
    text = printed(winner_answer(finished(story), Location.parse("runs/my sweep"), "finished"))
    assert text == (GOLDEN / "winner.txt").read_text()


@pytest.mark.parametrize(
    ("reason", "condition", "detail", "first_command"),
    [
        ("finished", "finished", "all trials of the budget are done", "stepladder export runs/test --format args"),
        ("exhausted", "finished", "every configuration of the search space was tried", "stepladder export "),
        ("gpu_hours", "finished", "the cap on GPU-hours is reached", "stepladder export "),
        ("wall", "finished", "the cap on wall time is reached", "stepladder export "),
        ("SIGINT", "stopped", "stopped by Ctrl-C; it can go on", "stepladder resume runs/test"),
        ("SIGTERM", "stopped", "stopped by a signal (SIGTERM); it can go on", "stepladder resume runs/test"),
        ("stop", "stopped", "stopped on request; it can go on", "stepladder resume"),
        ("cancel", "stopped", "cancelled on request; it can go on", "stepladder resume runs/test"),
        (None, "interrupted", "its driver host:17 is gone without a word: killed, or cut off", "stepladder resume "),
    ],
)
def test_every_end_has_its_words_and_its_next_command(story, reason, condition, detail, first_command):
    events = [*story, ev.DriverStopped(story[-1].t, reason)] if reason else story
    found = status_document(replay(events), FOLDER, None, now=2e9)
    assert found["condition"] == condition
    assert found["detail"].startswith(detail)
    assert found["next"][0].startswith(first_command)


def test_what_a_driver_left_beside_its_log_stands_in_every_view_of_a_sweep_that_it_left(story):
    state, left = replay(story), "left at 2026-01-02 03:04:05 UTC because its storage was away since 02:54: full"
    said = f"its driver host:17 {left}; nothing acknowledged is lost"
    found = status_document(state, FOLDER, None, now=2e9, left=left)
    assert (found["condition"], found["detail"]) == ("interrupted", said)
    assert found["next"][0].startswith("stepladder resume runs/test")
    assert said in printed(status_answer(state, FOLDER, None, now=2e9, left=left)).replace("\n", " ")
    row = listed(state, "runs/test", None, 2e9, left)
    assert f"{row.sweep}: {said}" in printed(listed_answer([row], 2e9)).replace("\n", " ")
    page = page_of(Source(state, FOLDER, None, "", 2e9, left=left))
    assert said in page.subtitle


def test_a_holder_drives_a_sweep_that_has_not_stopped(story):
    state = replay(story)
    found = status_document(state, FOLDER, HOLDER, now=state.last_t)
    assert (found["condition"], found["detail"]) == ("running", HOLDER)
    asked = status_document(state, FOLDER, HOLDER, now=state.last_t, requested="stop")
    assert (asked["requested"], asked["detail"]) == ("stop", f"stop requested, 1 trial still running; {HOLDER}")
    planned = status_document(replay(story[:1]), FOLDER, None, now=2e9)
    assert (planned["condition"], planned["detail"]) == ("interrupted", "planned, and no driver has begun it")


def test_the_document_is_json_with_the_numbers(story):
    state = replay(story)
    found = json.loads(json.dumps(status_document(state, FOLDER, None, now=2e9), allow_nan=False))
    summary = found["summary"]
    assert summary["tally"] == {"done": 2, "running": 1, "waiting": 0, "stopped": 1, "failed": 2}
    assert summary["best"] == {"trial": 2, "value": 0.9, "fidelity": 27.0, "state": "completed"}
    assert summary["stage"] == "shape"
    assert summary["improvement"] == pytest.approx(0.1)
    assert found["winner_config"] == {"learning_rate": 0.05, "batch_size": 32, "momentum": 0.9, "optimizer": "sgd"}
    assert found["failures"] == [
        {"error": "reported a value that is not finite", "trials": 1, "first": 3},
        {"error": "ValueError: bad [bold]size[/bold]", "trials": 1, "first": 4},
    ]
    assert found["files"]["trials"] == "runs/test/trials/*.parquet"
    assert summary["spend"]["worker_s"] == pytest.approx(7000)


def test_it_tells_how_long_storage_was_away(story):
    told = [
        ev.StorageWasAway(1.7e9 + at, seconds, problem) for at, seconds, problem in [(0, 60.4, "a"), (99, 3.0, "b")]
    ]
    assert status_document(replay(story), FOLDER, None, now=2e9)["storage_away"] is None
    once = status_document(replay([*story, told[0]]), FOLDER, None, now=2e9)["storage_away"]
    assert once == "was away once, for 1m 00s, until 2023-11-14 22:13:20 UTC: a"
    twice = status_document(replay([*story, *told]), FOLDER, None, now=2e9)["storage_away"]
    assert twice == "was away 2 times, for 1m 03s, until 2023-11-14 22:14:59 UTC: b"


def test_spend_runs_on_while_a_driver_lives(story):
    state = replay(story)
    alive = status_document(state, FOLDER, HOLDER, now=state.last_t + 100)
    assert alive["summary"]["spend"]["worker_s"] == pytest.approx(7100)


def test_the_most_frequent_errors_come_first_and_three_at_most(story):
    numbers = range(6, 16)
    events = list(story)
    for number in numbers:
        proposed = next(event for event in story if isinstance(event, ev.TrialProposed))
        error = f"Traceback\n{'ABCD'[number % 4]}Error: at {number}"
        events += [
            msgspec.structs.replace(proposed, trial=number, config=proposed.config | {"batch_size": number + 16}),
            ev.AttemptStarted(story[-1].t, number, 0),
            ev.AttemptEnded(story[-1].t, number, 0, Outcome.ERROR, error),
        ]
    document = status_document(replay(events), FOLDER, None, now=2e9)
    failures = document["failures"]
    assert [failure["trials"] for failure in failures] == [3, 3, 2]
    assert failures[0] == {"error": "CError: at 6", "trials": 3, "first": 6}
    listed = tuple(Failure(**failure) for failure in failures)
    others = document["summary"]["tally"]["failed"] - 8
    assert failure_lines(listed, 8 + others, "runs/a b")[-1] == (
        f"{others} trials with other errors: stepladder trials 'runs/a b' --state failed"
    )
    assert failure_lines(listed, 8, "runs/a")[-1].startswith("2 trials, first ")


def test_of_a_long_error_a_line_shows_the_beginning_and_the_end():
    line = shortened(f"ValueError: {'x' * 5_000} at the end")
    assert len(line) < 450
    assert line.startswith("ValueError: xxx")
    assert line.endswith("xxx at the end")
    assert shortened("ValueError: short") == "ValueError: short"


def test_nothing_is_wider_than_100_columns_or_coloured():
    long = "a" * 60
    space = {
        f"{long}{number}": SPACE["learning_rate"] | {"default": 0.012345678901234567, "tier": 1 + number % 3}
        for number in range(12)
    }
    text_domain = {"type": "choice", "choices": ["word " * 40, "x" * 150, "[bold]"], "default": "word " * 40, "tier": 2}
    plan = make_plan(name="n" * 64, search_space=space | {"text": text_domain}, searcher={"name": "random"})
    objective = plan.spec.objective.model_copy(update={"metric": "m" * 90})
    plan = plan.model_copy(update={"spec": plan.spec.model_copy(update={"objective": objective})})
    stage = plan.stages[0].name
    config = plan.space.baseline
    events = [
        ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json")),
        ev.DriverStarted(0.0, 1, "h" * 80, "c0de", {}),
        ev.StageEntered(0.0, stage, None, None),
        ev.TrialProposed(1.0, 0, config, stage, "baseline", [], None, 0),
        ev.AttemptStarted(1.0, 0, 0),
        ev.Reported(2.0, 0, 0, 3.0, {"m" * 90: 1 / 3}),
        ev.TrialProposed(1.0, 1, config | {"text": "x" * 150}, stage, "uniform", [], None, 0),
        ev.AttemptStarted(1.0, 1, 0),
        ev.AttemptEnded(1.0, 1, 0, Outcome.ERROR, "e" * 300),
    ]
    state = replay(events)
    folder = Location.parse("/" + "deep/" * 40)
    for answer in (status_answer(state, folder, "who " * 50, 5.0), winner_answer(state, folder, "finished")):
        text = printed(answer)
        told, _, typed = text.partition("\nnext")
        assert max(len(line) for line in told.splitlines()) <= 100
        assert all(line.count("stepladder ") == 1 and str(folder) in line for line in typed.splitlines())  # to paste
        assert "\x1b" not in text
        assert not any(line.endswith(" ") for line in text.splitlines())
        assert "x" * 20 not in text.replace("\n", "") or "e" * 20 in text


def test_a_sweep_without_any_value_says_so(story):
    text = printed(status_answer(replay(story[:3]), FOLDER, None, 2e9))
    assert "winner  none: no trial has reported a finite value yet" in text
    assert "stepladder export" not in text


def test_a_terminal_gets_colours_and_its_own_width(monkeypatch, story):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for columns, width in (("70", 70), ("250", 100)):
        monkeypatch.setenv("COLUMNS", columns)
        stream = Terminal()
        console = make_console(stream)
        assert console.width == width
        show(console, status_answer(replay(story), FOLDER, None, 2e9))
        assert "\x1b[1m" in stream.getvalue()


def test_a_pipe_is_a_hundred_columns_wide_or_as_many_as_it_is_told(monkeypatch, story):
    for columns, width in ((None, 100), ("80", 80), ("250", 100), ("wide", 100)):
        monkeypatch.delenv("COLUMNS", raising=False)
        if columns is not None:
            monkeypatch.setenv("COLUMNS", columns)
        stream = io.StringIO()
        show(make_console(stream), status_answer(replay(story), FOLDER, None, 2e9))
        tables = [line for line in stream.getvalue().splitlines() if "stepladder" not in line]  # commands stay whole
        assert width - 20 < max(map(len, tables)) <= width


def test_it_says_which_trial_was_the_last_to_get_better(story):
    running = replay(story).course.last_improvement
    assert (running.trial, running.stage, running.ended_since, running.full_since) == (2, "rate", 2, 0)
    assert replay(story[:3]).course.last_improvement is None
    newest = LastImprovement(7, "shape", 0, 0)
    assert improvement_line(newest) == "last by trial 7, in shape, the newest to end"
    assert improvement_line(running) == "last by trial 2, in rate; 2 trials ended since, 0 trained to the end"
    assert status_document(replay(story), FOLDER, None, now=2e9)["improved"]["trial"] == 2


def test_a_state_and_a_plan_say_what_they_are_in_a_line(story):
    state = replay(story)
    assert repr(state) == "<SweepState: 6 trials, 0 replicates, 1 open>"
    assert f"{state.plan!r}" == "<Plan of test-0123456789ab: 6 trials in 2 stages>"
