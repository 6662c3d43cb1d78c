"""The trials of a search, and which of them changed: so that whoever follows them looks at those alone.

With ten thousand trials open, a look at each of them for every proposal is what a sweep spends its time on. So the fold
notes each change, and a `Watch` hands on what was noted since it last looked. In a plain list, which notes nothing (a
stage's own trials, a test's), it looks at all that can still change. What is found is the same.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from orchestrator.sweep.trial import Trial

AT_ONCE = 1_000
"""So many new trials, as of a sweep that is read, a follower takes in one go, sorting once."""


class TrialList(list[Trial]):
    """Trials by number. It only grows; whoever changes one of them notes it."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = array("i")
        """Numbers of the trials that changed, in the order of the changes."""

    def note(self, number: int) -> None:
        """Take note that a trial changed: its state, its values, its attempts, or what a searcher is told of it."""
        self.changed.append(number)


class Watch:
    """One follower's place in one growing list of trials."""

    def __init__(self) -> None:
        self._known = 0
        self._heard = 0
        self._unsettled: list[int] | None = []  # None: all that are known, since another kind of list was followed

    def look(self, trials: Sequence[Trial]) -> list[int]:
        """Return the positions of what is new, or may have changed since the last look, ascending."""
        known, self._known = self._known, len(trials)
        fresh = range(known, len(trials))
        if isinstance(trials, TrialList):
            changed = {number for number in trials.changed[self._heard :] if number < known}
            self._heard, self._unsettled = len(trials.changed), None
            return [*sorted(changed), *fresh]
        watched = [*(range(known) if self._unsettled is None else self._unsettled), *fresh]
        self._unsettled = [place for place in watched if not _is_settled(trials[place])]
        return watched


def _is_settled(trial: Trial) -> bool:
    return trial.is_learned and not trial.is_open
