"""Signals that ask a driver to leave: answered once in our way, also from a terminal that is gone, and put back."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import ENVIRONMENT

from orchestrator import exitcodes
from orchestrator.ray.host.signals import current_handlers, restore, signals_to

LEAVING = """
import os, signal, sys, time
from pathlib import Path
from orchestrator.ray.host.signals import current_handlers, restore, signals_to

before, said = current_handlers(), []
with signals_to(said.append):
    Path("ready").write_text(sys.argv[1])
    if sys.argv[1] == "nohup":
        os.kill(os.getpid(), signal.SIGHUP)
    while sys.argv[1] == "closed" and not said:
        time.sleep(0.05)
print("a line for the terminal", flush=True)
print("another", file=sys.stderr, flush=True)
restore(before)
Path("said").write_text(f"{said} {signal.getsignal(signal.SIGHUP) == before[signal.SIGHUP]}")
"""


@pytest.fixture
def handlers():
    before = current_handlers()
    yield
    restore(before)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_answered_and_the_second_does_what_it_would(sent: signal.Signals):
    said: list[str] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # the tests may run under nohup
    with signals_to(said.append):
        signal.raise_signal(sent)
    assert said == [sent.name]
    assert current_handlers() == {
        signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL
    }  # fmt: skip
    assert exitcodes.OF_LEAVING[sent.name] in exitcodes.WORK_LEFT


@pytest.mark.usefixtures("handlers")
def test_a_job_in_the_background_is_ended_by_the_signal_that_its_shell_has_it_ignore():
    said: list[str] = []
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals_to(said.append):
        signal.raise_signal(signal.SIGINT)
    assert said == ["SIGINT"]


def test_what_nohup_ignores_stays_ignored(tmp_path: Path):
    command = [sys.executable, "-c", LEAVING, "nohup"]
    done = subprocess.run(
        ["nohup", *command], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, (tmp_path / "said").read_text()) == (0, "[] True"), done.stderr
    assert done.stdout.endswith("a line for the terminal\n")


def test_a_terminal_that_is_closed_is_a_signal_and_no_place_to_print(tmp_path: Path):
    ours, theirs = pty.openpty()
    driver = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n" + LEAVING, "closed"],
        cwd=tmp_path, env=ENVIRONMENT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    while not (tmp_path / "ready").exists():
        assert driver.poll() is None, os.read(ours, 4096).decode()
    os.close(ours)
    assert driver.wait(timeout=240) == 0
    assert (tmp_path / "said").read_text() == "['SIGHUP'] True"
