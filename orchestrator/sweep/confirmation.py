"""What fresh seeds say: who has won, by how much, and whether that is more than luck. Arithmetic on values alone.

The best of many single trainings is the luckiest of them: its score is too good by about one standard deviation between
seeds, and another candidate may be better. So the best **contenders** are trained again with fresh seeds, in two parts:

    race       chooses among them. The choice is the best mean of a contender's race and its own, first training; a
               single training counts as lucky by one standard deviation
    confirm    trains the chosen one, and the baseline, with further seeds. What is reported rests on these, which chose
               among no contenders, and on the baseline's own, first training, which nothing chose
    last       the better mean of these two wins. The better of two means is too good by what that choice is worth on
               average: where m and n seeds stand against each other, z standard errors S of their difference apart in
               truth, that is n / (m + n) S phi(z) / Phi(z) for the mean over m. So much is taken off it, with what is
               seen for z, whose square is too large by 1 on average

    spread     standard deviation between seeds, pooled over everything that was repeated, on df = sum of (n - 1). The
               baseline's first training counts as well: it was not chosen for its value
    interval   mean +- t(df) * spread / sqrt(n), Student's t at 97.5 %: it holds the true mean in 95 of 100 sweeps

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

from orchestrator.sweep.spec import Goal
from orchestrator.sweep.standing import holds_bounds, ranked, sign_of
from orchestrator.sweep.trial import Trial, TrialState

Part: TypeAlias = Literal["race", "confirm"]
"""What a replicate is for: `Trial.move`."""

_T_QUANTILES = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t at 97.5 % for 1 to 30 degrees of freedom, as in any table of it."""


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
    """Standard deviation between seeds, pooled over everything that was repeated; None where nothing can be said."""
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


@dataclass(frozen=True, slots=True)
class Spread:
    """A standard deviation, and on how much it rests."""

    deviation: float
    """Between seeds."""
    df: int
    """Degrees of freedom."""

    def half_width(self, variance: float) -> float:
        """Return half of the interval at 95 % of what varies by so many times the variance between seeds."""
        return t_quantile(self.df) * self.deviation * math.sqrt(variance)


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
        return statistics.fmean([contender.first, *contender.race])
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
        scores = {0: _score(baseline, pooled_spread(found))}
        return Confirmation(0, WinnerVerdict.BASELINE, scores, None)
    spread = pooled_spread(found)
    scores = {c.trial.number: _score(c, spread) for c in (pick, baseline) if c is not None}
    if baseline is None:
        is_awaited = any(c.is_baseline and not c.is_out for c in found)
        return None if is_awaited else Confirmation(pick.trial.number, WinnerVerdict.ALONE, scores, None)
    mean = sign_of(goal) * (scores[pick.trial.number].mean - scores[0].mean)
    half = None if spread is None else spread.half_width(1 / len(pick.fair) + 1 / len(baseline.fair))
    difference = Difference(mean, None, None) if half is None else Difference(mean, mean - half, mean + half)
    winner, other = (baseline, pick) if mean <= 0 else (pick, baseline)
    if spread is not None:
        worth = sign_of(goal) * _worth_of_choice(abs(mean), spread, len(winner.fair), len(other.fair))
        scores[winner.trial.number] = _score(winner, spread, less=worth)
    if mean <= 0:
        return Confirmation(0, WinnerVerdict.BASELINE, scores, difference)
    verdict = WinnerVerdict.BETTER if half is not None and mean > half else WinnerVerdict.ALIKE
    return Confirmation(pick.trial.number, verdict, scores, difference)


def pooled_spread(found: Iterable[Contender], *, with_first: bool = False) -> Spread | None:
    """Return the spread between seeds over these contenders; None where no two fair trainings share a configuration.

    `with_first` counts the first trainings of all as well, which were chosen for their values: it errs upwards.
    """
    squares, df = 0.0, 0
    for contender in found:
        is_fair = with_first or contender.is_baseline
        values = [*([contender.first] if is_fair else []), *contender.race, *contender.confirm]
        if len(values) > 1:
            squares += statistics.variance(values) * (len(values) - 1)
            df += len(values) - 1
    return Spread(math.sqrt(squares / df), df) if df else None


def t_quantile(df: int) -> float:
    """Return Student's t at 97.5 %; beyond 30 degrees of freedom by Cornish and Fisher's expansion."""
    if df <= len(_T_QUANTILES):
        return _T_QUANTILES[df - 1]
    z = 1.959964
    return z + (z**3 + z) / (4 * df) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df**2)


def _contender(trial: Trial, replicates: Sequence[Trial]) -> Contender:
    ended = [replicate for replicate in replicates if replicate.state.is_final]
    done = [r for r in ended if r.state is TrialState.COMPLETED and holds_bounds(r)]
    values = {part: tuple(r.value for r in done if r.move == part and r.value is not None) for part in _PARTS}
    pending = {part: sum(1 for r in replicates if r.move == part and not r.state.is_final) for part in _PARTS}
    is_alike = bool(done) and all(replicate.values == trial.values for replicate in done)
    is_out = len(done) < len(ended)
    return Contender(trial, values["race"], values["confirm"], pending, is_out, is_alike)


_PARTS: tuple[Part, ...] = ("race", "confirm")


def _worth_of_choice(apart: float, spread: Spread, own: int, other: int) -> float:
    """Return by how much the better of two means, so far `apart`, is too good on average: over `own` seeds."""
    error = spread.deviation * math.sqrt(1 / own + 1 / other)
    if error == 0:
        return 0.0
    normal, z = statistics.NormalDist(), math.sqrt(max(0.0, (apart / error) ** 2 - 1))
    return other / (own + other) * error * normal.pdf(z) / normal.cdf(z)


def _score(contender: Contender, spread: Spread | None, less: float = 0.0) -> FreshScore:
    mean, n = statistics.fmean(contender.fair) - less, len(contender.fair)
    if spread is None:
        return FreshScore(mean, None, n, None, None)
    half = spread.half_width(1 / n)
    return FreshScore(mean, spread.deviation, n, mean - half, mean + half)
