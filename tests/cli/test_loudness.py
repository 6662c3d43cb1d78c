"""How much a command says beside its answer: -v, -q and --log-file, with every verb, before or behind it."""

from __future__ import annotations

import io
import logging
import subprocess
import sys

import pytest
from processes import ENVIRONMENT, stepladder

from orchestrator.cli.loudness import lifted


@pytest.fixture
def folder(sweep, story, tmp_path):
    sweep.write(story)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "front", "rest"),
    [
        ("status -q", ["-q"], ["status"]),
        ("-v run a.yaml --json", ["-v"], ["run", "a.yaml", "--json"]),
        ("run --log-file x.log seed=1", ["--log-file", "x.log"], ["run", "seed=1"]),
        ("run --log-file=x.log", ["--log-file=x.log"], ["run"]),
        ("run -- -v", [], ["run", "--", "-v"]),
        ("logs -f", [], ["logs", "-f"]),
        ("run --log-file", ["--log-file"], ["run"]),
    ],
)
def test_they_may_stand_anywhere(typed, front, rest):
    assert lifted(typed.split()) == (front, rest)


@pytest.mark.thorough
def test_quiet_leaves_the_answer_and_what_went_wrong(folder):
    loud = stepladder("trials", "runs/test", cwd=folder)
    for words in (("trials", "runs/test", "-q"), ("--quiet", "trials", "runs/test")):
        quiet = stepladder(*words, cwd=folder)
        assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, loud.stdout, "")
    assert loud.stderr.startswith("next: stepladder show ")
    wrong = stepladder("status", "runs/other", "-q", cwd=folder)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: runs/other: there is no such file")


@pytest.mark.thorough
def test_verbose_shows_where_an_error_comes_from(folder):
    assert "Traceback" not in stepladder("status", "runs/other", cwd=folder).stderr
    told = stepladder("status", "runs/other", "-v", cwd=folder).stderr
    assert told.startswith("Traceback (most recent call last):\n")
    assert "\nerror: runs/other: there is no such file" in told


@pytest.mark.thorough
def test_a_file_keeps_what_is_said(folder):
    stepladder("trials", "runs/test", "--log-file", "said.log", cwd=folder)
    variable = {"env": ENVIRONMENT | {"STEPLADDER_LOG_FILE": "said.log"}}
    subprocess.run(
        [sys.executable, "-m", "orchestrator", "trials", "runs/test", "-q"],
        cwd=folder, capture_output=True, check=True, **variable,
    )  # fmt: skip
    lines = (folder / "said.log").read_text().splitlines()
    assert [line.partition(" INFO ")[2].partition(" show ")[0] for line in lines] == ["next: stepladder"] * 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-v", "-q"), "error: --verbose says more and --quiet less; leave one of them out\n"),
        (("--log-file", "no/such/folder"), "error: --log-file no/such/folder: No such file or directory; name a file"),
    ],
)
def test_what_cannot_be_is_said(folder, options, said):
    ran = stepladder("status", "runs/test", *options, cwd=folder)
    assert ran.returncode == 2
    assert ran.stderr.startswith(said)


def test_the_names_of_the_loggers_are_those_of_the_progress():
    from orchestrator.cli import loudness
    from orchestrator.views import progress

    assert (loudness.EVENTS, loudness.PROGRESS) == (progress.EVENTS, progress.PROGRESS)


def test_every_event_reaches_the_logger_and_quiet_shows_none_of_them(told, caplog):
    from orchestrator.state.fold import SweepState
    from orchestrator.views.progress import EVENTS, Progress
    from orchestrator.views.render import make_console

    stream = io.StringIO()
    state = SweepState(told[0])
    with (
        caplog.at_level(logging.INFO, EVENTS),
        Progress(state.plan, make_console(stream), lambda: 0.0, is_quiet=True) as seen,
    ):
        for event in told[1:]:
            state.apply(event)
            seen.on_step(state, event.clock_s)
    assert stream.getvalue() == ""
    assert sum(" started (" in message for message in caplog.messages) >= 10
