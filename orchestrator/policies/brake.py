"""The brake: it stops a sweep whose code does not work, and never one that merely has a failing region.

It holds back new trials while one of these is so, and lets go when what still runs proves it wrong:

    nothing works     no trial of this driver has reported a finite objective or completed, and three have failed with
                      one gist (`orchestrator.state.gist`)
    nothing works     the last max(10, twice the places) trials to end failed with one gist, and nothing that runs has
    any more          reported since the first of them

Out of memory and divergence never count. Two rules keep a failing region from looking like broken code. Where an
earlier driver saw the same code and the same packages work, three failures are no evidence. And where that gist was
frequent before, the last trials must be so many that a run of them by chance has odds below `ODDS`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from orchestrator.state.gist import gist, message_of, place_of
from orchestrator.sweep.event import DriverStarted
from orchestrator.sweep.trial import Outcome, Trial, TrialState

REASON = "brake"
"""Why the driver then leaves (`DriverStopped.reason`)."""
FIRST_FAILURES = 3
"""Failures with one gist that are enough before anything was reported."""
LAST_FAILURES = 10
"""Failures in a row that it takes at least afterwards."""
ODDS = 1e-4
"""Chance of as long a run, if each trial failed so as often as the trials before the run, above which it is no run."""


class Brake:
    """Watches what one driver sees. It decides from what it is told alone."""

    def __init__(self, *, is_proven: bool = False) -> None:
        """Begin with a driver; `is_proven` says that this very code was seen to work by an earlier one."""
        self._works = False
        self._is_proven = is_proven
        self._alike: defaultdict[str, list[Trial]] = defaultdict(list)
        self._run: list[Trial] = []
        self._run_gist: str | None = None
        self._run_began = 0
        self._ended = 0
        self._places = 1
        self._turn = 0
        self._reported: dict[int, int] = {}

    def on_open(self, count: int) -> None:
        """Take note of how many trials are open at once: the most so far are the places."""
        self._places = max(self._places, count)

    def on_report(self, trial: int, value: float) -> None:
        """Take note of a report of the objective."""
        self._turn += 1
        self._reported[trial] = self._turn
        self._works = self._works or math.isfinite(value)

    def on_end(self, trial: Trial) -> None:
        """Take note that an attempt of a trial is over; one that is offered again has not ended."""
        self._turn += 1
        self._reported.pop(trial.number, None)
        if not trial.state.is_final:
            return
        self._ended += 1
        self._works = self._works or trial.state in {TrialState.COMPLETED, TrialState.PRUNED}
        is_own = trial.state is TrialState.FAILED and trial.withdrawn_s is None
        if not is_own or trial.attempt.outcome is Outcome.OUT_OF_MEMORY:
            self._run, self._run_gist = [], None
            return
        found = gist(trial.attempt.error)
        self._alike[found].append(trial)
        if found != self._run_gist:
            self._run, self._run_gist, self._run_began = [], found, self._turn
        self._run.append(trial)

    def note(self) -> str | None:
        """Say what it acts on, in one sentence; None while it does not act."""
        if not self._works and not self._is_proven:
            first = next((trials for trials in self._alike.values() if len(trials) >= FIRST_FAILURES), None)
            if first is not None:
                return (
                    f"{_counted(first)}, and no trial of this driver has reported a finite objective: {_error(first)}"
                )
        if len(self._run) < self._needed():  # asked at each proposal: what runs is looked through for a run alone
            return None
        if not any(turn > self._run_began for turn in self._reported.values()):
            count = len(self._run)
            return f"the last {count} trials to end failed alike, and none has reported since: {_error(self._run)}"
        return None

    def _needed(self) -> int:
        """Return how many failures in a row it takes."""
        before = self._ended - len(self._run)
        alike = len(self._alike[self._run_gist]) - len(self._run) if self._run_gist is not None else 0
        share = (alike + 1) / (before + 2)
        by_chance = math.ceil(math.log(ODDS) / math.log(share)) if share < 1 else LAST_FAILURES
        return max(LAST_FAILURES, 2 * self._places, by_chance)


def is_proven(sessions: Sequence[DriverStarted], trials: Iterable[Trial]) -> bool:
    """Say whether an earlier driver saw this very code, with these packages, report a finite objective."""
    grounds = [(session.code_hash, session.versions) for session in sessions[-2:]]
    return all(ground == grounds[0] for ground in grounds) and any(trial.values for trial in trials)


def _counted(trials: list[Trial]) -> str:
    numbers = ", ".join(map(str, sorted(trial.number for trial in trials)[:FIRST_FAILURES]))
    more = ", ..." if len(trials) > FIRST_FAILURES else ""
    return f"{len(trials)} trials failed alike (trials {numbers}{more})"


def _error(trials: list[Trial]) -> str:
    error = min(trials, key=lambda trial: trial.number).attempt.error
    place = place_of(error)
    text = " ".join(message_of(error).split()) or "no error text"
    return f"{text} ({place})" if place else text
