"""The driver's side of what is kept beside its sweep: which of the two keeps it, and what went wrong.

No process of a driver's is waited for but at its end. One that dies is begun again there, once: it has the tables to
make anew from the log, as any other.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from orchestrator.control.snapshot_keeper import USUAL_PACE
from orchestrator.results.background import BackgroundFollower, say
from orchestrator.results.follower import Follower, Observer
from orchestrator.views.page.keeping import PageKeeper

if TYPE_CHECKING:
    from orchestrator.storage.location import Location

LONG = USUAL_PACE.on_leaving
"""Records from which on a log is left to a process: the tables of as many cost about what it costs to begin."""
END = "end\n"
"""What the process is told when the log ends."""
BEHIND = "the tables and the report page fell behind the journal"


def follower_of(folder: Location) -> Follower:
    """Return what keeps the tables and the page of the sweep in `folder`."""
    from orchestrator.results.tables import Tables  # Parquet, which only who writes it needs

    files = folder.files()
    return Follower(files, [Tables(files, folder), PageKeeper(folder)])


class KeptBeside:
    """Keeps the tables and the page of one sweep from its driver's first step to its end, and whatever else follows."""

    def __init__(
        self,
        folder: Location,
        records: int,
        others: Sequence[Observer] = (),
        warn: Callable[[str], None] = say,
        long: int = LONG,
    ) -> None:
        """Begin at once; the log has `records` now. `others` follow it in a thread of the driver's, however long it is.

        `warn` is given each new problem as a sentence, from a thread.
        """
        self._folder = folder
        self._warn = warn
        self._long = long
        self._tables = None if records >= long else follower_of(folder)
        self._thread: BackgroundFollower | None = None
        self._process: _Process | None = None
        if self._tables is None:
            self._process = _Process(folder, warn)
        else:
            self._thread = BackgroundFollower(self._tables, warn)
        self._others = BackgroundFollower(Follower(folder.files(), others), warn) if others else None

    def look(self, records: int) -> None:
        """Leave a log that has so many records by now to a process, where that is due. Waits for nothing."""
        if self._thread is None or records < self._long or not self._thread.leave():
            return
        self._thread, self._process = None, _Process(self._folder, self._warn)

    def stop(self, *, is_ours: bool = True) -> list[str]:
        """Have everything taken in, and end. Returns what is wrong now, one sentence each.

        Where the sweep `is_ours` no longer nothing is written any more: another driver keeps what is made from its log.
        """
        problems = self._stopped(is_ours=is_ours)
        return problems if self._others is None else [*problems, *self._others.stop(is_ours=is_ours)]

    def _stopped(self, *, is_ours: bool) -> list[str]:
        if self._thread is not None:
            return self._thread.stop(is_ours=is_ours)
        problems = [] if self._process is None else self._process.stop() if is_ours else self._process.drop()
        if self._tables is None:
            return problems
        self._tables.close()  # it may have begun a page before it was left
        return [*problems, *self._tables.problems.values()]


class _Process:
    """One process that keeps them."""

    def __init__(self, folder: Location, warn: Callable[[str], None]) -> None:
        self._folder = folder
        self._warn = warn
        self._problems: list[str] | None = None
        self._begin()

    def _begin(self) -> None:
        command = [sys.executable, "-P", "-m", "orchestrator.views.beside", str(self._folder)]
        self._process: subprocess.Popen[str] | None = None
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of ours
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._problems = [f"{BEHIND}: their process could not be begun: {error}"]
            return
        self._listener = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
        self._listener.start()

    def stop(self) -> list[str]:
        """Have it take in the rest and end; begin it again where it had ended by itself. Returns what is wrong now."""
        code = self._ended()
        if self._problems is None:
            self._begin()
            code = self._ended()
        if self._problems is None:
            return [f"{BEHIND}: their process ended by itself, with exit code {code}; the next driver makes them again"]
        return self._problems

    def drop(self) -> list[str]:
        """End it without what it has not taken in yet."""
        if self._process is not None:
            self._process.kill()
            self._ended()
        return []

    def _ended(self) -> int | None:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(END)
            process.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        code = process.wait()
        self._listener.join()
        process.stdout.close()
        return code

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.endswith("\n"):
                return  # it was killed within this line
            said = msgspec.json.decode(line, type=dict[str, str | list[str]])
            if isinstance(warning := said.get("warning"), str):
                self._warn(warning)
            if isinstance(problems := said.get("problems"), list):
                self._problems = problems
