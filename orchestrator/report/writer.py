"""Keeps the tables fresh beside a running driver, without ever standing in its way."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.errors import JournalDamagedError, StorageError

if TYPE_CHECKING:
    from orchestrator.report.tables import Tables

PERIOD_S = 1.0
MAX_SHARE = 0.05
"""Largest part of the time that refreshing may take: a refresh of 0.2 s is followed by a pause of 4 s."""


class TableWriter:
    """A thread that refreshes the tables every second, less often where that would take more than 5 % of the time.

    A disk that is full is said once and tried again: the journal is the truth, and the driver has its own word on a
    journal that cannot be written. Any other error ends the thread, is kept in `error` and raised by `stop`.
    """

    def __init__(self, tables: Tables, warn: Callable[[str], None] | None = None, period_s: float = PERIOD_S) -> None:
        self.error: BaseException | None = None
        """What ended the thread; None while all is well."""
        self._tables = tables
        self._warn = warn or _say
        self._period_s = period_s
        self._has_warned = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stepladder-tables", daemon=True)

    def start(self) -> TableWriter:
        """Begin refreshing."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Refresh once more and end. Raises what ended the thread, if anything did."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self.error is not None:
            raise self.error
        self._refresh()

    def _run(self) -> None:
        pause_s = 0.0
        while not self._stop.wait(pause_s):
            begun = time.monotonic()
            try:
                self._refresh()
            except BaseException as error:  # noqa: BLE001 - kept, and raised by `stop`
                self.error = error
                return
            pause_s = max(self._period_s, (time.monotonic() - begun) * (1 / MAX_SHARE - 1))

    def _refresh(self) -> None:
        try:
            self._tables.refresh()
        except JournalDamagedError:
            raise
        except StorageError as error:
            if not self._has_warned:
                self._has_warned = True
                self._warn(f"the tables could not be written and will be tried again: {error}")


def _say(message: str) -> None:
    sys.stderr.write(f"stepladder: {message}\n")
