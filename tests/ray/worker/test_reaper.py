"""A program and its descendants, ended whatever becomes of whoever asked. Real processes, found by a mark in their
environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import marked

from orchestrator.ray.worker import reaper

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True)); time.sleep(600)"
FAMILY = "sleep 600 & setsid sleep 600 & (sleep 600 &) ; echo started; wait"


@pytest.fixture
def started(tmp_path):
    """Start a program under a reaper; returns the pipe that controls it and the one that answers."""
    pipes = []

    def start(*arguments, grace_s=0.5):
        control, mine = os.pipe()
        answers, theirs = os.pipe()
        pipes.extend([mine, answers])
        with (tmp_path / "out").open("wb") as out:
            subprocess.run(
                [sys.executable, "-I", "-S", reaper.__file__, str(control), str(theirs), str(grace_s), *arguments],
                env=os.environ | {"MARK": str(tmp_path)}, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                pass_fds=(control, theirs), check=True,
            )  # fmt: skip
        os.close(control)
        os.close(theirs)
        return mine, answers

    yield start
    for pipe in pipes:
        try:
            os.close(pipe)
        except OSError:
            continue  # closed by the test


def status(answers):
    said = b""
    while piece := os.read(answers, 100):
        said += piece
    group, _, code = said.partition(b"\n")
    assert int(group) > 0
    return os.waitstatus_to_exitcode(int(code))


def wait_for(condition):
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_exit_code_is_passed_on(started, tmp_path):
    _, answers = started("sh", "-c", "echo said; exit 3")
    assert status(answers) == 3
    assert (tmp_path / "out").read_text() == "said\n"


def test_what_a_program_leaves_running_is_ended_with_it(started, tmp_path):
    _, answers = started("sh", "-c", "setsid sleep 600 & exit 0")
    assert status(answers) == 0
    assert marked(f"MARK={tmp_path}") == []


def test_a_stop_reaches_every_descendant(started, tmp_path):
    control, answers = started("sh", "-c", FAMILY)
    wait_for(lambda: len(marked(f"MARK={tmp_path}")) >= 5)
    os.write(control, b".")
    assert status(answers) == -signal.SIGTERM
    assert marked(f"MARK={tmp_path}") == []


def test_who_does_not_hear_a_stop_is_killed_after_the_grace(started, tmp_path):
    control, answers = started(sys.executable, "-c", f"print('up', flush=True); {STUBBORN}")
    wait_for(lambda: "up" in (tmp_path / "out").read_text())
    time.sleep(0.3)
    os.write(control, b".")
    assert status(answers) == -signal.SIGKILL
    assert (tmp_path / "out").read_text().count("asked") == 1


def test_all_are_killed_when_whoever_asked_is_gone(started, tmp_path):
    control, answers = started("sh", "-c", FAMILY, grace_s=600)
    wait_for(lambda: len(marked(f"MARK={tmp_path}")) >= 5)
    os.close(control)
    assert status(answers) == -signal.SIGKILL
    assert marked(f"MARK={tmp_path}") == []


def test_a_program_that_is_not_there_is_told_as_a_shell_does(started, tmp_path):
    _, answers = started("no-such-program")
    assert status(answers) == 127
    assert (tmp_path / "out").read_text() == "no-such-program: No such file or directory\n"


def test_it_does_not_stand_among_its_parents_children(started, tmp_path):
    control, answers = started("sleep", "600")
    group = int(os.read(answers, 100))
    assert Path(f"/proc/{group}/stat").read_text().rpartition(")")[2].split()[1] != str(os.getpid())
    assert os.getsid(group) == group
    os.write(control, b".")
    os.read(answers, 100)
