"""`stepladder logs`: what trials printed, of a sweep that lies here, by trial, as it comes."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest
from sweeps import make_plan
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.control.session import create
from orchestrator.errors import UsageError
from orchestrator.storage.location import Location


@pytest.fixture
def session(tmp_path: Path):
    """A sweep with one trial, whose driver lives."""
    session = create(Location.parse(tmp_path / "runs" / "test"), make_plan(search="random", searcher="random"), b"")
    session.controller.next_step()
    yield session
    session.close("stop")


def prints(session, text: str, trial: int = 0, attempt: int = 0, name: str = "stdout.txt") -> None:
    place = session.folder.path / "logs" / str(trial) / str(attempt) / name
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a") as file:
        file.write(text)


def logs(session, *options: str) -> str:
    return CliRunner().invoke(app, ["logs", str(session.folder), *options], catch_exceptions=False).stdout


def test_all_trials_or_one_of_them(session):
    prints(session, "epoch 1\n")
    prints(session, "warning\n", name="stderr.txt")
    prints(session, "again\n", attempt=1)
    of_0 = (
        "==> trial 0, attempt 0: stderr.txt <==\nwarning\n\n==> trial 0, attempt 0: stdout.txt <==\nepoch 1\n"
        "\n==> trial 0, attempt 1: stdout.txt <==\nagain\n"
    )
    assert logs(session) == logs(session, "--trial", "0") == of_0
    prints(session, "other\n", trial=11)
    assert logs(session) == of_0 + "\n==> trial 11, attempt 0: stdout.txt <==\nother\n"


def test_what_cannot_be_shown_is_said(session):
    with pytest.raises(UsageError, match=r"^no trial has printed anything; see `stepladder status \S+/runs/test`$"):
        logs(session)
    with pytest.raises(UsageError, match=r"^trial 0 has printed nothing; see `stepladder show \S+ 0`$"):
        logs(session, "--trial", "0")
    said = re.escape(f"{session.folder} has no trial 7 yet; it has 1 trial, 0 first")
    with pytest.raises(UsageError, match=f"^{said}$"):
        logs(session, "--trial", "7")


def test_it_is_followed_until_the_driver_ends(session):
    prints(session, "epoch 1\n")

    def go_on() -> None:
        time.sleep(0.7)
        prints(session, "epoch 2\n")
        time.sleep(0.7)
        prints(session, "epoch 3\n")
        session.close("stop")

    driver = threading.Thread(target=go_on)
    driver.start()
    assert logs(session, "--trial", "0", "-f") == "==> trial 0, attempt 0: stdout.txt <==\nepoch 1\nepoch 2\nepoch 3\n"
    driver.join()


def test_what_drivers_said_is_kept_with_the_sweep(session):
    with pytest.raises(UsageError, match="holds nothing that a driver said: each was watched on a terminal"):
        logs(session, "--driver")
    place = session.folder.path / "logs" / "driver"
    place.mkdir(parents=True)
    (place / "000001.txt").write_text("[1s] trial 0 started\n(raylet) [state-dump] x\n")
    assert logs(session, "--driver") == "==> driver 1 <==\n[1s] trial 0 started\n"
    with pytest.raises(UsageError, match="leave out --trial and --follow"):
        logs(session, "--driver", "-f")
    prints(session, "epoch 1\n")
    assert "driver" not in logs(session), "they are no trial's"
