"""Where Optuna's `JournalStorage` keeps its log here: read once, held in memory, added to the file a flush at a time.

The file is the one that Optuna's `JournalFileBackend` reads and writes: one JSON object a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.results.sinks._kept_file import KeptFile


class JournalOfStudies:
    """What `JournalStorage` asks for: `read_logs` and `append_logs`."""

    moment: datetime | None = None
    """When what is written next began or ended, which Optuna dates by the present otherwise. None: by that."""

    def __init__(self, file: KeptFile) -> None:
        """Read what is there. Raises UsageError where that is no journal, StorageError where it cannot be read."""
        self._file = file
        content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._logs = [_entry(line, number) for number, line in enumerate(whole.splitlines(), 1)]
        if not whole and content:
            raise UsageError(f"{NO_JOURNAL} (line 1)")
        if len(whole) < len(content):  # what was being written when its writer died
            file.replace(whole)
        self._written = len(self._logs)

    @property
    def _moment(self) -> str | None:
        return None if self.moment is None else self.moment.isoformat(timespec="microseconds")

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Return the entries from a number on."""
        return self._logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add entries, in memory."""
        for log in logs:
            dated = {} if log["op_code"] == CREATE_TRIAL else {key: self._moment for key in _DATES if key in log}
            entry = log | {key: moment for key, moment in dated.items() if moment is not None}
            self._logs.append(json.loads(json.dumps(entry)))  # as whoever reads the file has it: steps are text there

    def write(self) -> None:
        """Add to the file what is new. Raises StorageError; the next call then adds it."""
        new = self._logs[self._written :]
        if new:
            self._file.append(b"".join(json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in new))
            self._written += len(new)


NO_JOURNAL = "what lies there is no journal of Optuna's; name another file"
_DATES = ("datetime_start", "datetime_complete")
CREATE_TRIAL = 4
"""The operation that says itself when its trial began and ended."""


def _entry(line: bytes, number: int) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict) or "op_code" not in entry:
        raise UsageError(f"{NO_JOURNAL} (line {number})")
    return entry
