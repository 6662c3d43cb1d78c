"""The trials of a search, and which of them changed: so that whoever follows them looks at those alone.

With ten thousand trials open, a look at each of them for every proposal is what a sweep spends its time on. So the fold
notes each change, and a `Watch` hands on what was noted since it last looked. In a plain list, which notes nothing (a
stage's own trials, a test's), it looks at all that can still change. What is found is the same.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import cast, overload

from orchestrator.sweep.alike import share
from orchestrator.sweep.trial import Trial

MOST_NOTED = 200_000
"""So many changes are remembered; whoever looks more rarely looks at all trials."""
AT_ONCE = 1_000
"""So many new trials, as of a sweep that is read, a follower takes in one go, sorting once."""


class Noted:
    """Which trials changed, in the order of the changes. Whoever changes one of them notes it."""

    def __init__(self) -> None:
        self.changed = array("i")
        """Numbers of the trials, of the newest changes; `MOST_NOTED` at most."""
        self.forgotten = 0
        """How many changes came before."""

    def note(self, number: int) -> None:
        """Take note that a trial changed: its state, its values, its attempts, or what a searcher is told of it."""
        self.changed.append(number)
        if len(self.changed) > MOST_NOTED:
            self.forgotten += MOST_NOTED // 2
            del self.changed[: MOST_NOTED // 2]


class TrialList(list[Trial], Noted):
    """Trials by number. It only grows."""

    def __init__(self) -> None:
        list.__init__(self)
        Noted.__init__(self)

    def share(self, trial: Trial) -> None:
        """Let a trial that is to be added hold what others hold alike: they stay."""
        share(trial, self)


class KeptTrials(Noted, Sequence[Trial]):
    """The same as somebody kept them, for a reader that soon leaves: a trial is made when it is asked for.

    They lie in pieces of so many trials each, and the whole piece is made: whoever walks over all makes all.
    """

    def __init__(self, count: int, size: int, make: Callable[[int], list[Trial]]) -> None:
        """`count` trials lie in pieces of `size`, the last of which may be shorter; `make` makes those of one."""
        super().__init__()
        self._unmade = bytearray(b"\1" * -(-count // size))
        self._size = size
        self._make = make
        self._trials: list[Trial | None] = [None] * count

    def share(self, trial: Trial) -> None:
        """Do nothing: nothing here stays for long."""

    def append(self, trial: Trial) -> None:
        """Add a trial."""
        self._trials.append(trial)

    def __len__(self) -> int:
        return len(self._trials)

    def __iter__(self) -> Iterator[Trial]:
        self._need(range(len(self._trials)))
        return iter(cast("list[Trial]", self._trials))

    @overload
    def __getitem__(self, place: int) -> Trial: ...

    @overload
    def __getitem__(self, place: slice) -> list[Trial]: ...

    def __getitem__(self, place: int | slice) -> Trial | list[Trial]:
        if not isinstance(place, slice) and (found := self._trials[place]) is not None:  # asked at every record
            return found
        places = range(len(self._trials))[place]
        self._need(range(places, places + 1) if isinstance(places, int) else places)
        return cast("Trial | list[Trial]", self._trials[place])

    def _need(self, places: range) -> None:
        """Make the pieces in which these trials lie."""
        if places:
            low, high = sorted((places[0] // self._size, places[-1] // self._size))
            for piece in range(low, min(high + 1, len(self._unmade))):
                if self._unmade[piece]:
                    made = self._make(piece)
                    self._trials[piece * self._size : piece * self._size + len(made)] = made
                    self._unmade[piece] = False


class Watch:
    """One follower's place in one growing list of trials."""

    def __init__(self, known: int = 0) -> None:
        """Begin with so many trials known already, none of which has changed since the list was made."""
        self._known = known
        self._heard = 0
        self._unsettled: list[int] | None = []  # None: all that are known, since another kind of list was followed

    def look(self, trials: Sequence[Trial]) -> list[int]:
        """Return the positions of what is new, or may have changed since the last look, ascending."""
        known, self._known = self._known, len(trials)
        fresh = range(known, len(trials))
        if isinstance(trials, Noted):
            unheard = self._heard - trials.forgotten
            changed = {n for n in trials.changed[unheard:] if n < known} if unheard >= 0 else range(known)
            self._heard, self._unsettled = trials.forgotten + len(trials.changed), None
            return [*sorted(changed), *fresh]
        watched = [*(range(known) if self._unsettled is None else self._unsettled), *fresh]
        self._unsettled = [place for place in watched if not _is_settled(trials[place])]
        return watched


def _is_settled(trial: Trial) -> bool:
    return trial.is_learned and not trial.is_open
