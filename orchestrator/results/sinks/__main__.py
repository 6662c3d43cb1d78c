"""`python -m orchestrator.results.sinks FOLDER`: keep one live sink of a sweep, in a process of its own.

Started by the driver (`orchestrator.results.sink_keeping`), which says on stdin, in a line of JSON, which sink with
which options, and where its module may lie. It ends once stdin does: the rest of the log is taken in first, also where
the driver was killed. What goes wrong is a line on stdout.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path

from orchestrator import members
from orchestrator.members.outside import look_beside
from orchestrator.planning.compile import SINKS
from orchestrator.results.background import PERIOD_S, BackgroundFollower
from orchestrator.results.follower import Follower
from orchestrator.results.sinks import FOLDER, Sink
from orchestrator.storage.location import Location
from orchestrator.sweep.spec import Member

POLITENESS = 10
"""By how much the process gives way to those that train."""
REMOTE_PERIOD_S = 5.0
"""How often an object store is asked for what is new."""


def main() -> int:
    """Keep the sink until stdin ends. Returns the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the driver, whose last words count
    with contextlib.suppress(OSError):
        os.nice(POLITENESS)
    folder = Location.parse(sys.argv[1])
    try:
        sink = _sink(folder, json.loads(sys.stdin.readline()))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told to the driver as a line
        _tell(str(error) or repr(error))
        return 1
    period_s = REMOTE_PERIOD_S if folder.is_remote else PERIOD_S
    following = BackgroundFollower(Follower(folder.files(), [sink]), lambda problem: _tell(problem, sink), period_s)
    sys.stdin.read()
    problems = following.stop()
    for problem in problems:
        _tell(problem, sink)
    return 1 if problems else 0


def _sink(folder: Location, told: dict[str, object]) -> Sink:
    for place in reversed(told["beside"] if isinstance(told["beside"], list) else []):
        look_beside(Path(place))
    member, options = members.build(SINKS, Member.model_validate(told["sink"]))
    made: Sink = member(folder / FOLDER / member.file, options)
    return made


def _tell(problem: str, sink: Sink | None = None) -> None:
    """Say a problem in a line, without who has it: whoever listens knows."""
    if sink is not None:
        problem = problem.removeprefix(f"{sink.name} fell behind the journal").removeprefix(": ")
        problem = problem.replace(" and stays there, by an error: ", "it has stopped, by an error: ")
    sys.stdout.write(" ".join(problem.split()) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
