"""Asynchronous successive halving, stopping variant: at each rung the trials that trail those before them stop.

Li et al. 2018, "A System for Massively Parallel Hyperparameter Tuning", arXiv:1810.05934; the rule for stopping
instead of promoting is the one of Ray Tune's `async_hyperband.py` (`_Bracket.on_result`): a value is compared with
the (1 - 1/eta) percentile, linearly interpolated as `numpy.percentile` does, of the values that came to this rung of
this bracket *before* it. Its own value is left out of that comparison and enters the rung whatever the verdict. So
the first to arrive always goes on, and which ones stop depends on the order of arrival.

Unlike Ray's, a report enters a rung only where its fidelity is the rung's, and once a trial: whoever reports 5, 10, 15
or resumes at 10 writes no later value into an earlier rung.

And unlike Ray's, **a rung whose ranks say nothing stops nobody**. Whoever comes to the next rung, or to the end of the
training, shows how it ranks there beside how it ranked here. While Kendall's tau of the newest `PAIRS` such pairs is at
most `ranks`, everybody goes on, which brings more pairs, of the weak too. With fewer than `FEWEST` pairs the rung
judges: to stop nobody until there are as many costs a small sweep its budget (decision 48).
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from itertools import chain, combinations
from math import isfinite
from typing import NamedTuple, TypeAlias

from pydantic import Field

from orchestrator.schedulers import Scheduler, rungs
from orchestrator.schedulers._rungs import judgement, percentile, require_finite, rung_at
from orchestrator.sweep.domains import Record, StrictFloat, StrictInt
from orchestrator.sweep.judgement import Judgement
from orchestrator.sweep.plan import Bracket
from orchestrator.sweep.spec import Fidelity, Goal

PAIRS = 20
"""So many newest pairs count."""
FEWEST = 6
"""With fewer nothing is said of a rung."""

_Pair: TypeAlias = tuple[float, float]
"""What a trial had at a rung, and at the next."""


class _Place(NamedTuple):
    """What is kept of one rung."""

    here: dict[int, float]
    """What came to it, by trial, in order."""
    earlier: dict[int, float]
    """Likewise what came to the rung before; nothing at the first."""
    pairs: deque[_Pair]
    """The newest of what had come to the rung before and came here."""
    ranked: list[float]
    """What is judged by, ascending, greater is better."""
    is_judged: bool
    """Whether trials are judged here: not at the training's end."""

    def enter(self, trial: int, value: float) -> bool:
        """Note a trial's first value here, and say whether it is judged."""
        if trial in self.here:
            return False
        before = self.earlier.get(trial)
        if before is not None:
            self.pairs.append((before, value))
        self.here[trial] = value
        return self.is_judged


