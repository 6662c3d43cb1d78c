"""The sweeps that a server shows: where they lie, whether they changed, and the state of those being looked at.

Memory is bounded: the states of `MOST_STATES` sweeps, whichever somebody looks at, are kept and read on with; of the
others a line for the list, and how far their logs went.
"""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock, RLock
from typing import TYPE_CHECKING

from orchestrator.control.recovery import left_without_record
from orchestrator.errors import StorageAwayError, StorageError
from orchestrator.project.places import sweeps_in
from orchestrator.state.reading import LogReading, sweep_exists
from orchestrator.storage.journal import FOLDER
from orchestrator.storage.lease import describe_holder
from orchestrator.storage.requests import requested
from orchestrator.views.condition import WORDLESS_S
from orchestrator.views.jobs import ListedSweep, listed, unreadable

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.filesystem import FileSystem
    from orchestrator.storage.location import Location

MOST_STATES = 2
"""Sweeps whose state is kept in memory: one of 10,000 trials takes some 150 MB."""


class SweepReading:
    """One sweep, read when somebody asks. `lock` is held by whoever uses its state."""

    def __init__(self, folder: Location) -> None:
        self.folder = folder
        self.key = key_of(folder)
        """Names it in an address: the same after a restart."""
        self.lock = RLock()
        self.files: FileSystem = folder.files()
        self._reading: LogReading | None = None
        self._offsets: dict[str, int] = {}
        self._line: tuple[str, ListedSweep] | None = None
        self._grew: tuple[list[str], float] = [], -math.inf

    @property
    def holds_state(self) -> bool:
        """Say whether its state is in memory."""
        return self._reading is not None

    def version(self) -> str:
        """Return what changes whenever the sweep does: its log grew, or who drives it is another one, or nobody.

        Also once its log has not grown for so long that this is worth saying. Raises StorageError where it cannot be
        read.
        """
        with self.lock:
            said = [f"{name} {size}" for name, size in self._sizes()]
            if said != self._grew[0]:
                self._grew = said.copy(), time.monotonic()
            said.append(str(time.monotonic() - self._grew[1] > WORDLESS_S))
            said += [str(describe_holder(self.files)), str(requested(self.files))]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]

    def state(self) -> SweepState:
        """Return everything known of the sweep now; to be used under `lock`. Raises as `read_sweep`."""
        if self._reading is None:
            self._reading = LogReading(self.folder, self.files)
        try:
            state = self._reading.go_on()
        except Exception:
            self._reading = None  # what was read before does not count: begin anew
            raise
        self._offsets = self._reading.offsets
        return state

    def forget(self) -> None:
        """Let go of the state."""
        with self.lock:
            self._reading = None

    @property
    def known_line(self) -> ListedSweep | None:
        """What the list said of it last; None before it was read."""
        return None if self._line is None else self._line[1]

    def line(self) -> ListedSweep | None:
        """Return what the list says of it; one that cannot be read is told with what is wrong. Keeps no state.

        While a page of it is being made, that is what was said last; None where nothing was, yet.
        """
        if not self.lock.acquire(blocking=False):
            return self.known_line
        try:
            return self._line_now()
        except StorageError as error:
            return unreadable(str(self.folder), error)
        finally:
            self.lock.release()

    def _line_now(self) -> ListedSweep:
        version = self.version()
        if self._line is None or self._line[0] != version:
            is_kept, holder = self.holds_state, describe_holder(self.files)
            left = left_without_record(state := self.state(), holder, self.files)
            self._line = version, listed(state, str(self.folder), holder, time.time(), left)
            if not is_kept:
                self.forget()
        return self._line[1]

    def _sizes(self) -> Iterator[tuple[str, int]]:
        """Yield how long each file of the log is. What was read before is not read again."""
        for name in self.files.names(FOLDER):
            if name.endswith(".jsonl"):
                known = self._offsets.get(name, 0)
                yield name, known + len(self.files.read(f"{FOLDER}/{name}", known))


class SweepShelf:
    """All sweeps of some places."""

    def __init__(self, places: Sequence[Location]) -> None:
        """Show what lies in `places`, each a sweep's folder or what holds such folders."""
        self._places = places
        self._known: dict[str, SweepReading] = {}
        self._looked_at: OrderedDict[str, SweepReading] = OrderedDict()
        self._lock = Lock()

    def readings(self) -> list[SweepReading]:
        """Return every sweep that is there now. Raises StorageError where a store does not answer."""
        found: dict[str, SweepReading] = {}
        for place in self._places:
            for folder in [place] if _is_sweep(place) else sweeps_in(place, _unread):
                key = key_of(folder)
                reading = self._known.get(key) or SweepReading(folder)
                if key in self._known or _is_sweep(folder):
                    found[key] = reading
        self._known = found
        return list(found.values())

    def reading(self, key: str) -> SweepReading | None:
        """Return the sweep of that key, whose state is kept from now on; None where there is none."""
        found = self._known.get(key) or next((one for one in self.readings() if one.key == key), None)
        if found is None:
            return None
        with self._lock:
            self._looked_at[key] = found
            self._looked_at.move_to_end(key)
            gone = [self._looked_at.popitem(last=False)[1] for _ in range(len(self._looked_at) - MOST_STATES)]
        for one in gone:
            one.forget()
        return found


def key_of(folder: Location) -> str:
    """Return what names a folder in an address: its own name as far as that can be read there, and a few digits."""
    text = str(folder.absolute())
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", text.rpartition("/")[2])[:60].strip(".-") or "sweep"
    return f"{name}-{hashlib.sha256(text.encode(errors='surrogateescape')).hexdigest()[:6]}"


def _unread(_: Location, error: StorageError) -> None:
    """Let a storage be that may not be read; raise where one is away, so that the list stays as it was."""
    if isinstance(error, StorageAwayError):
        raise error


def _is_sweep(folder: Location) -> bool:
    try:
        return sweep_exists(folder)
    except StorageError:
        return True  # one was there: shown with what is wrong with it
