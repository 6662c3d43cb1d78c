"""What the controller needs of the log that it writes."""

from __future__ import annotations

from typing import Protocol

from orchestrator.sweep import event as ev


class RecordWriter(Protocol):
    """Where the controller writes: see `orchestrator.storage.journal.JournalWriter`."""

    def append(self, event: ev.Event) -> None:
        """Take a record into the next frame."""

    def commit(self) -> None:
        """Make every record so far durable."""
