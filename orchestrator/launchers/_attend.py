"""Attends a driver that runs detached: writes down who it is and how it ended, and passes a SIGTERM on.

    python -m orchestrator.launchers._attend RECORD COMMAND...

RECORD is a file of JSON: `holder` (this process, as the lease describes one) and, once the driver ended, `exit_code`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from orchestrator.storage.lease import Holder


class Attended(msgspec.Struct):
    """A driver that runs, or ran, detached."""

    holder: Holder
    """The process that attends it."""
    exit_code: int | None = None
    """How it ended; below 0 the signal that ended it; None while it runs."""

    def write(self, path: Path) -> None:
        """Replace the record."""
        new = path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(self))
        new.replace(path)


def main(record: Path, command: list[str]) -> int:
    """Run `command` to its end and return its exit code."""
    attended = Attended(Holder.current())
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    with subprocess.Popen(command) as driver:  # noqa: S603 - the command of a submission
        signal.signal(signal.SIGTERM, lambda *_: driver.terminate())
        if asked:
            driver.terminate()
        attended.write(record)
        attended.exit_code = driver.wait()
    attended.write(record)
    return attended.exit_code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
