"""`python -m orchestrator.views.beside FOLDER`: keep the tables and the page of a long sweep, in a process of its own.

Started by the driver (`orchestrator.views.beside.keeping`), which says in a line on stdin when the log ends; the rest
is taken in then. Where stdin ends without that line the driver is gone, another one may be at work, and this process
ends at once: two must not write the same files. What goes wrong is a line of JSON on stdout: a `warning` as it comes
up, the `problems` that are left at the end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

import msgspec

from orchestrator.results.background import BackgroundFollower
from orchestrator.storage.location import Location
from orchestrator.views.beside.keeping import END, follower_of

POLITENESS = 10
"""By how much the process gives way to those that train."""


def main() -> int:
    """Keep them until stdin ends. Returns the exit code."""
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the driver's, whose last words count
        signal.signal(kind, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(POLITENESS)
    following = BackgroundFollower(
        follower_of(Location.parse(sys.argv[1])), lambda problem: _tell({"warning": problem})
    )
    if sys.stdin.readline() != END:
        os._exit(1)
    _tell({"problems": following.stop()})
    return 0


def _tell(said: dict[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):  # its driver was killed just now
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
