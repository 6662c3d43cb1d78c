"""One writer at a time: a lease with an epoch, kept as files beside the journal.

Taking epoch n is creating `journal/lease-n.json`, which only one can. The holder rewrites its file every few seconds; a
file that stays the same for `TTL_S` of the watcher's own clock belongs to a dead holder (no two hosts' clocks are
compared). On the holder's own host a dead process is seen at once. Whoever takes a lease over raises the epoch, and
the journal refuses what an older epoch writes afterwards.

The file also says how much of the holder's journal was durable (see `orchestrator.storage.marks`), and ties the holder
to its place: a renewal reads it first, and where it is not as it was left, the folder is not the one it was.
"""

from __future__ import annotations

import os
import re
import socket
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from orchestrator.errors import FolderLostError, LeaseHeldError, LeaseLostError
from orchestrator.storage.away_note import described_away, described_left
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.marks import FOLDER, DurableMark, decoded_lease, lease_epochs, lease_name

TTL_S = 30.0
RENEW_S = 5.0
UNANSWERED = 256
"""Renewals that failed of which any may still be found: more than are tried while storage is away."""
_EPOCH = re.compile(r"^(?:lease-)?(\d{6})\.jsonl?$")


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lease."""

    host: str
    """Host name, for people."""
    pid: int
    """Process id; meaningful on that kernel and in that namespace only."""
    kernel: str
    """Boot id and pid namespace: processes with an equal one can see each other."""
    born: str
    """Start time of the process in kernel ticks: a re-used pid differs here."""

    @classmethod
    def current(cls) -> Holder:
        """Describe this process."""
        return cls(socket.gethostname(), os.getpid(), _kernel(), _born(os.getpid()))

    def is_seen_dead(self) -> bool:
        """Say whether this host can tell that the process is gone; False where it cannot tell."""
        return self.kernel == _kernel() and self.born != _born(self.pid)


class _Record(msgspec.Struct):
    epoch: int
    holder: Holder
    since_t: float
    renewals: int = 0
    released: bool = False
    mark: DurableMark | None = None
    """How much of the holder's journal is durable; None before it has said, and in an older version's lease."""


class Lease:
    """A lease that this process holds; made by `acquire`."""

    def __init__(self, files: FileSystem, record: _Record) -> None:
        self._files = files
        self._record = record
        self._name = lease_name(record.epoch)
        self._next = lease_name(record.epoch + 1)
        self._written = msgspec.json.encode(record)
        self._unanswered: deque[bytes] = deque(maxlen=UNANSWERED)

    @property
    def epoch(self) -> int:
        """Number of this driver among the sweep's drivers, 1 first."""
        return self._record.epoch

    @property
    def holder(self) -> Holder:
        """Who holds it: this process."""
        return self._record.holder

    def check(self) -> None:
        """Raise LeaseLostError, naming the new holder, when a newer epoch exists."""
        if self._files.exists(self._next):
            newest = current(self._files)
            assert newest is not None
            raise LeaseLostError(
                f"this driver was replaced: {_described(newest)}. It stops; nothing acknowledged is lost"
            )

    def renew(self, mark: DurableMark) -> None:
        """Show that the holder lives and how much it has made durable; to be called every `RENEW_S`.

        Raises LeaseLostError like `check`, FolderLostError where the lease does not lie there as it was left.
        """
        self.check()
        if not self._is_as_left():
            raise FolderLostError(f"{self._name} is not there any more, or something else wrote it")
        self._record.renewals += 1
        self._write(mark)

    def release(self, mark: DurableMark, moved: FileSystem | None = None) -> None:
        """Let the next driver in at once; in `moved`, where the sweep's folder was moved under this one."""
        self._files = moved or self._files
        if not self._files.exists(self._next) and self._is_as_left():
            self._record.released = True
            self._write(mark)

    def _write(self, mark: DurableMark) -> None:
        self._record.mark = mark
        content = msgspec.json.encode(self._record)
        self._unanswered.append(content)  # a write that fails may have been done, or be done yet
        self._files.replace(self._name, content)
        self._unanswered.remove(content)
        self._written = content

    def _is_as_left(self) -> bool:
        found = self._files.read(self._name)
        return found == self._written or found in self._unanswered


