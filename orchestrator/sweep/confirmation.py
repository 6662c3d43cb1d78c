"""What fresh seeds say: who has won, by how much, and whether that is more than luck. Arithmetic on values alone.

The best of many single trainings is the luckiest of them: its score is too good by about one standard deviation between
seeds, and another candidate may be better. So the best **contenders** are trained again with fresh seeds, in two parts:

    race       chooses among them. The choice is the best mean of a contender's race and its own, first training; a
               single training counts as lucky by one standard deviation
    confirm    trains the chosen one, and the baseline, with further seeds. What is reported rests on these, which chose
               among no contenders, and on the baseline's own, first training, which nothing chose
    last       the better mean of these two wins. The better of two means is too good by what that choice is worth on
               average: where the means vary by V and W, and lie z standard errors S = sqrt(V + W) of their difference
               apart in truth, that is V / S phi(z) / Phi(z) for the one that varies by V. So much is taken off it,
               with what is seen for z, whose square is too large by 1 on average

    spread     standard deviation between a configuration's seeds, moderated by those of the others (`seed_spread`). The
               baseline's first training counts as well: it was not chosen for its value. The race, which only spends,
               takes them all for equal and pools
    interval   mean +- t(df) * spread / sqrt(n), Student's t at 97.5 %: it holds the true mean in 95 of 100 sweeps; that
               of a difference by Welch and Satterthwaite

Where two replicates and the training that they repeat agree in every report, to the last digit, there is no spread to
speak of: the training fixes its own seed, or is exact.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from orchestrator.sweep.seed_spread import (
    Sample,
    Spread,
    mean_of,
    moderated,
    of_difference,
    pooled,
    sample_of,
)
from orchestrator.sweep.spec import Goal
from orchestrator.sweep.standing import holds_bounds, ranked, sign_of
from orchestrator.sweep.trial import Trial, TrialState

Part: TypeAlias = Literal["race", "confirm"]
"""What a replicate is for: `Trial.move`."""


class WinnerVerdict(StrEnum):
    """What the fresh seeds say of the winner."""

    BETTER = "better than the baseline"
    """The interval of the difference lies above zero."""
    ALIKE = "cannot be told apart from the baseline"
    """The interval of the difference holds zero."""
    BASELINE = "keep the baseline"
    """What was chosen is no better over fresh seeds."""
    ALONE = "confirmed without a baseline"
    """The baseline has no value to compare with."""
    EXACT = "the training repeats itself"
    """Fresh seeds change nothing: it fixes its own seed, or is exact."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A configuration that is confirmed, or might be."""

    trial: Trial
    """Whose configuration it is."""
    race: tuple[float, ...]
    """Values of its replicates that chose, in the order of their numbers."""
    confirm: tuple[float, ...]
    """Values of those that report, likewise."""
    pending: Mapping[Part, int]
    """Its replicates that have not ended, by what they are for."""
    is_out: bool
    """Whether one of its replicates diverged, failed or broke a bound: what is fit only sometimes wins nothing."""
    is_alike: bool
    """Whether all its replicates so far, one at least, agree with its own training in every report."""

    @property
    def first(self) -> float:
        """Value of the training by which it became a contender."""
        assert self.trial.value is not None
        return self.trial.value

    @property
    def is_baseline(self) -> bool:
        """Say whether it is the baseline, which races with nobody."""
        return self.trial.number == 0

    @property
    def is_exact(self) -> bool:
        """Say whether fresh seeds are seen to change nothing."""
        return self.is_alike and len(self.race) + len(self.confirm) >= 2

    @property
    def fair(self) -> tuple[float, ...]:
        """Values that chose it from no contenders: what reports, and the baseline's own training."""
        return (self.first, *self.confirm) if self.is_baseline else self.confirm

    def begun(self, part: Part) -> int:
        """Return how many replicates it has for a part, ended well or not yet."""
        return len(self.race if part == "race" else self.confirm) + self.pending[part]


@dataclass(frozen=True, slots=True)
class FreshScore:
    """What fresh seeds say of one configuration."""

    mean: float
    """Over seeds that chose it from no contenders; the winner's less what being the better of two is worth."""
    spread: float | None
    """Standard deviation between its seeds, moderated by those of the others; None where nothing can be said."""
    n: int
    """How many seeds."""
    low: float | None
    """Lower end of the interval that holds the true mean at 95 %; None without a spread."""
    high: float | None
    """Upper end of it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much the chosen one is better than the baseline, whichever way the goal points."""

    mean: float
    """Positive is better."""
    low: float | None
    """Lower end of its interval at 95 %; None where no spread is known."""
    high: float | None
    """Upper end of it."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the fresh seeds of a sweep say so far."""

    winner: int
    """Number of the trial that has won."""
    verdict: WinnerVerdict
    """What they say of it."""
    scores: Mapping[int, FreshScore]
    """By trial: the chosen one's and the baseline's."""
    difference: Difference | None
    """None where there is no baseline to compare with, or fresh seeds change nothing."""


def contenders(goal: Goal, trials: Sequence[Trial], replicates: Iterable[Trial], top: int) -> list[Contender]:
    """Return the `top` best completed trials, those that were begun, and the baseline if it completed, best first.

    Only trainings of full length count. The baseline is one beside the `top`.
    """
    repeated: dict[int, list[Trial]] = {}
    for replicate in replicates:
        assert replicate.replicates is not None
        repeated.setdefault(replicate.replicates, []).append(replicate)
    full = [t for t in ranked(goal, trials) if t.state is TrialState.COMPLETED and t.max_fidelity is None]
    rivals = {trial.number for trial in [trial for trial in full if trial.number][:top]}
    wanted = {0, *rivals, *repeated}
    return [_contender(trial, repeated.get(trial.number, [])) for trial in full if trial.number in wanted]


