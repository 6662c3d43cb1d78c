"""Files of the project that more than one running program changed: what each wrote is lost, or mixed with the other's.

Each program's worker says which changes may be its own. A file is told of once no single trial may have made all of its
changes, and two that ran at the same time may have made some: with a file of its own for each trial that never comes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from orchestrator.wording import first_of

SLACK_NS = 2_000_000_000
"""How far the clocks of nodes and file systems may lie apart."""
MOST_TOLD = 3
"""More files than this are not told of."""
MOST_FILES, MOST_CHANGES, MOST_RUNS = 500, 50, 1000
"""How many files, changes of each that wait, and attempts are remembered."""


@dataclass
class _Run:
    """An attempt of a program."""

    trial: int
    began_ns: int
    seen_ns: int
    """Up to when its changes are known."""
    ended_ns: int | None = None

    def may_have(self, at_ns: int) -> bool:
        """Say whether it ended without being heard of a time at which it may have made a change."""
        is_heard = at_ns + SLACK_NS <= self.seen_ns
        if is_heard or self.ended_ns is None:
            return False
        return self.began_ns - SLACK_NS < at_ns < self.ended_ns + SLACK_NS

    def ran_with(self, other: _Run) -> bool:
        """Say whether both ran at one time."""
        ends = [run.ended_ns for run in (self, other) if run.ended_ns is not None]
        return max(self.began_ns, other.began_ns) < min(ends, default=max(self.began_ns, other.began_ns) + 1)


@dataclass
class _File:
    """What is known of one file."""

    claims: list[tuple[int, int, int]] = field(default_factory=list)
    """Trial, and the times between which it may have changed the file."""
    waiting: set[int] = field(default_factory=set)
    """Changes of which not everybody has been heard."""
    makers: set[int] = field(default_factory=set)
    """The trials each of which may have made all changes so far; empty before the first."""


class SharedFiles:
    """Finds those files; `tell` takes a line for a person."""

    def __init__(self, tell: Callable[[str], None], wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._tell, self._wall_ns = tell, wall_ns
        self._runs: dict[str, _Run] = {}
        self._files: dict[str, _File] = {}
        self._told: set[str] = set()

    def begin(self, key: str, trial: int) -> None:
        """Take note that a program began."""
        now_ns = self._wall_ns()
        self._runs[key] = _Run(trial, now_ns, now_ns)

    def take(self, key: str, seen_ns: int, writes: Iterable[tuple[str, int, int]]) -> None:
        """Take what a program may have changed: files with when each was changed before, and when it was now."""
        if (run := self._runs.get(key)) is None or len(self._told) >= MOST_TOLD:
            return
        run.seen_ns = max(run.seen_ns, seen_ns)
        for name, before_ns, after_ns in writes:
            is_known = name in self._files or len(self._files) < MOST_FILES
            if name in self._told or not is_known:
                continue
            found = self._files.setdefault(name, _File())
            found.claims.append((run.trial, before_ns, after_ns))
            if len(found.waiting) < MOST_CHANGES:
                found.waiting.add(after_ns)
        self._settle()

    def end(self, key: str) -> None:
        """Take note that it ended; what it changed since it was last heard of nobody knows."""
        if key not in self._runs:
            return
        self._runs[key].ended_ns = self._wall_ns()
        self._settle()
        if len(self._runs) > MOST_RUNS:
            del self._runs[next(key for key, run in self._runs.items() if run.ended_ns is not None)]

    def _settle(self) -> None:
        """Look at the changes of which everybody who runs has been heard."""
        heard_ns = min((run.seen_ns for run in self._runs.values() if run.ended_ns is None), default=self._wall_ns())
        for name, found in list(self._files.items()):
            for at_ns in sorted(at_ns for at_ns in found.waiting if at_ns <= heard_ns - SLACK_NS):
                found.waiting.discard(at_ns)
                if self._is_shared(found, self._makers(found, at_ns)):
                    self._say(name, found)
                    break
            oldest = min(found.waiting, default=None)
            found.claims = [claim for claim in found.claims if oldest is not None and claim[2] >= oldest]

    def _makers(self, found: _File, at_ns: int) -> set[int]:
        """Return the trials that may have made a change."""
        unheard = {run.trial for run in self._runs.values() if run.may_have(at_ns)}
        return {trial for trial, before_ns, after_ns in found.claims if before_ns < at_ns <= after_ns} | unheard

    def _is_shared(self, found: _File, makers: set[int]) -> bool:
        """Say whether a change and those before it are of two trials that ran at one time."""
        common = makers & found.makers
        if not makers or not found.makers or common:
            found.makers = common or makers or found.makers
            return False
        runs = list(self._runs.values())
        ones, others = ([run for run in runs if run.trial in trials] for trials in (found.makers, makers))
        met = any(one.ran_with(other) for one in ones for other in others)
        found.makers = found.makers | makers if met else makers
        return met

    def _say(self, name: str, found: _File) -> None:
        del self._files[name]
        if len(self._told) >= MOST_TOLD:
            return
        self._told.add(name)
        trials = first_of([str(trial) for trial in sorted(found.makers)])
        self._tell(
            f"{name}, beside the sweep file, is changed by more than one of the programs that ran at one time (trials "
            f"{trials}): what they write there is lost or mixed; let them write below {{trial.folder}}"
        )
