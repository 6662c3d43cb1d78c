"""A thread that follows a sweep's log beside its driver, every second, less often where that takes 5 % of the time.

A problem is said once, when it comes up, and told again at the end if it lasts: the log is the truth, and what is made
from it can be made again.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from orchestrator.errors import JournalDamagedError, StorageError
from orchestrator.results.follower import Follower

PERIOD_S = 1.0
MAX_SHARE = 0.05
"""Largest part of the time that following may take: an advance of 0.2 s is followed by a pause of 4 s."""


class BackgroundFollower:
    """Advances a follower until it is stopped, or until the log itself cannot be followed any further."""

    def __init__(
        self, follower: Follower, warn: Callable[[str], None] | None = None, period_s: float = PERIOD_S
    ) -> None:
        """Begin at once. `warn` is given each new problem as a sentence, from the thread; by default stderr is."""
        self.error: BaseException | None = None
        """What ended the following; None while it goes on."""
        self._follower = follower
        self._warn = warn or say
        self._period_s = period_s
        self._log_problem: str | None = None
        self._told: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stepladder-follower", daemon=True)
        self._thread.start()

    def stop(self, *, is_ours: bool = True) -> list[str]:
        """Advance once more, let the observers go and end. Returns what is wrong now, one sentence each.

        Where the sweep `is_ours` no longer nothing is written any more: another driver keeps what is made from its log.
        """
        self._stop.set()
        self._thread.join()
        if is_ours:
            self._advance()
        self._follower.close()
        problems = list(self._follower.problems.values())
        return problems if self._log_problem is None else [self._log_problem, *problems]

    def leave(self) -> bool:
        """Advance no more, and say whether that has ended. Closes nothing; waits for nothing."""
        self._stop.set()
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause_s = 0.0
        while not self._stop.wait(pause_s) and self.error is None:
            begun = time.monotonic()
            self._advance()
            pause_s = max(self._period_s, (time.monotonic() - begun) * (1 / MAX_SHARE - 1))

    def _advance(self) -> None:
        if self.error is not None:
            return
        behind = f"{', '.join(self._follower.names)} fell behind the journal"
        try:
            self._follower.advance()
            self._log_problem = None
        except StorageError as error:
            self._log_problem = f"{behind}: {error}"
            self.error = error if isinstance(error, JournalDamagedError) else None
        except BaseException as error:  # noqa: BLE001 - kept in `error` and told by `stop`
            self._log_problem = f"{behind}, by an error of Stepladder's own: {error!r}"
            self.error = error
        self._tell()

    def _tell(self) -> None:
        problems = self._follower.problems | ({"": self._log_problem} if self._log_problem is not None else {})
        for name, problem in problems.items():
            if name not in self._told:
                self._told.add(name)
                self._warn(problem)


def say(message: str) -> None:
    """Write a warning to stderr."""
    sys.stderr.write(f"warning: {message}\n")
