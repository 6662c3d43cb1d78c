"""`stepladder status --watch`: drawn anew on a terminal until the driver ends, and refused where there is none."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from processes import ENVIRONMENT, stepladder, wait_until
from sweeps import make_plan

from orchestrator.control.session import create
from orchestrator.storage.location import Location


@pytest.mark.thorough
def test_it_follows_a_sweep_to_the_end_of_its_driver(tmp_path: Path):
    session = create(Location.parse(tmp_path / "runs" / "test"), make_plan(search="random", searcher="random"), b"")
    session.controller.next_step()
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "orchestrator", "status", str(session.folder), "--watch"]
    with subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=ENVIRONMENT) as watching:
        os.close(follower)
        seen = bytearray()

        def read() -> None:
            with contextlib.suppress(OSError):
                while piece := os.read(leader, 4096):
                    seen.extend(piece)

        reader = threading.Thread(target=read)
        reader.start()
        wait_until(lambda: b": running" in seen, watching, 60)
        session.close("stop")
        assert watching.wait(240) == 0
        reader.join(240)
    os.close(leader)
    shown_last = seen.decode().rpartition("\x1b[?1049l")[2]  # after the screen it was drawn on was left
    assert ": stopped" in shown_last
    assert "stopped on request; it can go on" in shown_last


def test_without_a_terminal_it_is_refused(tmp_path: Path):
    ran = stepladder("status", "--watch", cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr == "error: --watch draws on a terminal; without one, ask again: stepladder status --json\n"
