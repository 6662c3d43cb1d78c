"""Which part of the search space fails: one or two conditions on hyperparameters that tell failed trials from others.

A condition is a threshold on a number or one choice. Of all of them, and of pairs, the one is taken under which the
counts are least likely by chance (Fisher's exact test, one-sided, the probability multiplied by the number of
conditions tried: Bonferroni). It is told only where that is below `LEVEL`, where most trials under it fail and where
it holds most of the failures: status must not send anybody looking in the wrong place.
"""

from __future__ import annotations

import functools
import json
import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.sweep.domains import Choice, Hyperparameter
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.sweep.values import Value, identity, is_number, is_same

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState

LEVEL = 0.001
"""Probability by chance above which nothing is said."""
LEAST_FAILED = 5
"""Failures that it takes."""
LEAST_SHARE = 0.7
"""Part of the trials under the conditions that must fail, and part of the failures that must lie under them."""
MOST_THRESHOLDS = 24
"""Thresholds tried for one number, evenly over the values that occurred."""
MOST_TRIALS = 1000
"""The newest trials that are searched for a condition; the counts are of all."""
PAIRED = 12
"""The best single conditions that are tried in pairs."""


@dataclass(frozen=True, slots=True)
class RegionCondition:
    """One condition on one hyperparameter."""

    name: str
    """The hyperparameter."""
    relation: str
    """`<=`, `>=` or `=`."""
    value: Value
    """What it is compared with."""

    @property
    def text(self) -> str:
        """The condition as a person writes it."""
        shown = f"{self.value:g}" if isinstance(self.value, float) else _text(self.value)
        return f"{self.name} {self.relation} {shown}"

    def holds(self, trial: Trial) -> bool:
        """Say whether it holds for a trial; never where the hyperparameter was not active."""
        if self.name not in trial.config:
            return False
        value = trial.config[self.name]
        if self.relation == "=":
            return is_same(value, self.value)
        number, bound = float(value), float(self.value)
        return number <= bound if self.relation == "<=" else number >= bound


@dataclass(frozen=True, slots=True)
class FailingRegion:
    """A part of the search space in which trials fail."""

    conditions: tuple[RegionCondition, ...]
    """One or two; both must hold."""
    failed: int
    """Trials under the conditions that failed or diverged."""
    trials: int
    """Trials under the conditions that ended."""
    failed_elsewhere: int
    """Trials that failed or diverged beside them."""
    trials_elsewhere: int
    """Trials that ended beside them."""
    worker_s: float
    """Seconds of workers that the failures under the conditions took."""


def failing_region(trials: Sequence[Trial], space: Mapping[str, Hyperparameter]) -> FailingRegion | None:
    """Return the part of the search space that fails; None where none is clear."""
    failed = [trial for trial in trials if _has_failed(trial) and trial.withdrawn_s is None]
    if len(failed) < LEAST_FAILED:
        return None
    ended = [trial for trial in trials if trial.state.is_final and trial.withdrawn_s is None]
    if len(failed) == len(ended):
        return None
    searched = ended[-MOST_TRIALS:]
    bad = _bits(map(_has_failed, searched))
    singles = [_Marked(one, _bits(map(one.holds, searched))) for one in _conditions(searched, space)]

    def chance(parts: tuple[_Marked, ...]) -> float:
        under = functools.reduce(operator.and_, (part.under for part in parts))
        return hypergeometric_tail((under & bad).bit_count(), under.bit_count(), bad.bit_count(), len(searched))

    def weighed(parts: tuple[_Marked, ...]) -> float:
        # One on what is there under another's condition alone tells of two, and each beyond the first must be worth it.
        told = sum(2 if space[part.condition.name].when else 1 for part in parts)
        return chance(parts) * float(len(singles)) ** (told - 1)

    best_first = sorted(singles, key=lambda single: weighed((single,)))[:PAIRED]
    pairs = [pair for pair in combinations(best_first, 2) if pair[0].condition.name != pair[1].condition.name]
    tried: list[tuple[_Marked, ...]] = [*((single,) for single in best_first), *pairs]
    if not tried:
        return None
    count = len(singles) + math.comb(len(singles), 2)
    found = min(tried, key=weighed)
    region = _region(tuple(part.condition for part in found), ended)
    is_clear = region.failed >= LEAST_SHARE * max(region.trials, len(failed)) and region.failed >= LEAST_FAILED
    return region if is_clear and chance(found) * count < LEVEL else None


def region_of(state: SweepState) -> FailingRegion | None:
    """Return the same of a sweep, whose trials are looked at one by one only where enough of them failed."""
    counts = state.counts()
    if counts[TrialState.FAILED] + counts[TrialState.DIVERGED] < LEAST_FAILED:
        return None
    return failing_region(state.trials, state.plan.spec.search_space)


class _Marked(NamedTuple):
    """A condition, and under which trials it holds."""

    condition: RegionCondition
    under: int
    """A bit for each trial, so that two conditions are held together by one operation."""


def _bits(held: Iterable[bool]) -> int:
    return int("".join("1" if holds else "0" for holds in held) or "0", 2)


def _has_failed(trial: Trial) -> bool:
    return trial.state is TrialState.FAILED or trial.state is TrialState.DIVERGED


def _conditions(ended: Sequence[Trial], space: Mapping[str, Hyperparameter]) -> Iterator[RegionCondition]:
    for name, domain in space.items():
        values = {identity(value): value for trial in ended for value in _of(trial, name)}.values()
        if len(values) < 2:
            continue
        if isinstance(domain, Choice) and not all(map(is_number, values)):
            yield from (RegionCondition(name, "=", value) for value in sorted(values, key=_text))
            continue
        ordered = sorted(value for value in values if is_number(value))
        step = max(1, len(ordered) // MOST_THRESHOLDS)
        yield from (RegionCondition(name, "<=", value) for value in ordered[:-1:step])
        yield from (RegionCondition(name, ">=", value) for value in ordered[1::step])


def _of(trial: Trial, name: str) -> list[Value]:
    """Return the value of a hyperparameter in a trial; nothing where it was not active."""
    return [trial.config[name]] if name in trial.config else []


def _text(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def hypergeometric_tail(hits: int, drawn: int, marked: int, total: int) -> float:
    """Return the probability of `hits` or more marked among `drawn` of `total`, `marked` of which are marked."""
    ways = sum(
        math.comb(marked, found) * math.comb(total - marked, drawn - found)
        for found in range(hits, min(drawn, marked) + 1)
    )
    return ways / math.comb(total, drawn)


def _region(conditions: tuple[RegionCondition, ...], ended: Sequence[Trial]) -> FailingRegion:
    under = [trial for trial in ended if all(condition.holds(trial) for condition in conditions)]
    failed = [trial for trial in under if _has_failed(trial)]
    worker_s = sum(attempt.charged_s for trial in failed for attempt in trial.attempts)
    others = sum(map(_has_failed, ended)) - len(failed)
    return FailingRegion(conditions, len(failed), len(under), others, len(ended) - len(under), worker_s)
