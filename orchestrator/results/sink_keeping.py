"""Keeps the sinks of a sweep that runs: each in a process of its own, which follows the log as any reader does.

What another tool's library or server does may take seconds, which a driver does not have: every report waits for its
answer. So nothing of a sink runs here. One that fails, is killed or hangs is told in a line, once, and is no exit code.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.errors import StorageError
from orchestrator.members import outside
from orchestrator.sweep import event as ev

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location
    from orchestrator.sweep.spec import Member

PATIENCE_S = 60.0
"""For how long the end of a run waits for a sink to take in the rest."""
IN_HASTE = frozenset({"SIGTERM", "SIGHUP", "cluster"})
"""Reasons of a driver that will be killed if it lingers: its sinks go on by themselves, and are not waited for."""


class SinkKeeper:
    """An observer of `orchestrator.results.follower`."""

    def __init__(self, folder: Location, member: Member, beside: Sequence[str] = ()) -> None:
        """Keep one sink of the sweep in this folder, whose modules may lie in the folders `beside`."""
        self.name = f"the sink {member.name}"
        self._folder = folder
        self._asked = {"sink": member.model_dump(mode="json"), "beside": list(beside)}
        self._process: subprocess.Popen[str] | None = None
        self._problem: str | None = None
        self._told: str | None = None
        self._is_hasty = False

    def take(self, event: ev.Event, state: SweepState) -> None:  # noqa: ARG002 - an observer's hook
        """Take one record in."""
        if isinstance(event, ev.DriverStopped):
            self._is_hasty = event.reason in IN_HASTE

    def flush(self) -> None:
        """Begin the process where it has not begun. Raises StorageError, once, with what it said went wrong."""
        if self._process is None:
            self._begin()
        if self._process is not None and self._process.poll() is not None and self._problem is None:
            self._problem = f"its process ended by itself, with exit code {self._process.returncode}"
        if self._problem is not None and self._problem != self._told:  # it tries again by itself: `close` finds out
            self._told = self._problem
            raise StorageError(self._problem)

    def close(self) -> None:
        """Let it take in the rest, for a minute at most. Raises StorageError where it could not."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if self._is_hasty:
            return
        try:
            process.wait(PATIENCE_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt) as error:
            process.kill()
            process.wait()
            raise StorageError(
                f"it did not take in the rest of the log within {PATIENCE_S:g} s; `stepladder export` does"
            ) from error
        self._listener.join(1.0)
        if process.returncode:
            raise StorageError(self._problem or f"its process ended with exit code {process.returncode}")

    def _begin(self) -> None:
        command = [sys.executable, "-P", "-m", "orchestrator.results.sinks", str(self._folder.absolute())]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of ours
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                start_new_session=True,
            )  # fmt: skip
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(self._asked) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise StorageError(f"its process could not be begun: {error}") from error
        self._listener = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
        self._listener.start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._problem = line.strip()


def sink_keepers(folder: Location, sinks: Sequence[Member]) -> list[SinkKeeper]:
    """Return what keeps the sinks of a sweep file, beside the driver of the sweep in `folder`."""
    return [SinkKeeper(folder, member, outside.folders()) for member in sinks]
