"""Keeps `report.html` in a sweep's folder: made anew as each stage begins, and at the end.

Making a page of a large sweep takes seconds of one core, which the driver does not have: every report waits for its
answer. So each page is made by a process of its own, one at a time, that reads the log like any other reader. A page
that fails is told in a line; nothing else comes of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from orchestrator.errors import StorageError
from orchestrator.sweep import event as ev

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location

PATIENCE_S = 60.0
"""For how long the end of a run waits for its last page."""
IN_HASTE = frozenset({"SIGTERM", "SIGHUP", "cluster"})
"""Reasons of a driver that will be killed if it lingers: its last page is begun, and not waited for."""
SWITCH = "STEPLADDER_PAGE"
"""Variable that turns the page off for every sweep that is driven from an environment, where it is 0."""


class PageKeeper:
    """An observer of `orchestrator.results.follower`."""

    name = "the report page"

    def __init__(self, folder: Location) -> None:
        """Keep the page of the sweep in this folder."""
        self._folder = folder
        self._is_due = False
        self._is_hasty = False
        self._maker: subprocess.Popen[str] | None = None

    def take(self, event: ev.Event, state: SweepState) -> None:
        """Take one record in."""
        if isinstance(event, ev.StageEntered | ev.DriverStopped):
            self._is_due = state.plan.spec.page and os.environ.get(SWITCH) != "0"
        if isinstance(event, ev.DriverStopped):
            self._is_hasty = event.reason in IN_HASTE

    def flush(self) -> None:
        """Begin a page where one is due and none is being made. Raises StorageError where the last one failed."""
        if self._maker is not None and self._maker.poll() is not None:
            self._ended(self._maker)
        if self._is_due and self._maker is None:
            self._begin()

    def close(self) -> None:
        """Wait for the last page, for a minute at most. Raises StorageError where it failed."""
        try:
            if self._maker is not None and not self._is_hasty:
                self._await(self._maker)
            if self._is_due:
                self._begin()
            if self._maker is not None and not self._is_hasty:
                self._await(self._maker)
        except KeyboardInterrupt:  # whoever is in a hurry gets no page
            if self._maker is not None:
                self._maker.kill()

    def _begin(self) -> None:
        self._is_due = False
        command = [sys.executable, "-P", "-m", "orchestrator.views.page", str(self._folder.absolute())]
        try:
            self._maker = subprocess.Popen(  # noqa: S603 - this interpreter and a module of ours
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise StorageError(f"{self._folder}: its page could not be made: {error}") from error

    def _await(self, maker: subprocess.Popen[str]) -> None:
        try:
            maker.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            maker.kill()
            self._maker = None
            raise StorageError(
                f"{self._folder}: its page took more than {PATIENCE_S:g} s; make it with "
                f"`stepladder report {self._folder}`"
            ) from error
        self._ended(maker)

    def _ended(self, maker: subprocess.Popen[str]) -> None:
        self._maker = None
        _, said = maker.communicate()
        if maker.returncode and not self._is_due:  # else the next one is made at once, and it alone counts
            line = (said.strip().splitlines() or [f"exit code {maker.returncode}"])[-1]
            raise StorageError(f"{self._folder}: its page could not be made: {line}")
