"""A program that leaves nothing behind: `orchestrator.ray.worker.reaper` stands between it and this process."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from orchestrator.ray.worker import reaper
from orchestrator.ray.worker.failure import LOST, AttemptFailed

GRACE_S = 10.0
"""What a stopped program gets between SIGTERM and SIGKILL, at most."""


class Program:
    """A program under a reaper. Made running; `end` leaves nothing of it behind."""

    def __init__(
        self, arguments: list[str], folder: Path, environment: Mapping[str, str], logs: Path, grace_s: float
    ) -> None:
        control, self._control = os.pipe()
        self._answers, answers = os.pipe()
        self._grace_s = grace_s
        self._heard = b""
        supervisor = [sys.executable, "-I", "-S", reaper.__file__, str(control), str(answers), f"{grace_s:g}"]
        with (logs / "stdout.txt").open("ab") as out, (logs / "stderr.txt").open("ab") as err:
            done = subprocess.Popen(  # noqa: S603 - the user's own command, without a shell
                [*supervisor, *arguments],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                pass_fds=(control, answers),
            )
        os.close(control)
        os.close(answers)
        done.wait()  # it has detached itself

    @property
    def leader(self) -> int | None:
        """The process that watches over the program, from which all of it comes; None before it said its number."""
        said = self._heard.split(b"\n")
        return int(said[0]) if len(said) > 1 else None

    def status(self, patience_s: float) -> int | None:
        """Return the exit code, or minus the signal's number, once nothing of the program is left; None before.

        Raises AttemptFailed where its supervisor was killed; the program is then killed too.
        """
        while select.select([self._answers], [], [], patience_s)[0]:
            heard = os.read(self._answers, 256)
            self._heard += heard
            said = self._heard.split(b"\n")
            if len(said) > 2:
                return os.waitstatus_to_exitcode(int(said[1]))
            if not heard:
                with contextlib.suppress(ValueError, ProcessLookupError):
                    os.killpg(int(said[0]), signal.SIGKILL)
                raise AttemptFailed(
                    LOST, "the process that watched over the program was killed, and the program with it"
                )
        return None

    def end(self) -> None:
        """Stop what still runs, and wait until it is gone; further calls change nothing."""
        if self._control < 0:
            return
        with contextlib.suppress(OSError):
            os.write(self._control, b".")
        with contextlib.suppress(AttemptFailed):
            self.status(self._grace_s + 2 * GRACE_S)
        os.close(self._control)
        os.close(self._answers)
        self._control = -1