def chosen(goal: Goal, found: Sequence[Contender]) -> Contender | None:
    """Return who leads the race; None before anybody has raced, and where everybody is out."""
    raced = [contender for contender in found if contender.race and not contender.is_baseline and not contender.is_out]
    spread = pooled_spread(found, with_first=True)
    return max(raced, key=lambda c: (sign_of(goal) * estimate(goal, c, spread), -c.trial.number), default=None)


def estimate(goal: Goal, contender: Contender, spread: Spread | None) -> float:
    """Return what a contender is held to be worth: a single training is lucky by one standard deviation."""
    if contender.race:
        return mean_of([contender.first, *contender.race])
    return contender.first - sign_of(goal) * (0.0 if spread is None else spread.deviation)


def confirmation(goal: Goal, found: Sequence[Contender]) -> Confirmation | None:
    """Return what fresh seeds say; None while nothing was confirmed."""
    if any(contender.is_exact for contender in found):
        best = found[0].trial.number  # as the single trainings rank them: there is no luck in them
        return Confirmation(best, WinnerVerdict.EXACT, {}, None)
    baseline = next((c for c in found if c.is_baseline and c.confirm and not c.is_out), None)
    pick = chosen(goal, found)
    if pick is None or not pick.confirm:
        everybody_is_out = all(c.is_out for c in found if not c.is_baseline)
        if baseline is None or not everybody_is_out:
            return None
        return Confirmation(0, WinnerVerdict.BASELINE, {0: _score(baseline, _own_spread(baseline, found))}, None)
    spread = _own_spread(pick, found)
    if baseline is None:
        is_awaited = any(c.is_baseline and not c.is_out for c in found)
        scores = {pick.trial.number: _score(pick, spread)}
        return None if is_awaited else Confirmation(pick.trial.number, WinnerVerdict.ALONE, scores, None)
    return _compared(goal, (pick, spread), (baseline, _own_spread(baseline, found)), found)


def pooled_spread(found: Iterable[Contender], *, with_first: bool = False) -> Spread | None:
    """Return the spread between seeds over these contenders; None where no two fair trainings share a configuration.

    `with_first` counts the first trainings of all as well, which were chosen for their values: it errs upwards.
    """
    return pooled(_sample(contender, with_first=with_first) for contender in found)


_Judged: TypeAlias = tuple[Contender, Spread | None]
"""A contender, and how far its seeds lie apart; None where nothing was repeated, which holds for all or for none."""


def _compared(goal: Goal, pick: _Judged, baseline: _Judged, found: Sequence[Contender]) -> Confirmation:
    """Return who of the two has the better mean, and whether that is more than luck."""
    mean = sign_of(goal) * (mean_of(pick[0].fair) - mean_of(baseline[0].fair))
    winner, other = (baseline, pick) if mean <= 0 else (pick, baseline)
    errors = [spread.of_mean(len(who.fair)) for who, spread in (winner, other) if spread is not None]
    difference, worth, half = Difference(mean, None, None), 0.0, math.inf
    if len(errors) == 2:
        apart = of_difference(errors[0], errors[1], [_sample(contender) for contender in found])
        half, worth = apart.half_width(), _worth_of_choice(abs(mean), errors[0].deviation, apart.deviation)
        difference = Difference(mean, mean - half, mean + half)
    scores = {
        winner[0].trial.number: _score(*winner, less=sign_of(goal) * worth),
        other[0].trial.number: _score(*other),
    }
    if mean <= 0:
        return Confirmation(0, WinnerVerdict.BASELINE, scores, difference)
    verdict = WinnerVerdict.BETTER if mean > half else WinnerVerdict.ALIKE
    return Confirmation(pick[0].trial.number, verdict, scores, difference)


def _own_spread(contender: Contender, found: Iterable[Contender]) -> Spread | None:
    return moderated(_sample(contender), map(_sample, found))


def _sample(contender: Contender, *, with_first: bool = False) -> Sample:
    """Return what a contender's fair trainings say of its spread; all of its trainings `with_first`."""
    is_fair = with_first or contender.is_baseline
    return sample_of([*([contender.first] if is_fair else []), *contender.race, *contender.confirm])


def _contender(trial: Trial, replicates: Sequence[Trial]) -> Contender:
    ended = [replicate for replicate in replicates if replicate.state.is_final]
    done = [r for r in ended if r.state is TrialState.COMPLETED and holds_bounds(r)]
    values = {part: tuple(r.value for r in done if r.move == part and r.value is not None) for part in _PARTS}
    pending = {part: sum(1 for r in replicates if r.move == part and not r.state.is_final) for part in _PARTS}
    is_alike = bool(done) and all(replicate.values == trial.values for replicate in done)
    is_out = len(done) < len(ended)
    return Contender(trial, values["race"], values["confirm"], pending, is_out, is_alike)


_PARTS: tuple[Part, ...] = ("race", "confirm")


def _worth_of_choice(apart: float, own: float, error: float) -> float:
    """Return by how much the better of two means, so far `apart`, is too good on average.

    `own` is its standard error, `error` that of the difference.
    """
    if error == 0:
        return 0.0
    ratio = apart / error
    normal, z = statistics.NormalDist(), math.sqrt(max(0.0, ratio * ratio - 1))
    return own * (own / error) * normal.pdf(z) / normal.cdf(z)


def _score(contender: Contender, spread: Spread | None, less: float = 0.0) -> FreshScore:
    mean, n = mean_of(contender.fair) - less, len(contender.fair)
    if spread is None:
        return FreshScore(mean, None, n, None, None)
    half = spread.of_mean(n).half_width()
    return FreshScore(mean, spread.deviation, n, mean - half, mean + half)
