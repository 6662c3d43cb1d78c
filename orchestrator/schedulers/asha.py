"""Asynchronous successive halving, stopping variant: at each rung the trials that trail those before them stop.

Li et al. 2018, "A System for Massively Parallel Hyperparameter Tuning", arXiv:1810.05934; the rule for stopping
instead of promoting is the one of Ray Tune's `async_hyperband.py` (`_Bracket.on_result`): a value is compared with
the (1 - 1/eta) percentile, linearly interpolated as `numpy.percentile` does, of the values that came to this rung of
this bracket *before* it. Its own value is left out of that comparison and enters the rung whatever the verdict. So
the first to arrive always goes on, and which ones stop depends on the order of arrival.

Unlike Ray's, a report enters a rung only where its fidelity is the rung's, and once a trial: whoever reports 5, 10, 15
or resumes at 10 writes no later value into an earlier rung.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict

from pydantic import Field

from orchestrator.schedulers import Scheduler, rungs
from orchestrator.schedulers._rungs import judgement, percentile, require_finite, rung_at
from orchestrator.sweep.domains import Record, StrictInt
from orchestrator.sweep.judgement import Judgement
from orchestrator.sweep.plan import Bracket
from orchestrator.sweep.spec import Fidelity, Goal


class AshaScheduler(Scheduler):
    """Stops the trials that trail at a rung."""

    class Options(Scheduler.Options):
        """How often to hedge the first rung."""

        brackets: StrictInt = Field(1, ge=1, le=10)
        """Bracket 1 begins at the second rung, 2 at the third, for when early values mislead; at most one a rung."""

    def __init__(
        self, brackets: tuple[Bracket, ...], fidelity: Fidelity, goal: Goal, options: Record, seed: int
    ) -> None:
        super().__init__(brackets, fidelity, goal, options, seed)
        self._values: defaultdict[tuple[int, float], dict[int, float]] = defaultdict(dict)
        self._ranked: defaultdict[tuple[int, float], list[float]] = defaultdict(list)

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
        rung = rung_at(self.brackets[bracket].rungs, fidelity)
        if rung is None or trial in self._values[bracket, rung]:
            return None
        earlier, score = self._ranked[bracket, rung], self.sign * value
        cutoff = percentile(earlier, 1 - 1 / self.fidelity.reduction_factor) if earlier else None
        found = judgement(rung, score, cutoff, self.sign, len(earlier))
        self._values[bracket, rung][trial] = value
        insort(earlier, score)
        return found

    def snapshot(self) -> dict[int, dict[float, dict[int, float]]]:
        """Return bracket -> rung -> trial -> value, in order of arrival."""
        found: dict[int, dict[float, dict[int, float]]] = {}
        for (bracket, rung), values in sorted(self._values.items()):
            found.setdefault(bracket, {})[rung] = dict(values)
        return found


MEMBER = AshaScheduler