def acquire(
    files: FileSystem,
    holder: Holder,
    now: float,
    sleep: Callable[[float], None],
    on_wait: Callable[[str], None] = lambda _: None,
) -> Lease:
    """Take the sweep's lease with the next epoch.

    `now` is in seconds since the epoch, for people. Waits up to `TTL_S` (by calling `sleep` with seconds) while it
    cannot tell whether the holder lives; `on_wait` is told what it waits for. Raises LeaseHeldError, naming the holder,
    when the holder lives or another driver was quicker.
    """
    epoch = _newest_epoch(files) + 1  # before the look at who holds it: whoever comes in between is not passed over
    newest = current(files)
    if newest is not None and not _has_left(files, newest):
        _outwait(files, newest, sleep, on_wait)
    record = _Record(epoch, holder, now)
    if not files.create(lease_name(record.epoch), msgspec.json.encode(record)):
        winner = current(files)
        assert winner is not None
        raise LeaseHeldError(f"{_described(winner)}. {_REMEDY}")
    return Lease(files, record)


def current(files: FileSystem) -> _Record | None:
    """Return the newest lease, whoever holds it; None before the first. Raises JournalDamagedError, unreadable."""
    epochs = lease_epochs(files)
    if not epochs:
        return None
    newest = decoded_lease(files, epochs[-1], _Record)
    newest.epoch = epochs[-1]  # its name was agreed on
    return newest


def describe_holder(files: FileSystem) -> str | None:
    """Say who drives the sweep now and since when, and whether its storage is away; None where nobody seems to."""
    newest = current(files)
    if newest is None or _has_left(files, newest):
        return None
    away = described_away(files, newest.epoch)
    return _described(newest) + (f"; {away}" if away else "")


def describe_leaving(files: FileSystem) -> str | None:
    """Say when the newest driver left and by what, where its log cannot tell it; None where it left no note of that."""
    newest = current(files)
    return None if newest is None else described_left(files, newest.epoch)


_REMEDY = "Watch it with `stepladder status`; if that driver is gone, try again in 30 s"


def _has_left(files: FileSystem, record: _Record) -> bool:
    """Say whether a holder is known to be gone: it gave its lease back, or could not and left a note, or is dead."""
    return record.released or record.holder.is_seen_dead() or described_left(files, record.epoch) is not None


def _outwait(files: FileSystem, seen: _Record, sleep: Callable[[float], None], on_wait: Callable[[str], None]) -> None:
    if seen.holder.kernel == _kernel():
        raise LeaseHeldError(f"{_described(seen)}. {_REMEDY}")
    on_wait(f"{_described(seen)}; waiting up to {TTL_S:.0f} s to see whether it lives")
    waited = 0.0
    while waited < TTL_S:
        sleep(1.0)
        waited += 1.0
        newest = current(files)
        if newest is not None and newest.released:
            return
        if newest is not None and (newest.epoch, newest.renewals) != (seen.epoch, seen.renewals):
            raise LeaseHeldError(f"{_described(newest)}. {_REMEDY}")


def _described(record: _Record) -> str:
    try:
        since = datetime.fromtimestamp(record.since_t, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):  # a damaged lease
        since = "a time that cannot be"
    holder = record.holder
    return f"the sweep is driven by process {holder.pid} on {holder.host} since {since} (epoch {record.epoch})"


def _newest_epoch(files: FileSystem) -> int:
    """Return the newest epoch that left a lease or a journal file: a file is never gone on with by another driver."""
    return max((int(match[1]) for name in files.names(FOLDER) if (match := _EPOCH.search(name))), default=0)


def _kernel() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = Path("/proc/self/ns/pid").readlink()
    except OSError:  # no /proc: a host name is the best there is
        return socket.gethostname()
    return f"{boot}/{namespace}"


def _born(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "alive"