class AshaScheduler(Scheduler):
    """Stops the trials that trail at a rung."""

    class Options(Scheduler.Options):
        """How often to hedge the first rung."""

        brackets: StrictInt = Field(1, ge=1, le=10)
        """Bracket 1 begins at the second rung, 2 at the third, for when early values mislead; at most one a rung."""
        ranks: StrictFloat = Field(0.2, ge=-1, le=1)
        """A rung stops nobody while its ranks agree with those at the next by no more than this: 1 is the same order, 0
        chance, by Kendall's tau. -1: every rung judges always."""

    options: Options

    def __init__(
        self, brackets: tuple[Bracket, ...], fidelity: Fidelity, goal: Goal, options: Record, seed: int
    ) -> None:
        super().__init__(brackets, fidelity, goal, options, seed)
        self._values: defaultdict[tuple[int, float], dict[int, float]] = defaultdict(dict)
        self._ranked: defaultdict[tuple[int, float], list[float]] = defaultdict(list)
        self._pairs: defaultdict[tuple[int, float], deque[_Pair]] = defaultdict(lambda: deque(maxlen=PAIRS))
        self._ends = tuple(bracket.rungs_to(fidelity.max) for bracket in brackets)

    @classmethod
    def plan(cls, fidelity: Fidelity, options: Record) -> tuple[Bracket, ...]:
        """Return the brackets; a trial's chance of one is in proportion to eta^rungs / (rungs + 1).

        These are Hyperband's shares (Li et al. 2018, JMLR 18(185), algorithm 1): all brackets cost about the same.
        """
        assert isinstance(options, AshaScheduler.Options)
        longest = rungs(fidelity)
        ladders = [longest[start:] for start in range(min(options.brackets, max(1, len(longest))))]
        weights = [fidelity.reduction_factor ** len(ladder) / (len(ladder) + 1) for ladder in ladders]
        return tuple(
            Bracket(rungs=ladder, share=weight / sum(weights)) for ladder, weight in zip(ladders, weights, strict=True)
        )

    @classmethod
    def survival(cls, fidelity: Fidelity) -> float:
        """Return 1/eta."""
        return 1 / fidelity.reduction_factor

    def show(self, trial: int, bracket: int, fidelity: float, value: float) -> Judgement | None:
        """Note the value if it is the trial's first at this rung, and judge it by the earlier ones.

        Raises ValueError for a value that is not finite.
        """
        require_finite(trial, fidelity, value)
        rung = rung_at(self._ends[bracket], fidelity)
        if rung is None or not self._place(bracket, rung).enter(trial, value):
            return None
        earlier, score = self._ranked[bracket, rung], self.sign * value
        is_heard = bool(earlier) and self._says_something(bracket, rung)
        cutoff = percentile(earlier, 1 - 1 / self.fidelity.reduction_factor) if is_heard else None
        found = judgement(rung, score, cutoff, self.sign, len(earlier))
        insort(earlier, score)
        return found

    def show_all(self, shown: Iterable[tuple[int, int, float, float]]) -> None:
        """Note the values that fall on rungs, and rank each rung once."""
        places: list[dict[float, _Place | None]] = [{} for _ in self._ends]
        for trial, bracket, fidelity, value in shown:
            if not isfinite(value):
                require_finite(trial, fidelity, value)
            try:
                place = places[bracket][fidelity]
            except KeyError:
                rung = rung_at(self._ends[bracket], fidelity)
                place = places[bracket][fidelity] = None if rung is None else self._place(bracket, rung)
            if place is not None and place.enter(trial, value):
                place.ranked.append(self.sign * value)
        for place in chain.from_iterable(of_bracket.values() for of_bracket in places):
            if place is not None:
                place.ranked.sort()

    def _place(self, bracket: int, rung: float) -> _Place:
        """Return what is kept of a rung, or of the training's end, where nobody is judged."""
        ends = self._ends[bracket]
        number, here = ends.index(rung), self._values[bracket, rung]
        if number == 0:
            return _Place(here, {}, deque(), self._ranked[bracket, rung], is_judged=len(ends) > 1)
        before = ends[number - 1]
        earlier, pairs = self._values[bracket, before], self._pairs[bracket, before]
        return _Place(here, earlier, pairs, self._ranked[bracket, rung], is_judged=number < len(ends) - 1)

    def snapshot(self) -> dict[int, dict[float, dict[int, float]]]:
        """Return bracket -> rung, or end of the training -> trial -> value, in order of arrival."""
        found: dict[int, dict[float, dict[int, float]]] = {}
        for (bracket, rung), values in sorted(self._values.items()):
            if values:
                found.setdefault(bracket, {})[rung] = dict(values)
        return found

    def _says_something(self, bracket: int, rung: float) -> bool:
        pairs = self._pairs[bracket, rung]
        return self.options.ranks == -1 or len(pairs) < FEWEST or _tau(pairs) > self.options.ranks


def _tau(pairs: Sequence[_Pair]) -> float:
    """Return Kendall's tau: by how much more pairs of pairs are in the same order on both sides than are not."""
    agreeing = sum(_order(a[0] - b[0]) * _order(a[1] - b[1]) for a, b in combinations(pairs, 2))
    return agreeing / (len(pairs) * (len(pairs) - 1) / 2)


def _order(difference: float) -> int:
    return (difference > 0) - (difference < 0)


MEMBER = AshaScheduler
