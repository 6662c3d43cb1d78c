"""Reading a learning curve: what it says about the learning rate, and what to do next.

The rules are those of the articles ([E], reading a learning curve): falls very slowly, too low; oscillates but comes
down, somewhat too high; grows, far too high; falls, then swings around a floor, decay it. Overfitting and "still
improving" are read from the validation values beside it. Every threshold was chosen on curves of real trainings
(`scripts/record-curves`, which prints how well they do).

All that is compared are shares and ratios, so a loss may have any unit. It must lie above 0, though: of one that
does not, and of curves without any loss, only what the validation metric shows is said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate, pairwise
from statistics import median

from orchestrator.sweep.spec import Goal
from orchestrator.sweep.standing import is_loss_like

MIN_REPORTS = 4
"""Fewer reports are no curve."""


class CurveVerdict(StrEnum):
    """What a curve shows."""

    TOO_SHORT = "too_short"
    """Fewer than MIN_REPORTS reports: nothing is said."""
    DIVERGING = "diverging"
    """It grows, is not finite, or jumped and then learned nothing: the rate is far too high."""
    OSCILLATING = "oscillating"
    """It comes down, but by leaps and bounds: the rate is somewhat too high."""
    TOO_LOW = "too_low"
    """It falls smoothly and very slowly."""
    OVERFITTING = "overfitting"
    """Validation grew worse while the training loss went on falling."""
    PLATEAU = "plateau"
    """It fell, then swung around a floor: decay the rate now."""
    STILL_IMPROVING = "still_improving"
    """It was still falling when the training ended."""
    HEALTHY = "healthy"
    """Nothing to be said against it."""


@dataclass(frozen=True)
class CurvePoint:
    """What one report says; None where it does not say it."""

    fidelity: float
    """How much training it had, e.g. epochs."""
    train_loss: float | None = None
    val_loss: float | None = None
    val_metric: float | None = None
    """The objective, where it is no loss: an accuracy, say."""


@dataclass(frozen=True)
class Diagnosis:
    """What a curve shows, by which numbers, and what to do."""

    verdict: CurveVerdict
    advice: str
    """One sentence for a person."""
    change: str | None = None
    """The same as an override for the command line, `key=value`; None: nothing to change, or the rate is unknown."""
    saw: Mapping[str, float] = field(default_factory=dict)
    """The numbers that it was read from, by name; each is explained at `_Shape`."""


@dataclass(frozen=True)
class _Shape:
    """A loss curve in numbers without a unit."""

    reports: float
    left: float
    """The loss at the end as a share of the first; the end is the median of the last fifth."""
    rises: float
    """Share of the steps from report to report that go up."""
    jump: float
    """The largest rise from the lowest loss so far, as a ratio."""
    spike: float
    """The highest loss as a multiple of the end's."""
    halved_after: float
    """Reports until the loss was half of the first; all of them where it never was."""
    settled: float
    """How much it fell after the third report, as a share."""
    late_fall: float
    """How much it fell from the middle to the end, as a share of the end's."""

    @classmethod
    def of(cls, losses: Sequence[float]) -> _Shape:
        steps = list(pairwise(losses))
        end = _end(losses)
        return cls(
            reports=len(losses),
            left=end / losses[0],
            rises=sum(late > early for early, late in steps) / len(steps),
            jump=_jump(losses),
            spike=max(losses) / end,
            halved_after=next((at for at, loss in enumerate(losses) if loss <= losses[0] / 2), len(losses)),
            settled=1 - end / losses[min(2, len(losses) - 1)],
            late_fall=_late_fall(losses),
        )


def diagnose(
    curve: Sequence[CurvePoint],
    *,
    goal: Goal = "maximize",
    learning_rate: float | None = None,
    untrained_loss: float | None = None,
) -> Diagnosis:
    """Name what `curve`, one training's reports in order, shows.

    `goal` is the way in which `val_metric` is better. With the training's `learning_rate` the advice holds figures.
    The training loss is read where every report has it, else the validation loss. A training that blew up at once and
    then stayed at chance is told by its metric; where there is none, give `untrained_loss`, which for cross-entropy is
    the logarithm of the number of classes.
    """
    advise = _Adviser(curve, learning_rate)
    if any(not math.isfinite(value) for point in curve for value in _values(point)):
        return advise(CurveVerdict.DIVERGING, {"reports": len(curve)})
    if len(curve) < MIN_REPORTS:
        return advise(CurveVerdict.TOO_SHORT, {"reports": len(curve)})
    train, held, metric = (_column(curve, name) for name in ("train_loss", "val_loss", "val_metric"))
    if metric is not None and is_loss_like(goal):
        held, metric = held or metric, None
    read = next((losses for losses in (train, held) if losses and min(losses) > 0), None)
    if read is None:
        return _by_metric(advise, metric) if metric else advise(CurveVerdict.TOO_SHORT, {"reports": 0})
    shape = _Shape.of(read)
    saw = {name: getattr(shape, name) for name in _Shape.__dataclass_fields__}
    if metric:
        saw["gain"] = _gain(metric)
    if untrained_loss:
        saw["of_untrained"] = _end(read) / untrained_loss
    if held and min(held) > 0:
        saw.update(_regrowth(held, read))
        saw.update(held_late_fall=_late_fall(held), held_jump=_jump(held))
    return advise(_verdict(saw), saw)


def _verdict(saw: Mapping[str, float]) -> CurveVerdict:
    """Return the first that fits: what is worse stands first."""
    if _diverges(saw):
        return CurveVerdict.DIVERGING
    is_long = saw["reports"] >= 8  # in fewer, one bad report is a trend
    if is_long and saw.get("regrowth", 1) >= 1.12 and saw["lowest_at"] <= 0.75 and saw["since_lowest"] <= 0.7:
        return CurveVerdict.OVERFITTING
    if saw["rises"] <= 0.1 and saw["halved_after"] >= max(4, saw["reports"] / 4):
        return CurveVerdict.TOO_LOW
    leap = min(saw["jump"], saw.get("held_jump", saw["jump"]))  # noise in one of the two losses is no oscillation
    is_floor = saw["left"] >= 0.2 and saw["rises"] >= 0.2 and saw["late_fall"] < 0.1
    if saw["rises"] >= 0.2 and leap >= (2.5 if is_floor else 1.7):
        return CurveVerdict.OSCILLATING
    if saw["late_fall"] >= 0.35 and saw.get("held_late_fall", 1) >= 0.05:
        return CurveVerdict.STILL_IMPROVING
    return CurveVerdict.PLATEAU if is_floor else CurveVerdict.HEALTHY


def _diverges(saw: Mapping[str, float]) -> bool:
    """Say whether it grows, or moves without learning; a rate that is too low learns nothing either, but smoothly."""
    if saw["spike"] >= 50 and saw.get("gain", 1) <= 0:
        return True  # it came down from a blow-up, and the metric had nothing from it
    if saw["rises"] >= 0.1 and saw.get("of_untrained", 0) >= 0.97:
        return True
    if saw["rises"] < 0.25:
        return False
    is_flat = saw["settled"] <= 0.1
    if "gain" in saw:
        learned_nothing = (is_flat or saw["spike"] >= 50) and saw["gain"] <= 0.1
    else:
        learned_nothing = is_flat and saw["spike"] >= 10  # a blow-up at once, then only noise
    return saw["left"] >= 0.97 or learned_nothing


def _regrowth(held: Sequence[float], read: Sequence[float]) -> dict[str, float]:
    """Return how far validation ended above its lowest, when that was, and what became of the training loss since."""
    smooth = [median(held[max(0, at - 1) : at + 2]) for at in range(len(held))]
    lowest = min(range(len(held)), key=smooth.__getitem__)
    return {
        "regrowth": _end(held) / smooth[lowest],
        "lowest_at": lowest / len(held),
        "since_lowest": _end(read) / median(read[max(0, lowest - 1) : lowest + 2]),
    }


def _by_metric(advise: _Adviser, metric: Sequence[float]) -> Diagnosis:
    """Read a curve of which only a metric to maximize is known."""
    best = max(range(len(metric)), key=metric.__getitem__)
    span = max(metric) - min(metric)
    if span == 0:
        return advise(CurveVerdict.PLATEAU, {"reports": len(metric), "span": 0.0})
    half = len(metric) // 2
    quarter = max(1, len(metric) // 4)
    saw = {
        "reports": float(len(metric)),
        "span": span,
        "best_at": (best + 1) / len(metric),
        "lost_since_best": (metric[best] - _end(metric)) / span,
        "late_gain": (median(metric[-quarter:]) - median(metric[half : half + quarter])) / span,
    }
    if saw["lost_since_best"] >= 0.5:
        return advise(CurveVerdict.DIVERGING, saw)
    if saw["lost_since_best"] >= 0.1 and saw["best_at"] <= 0.75:
        return advise(CurveVerdict.OVERFITTING, saw)
    return advise(CurveVerdict.STILL_IMPROVING if saw["late_gain"] >= 0.1 else CurveVerdict.HEALTHY, saw)


class _Adviser:
    """Puts a verdict into words, with the trial's own learning rate where it is known."""

    def __init__(self, curve: Sequence[CurvePoint], learning_rate: float | None) -> None:
        self._rate = learning_rate
        self._reached = curve[-1].fidelity if curve else 0.0

    def __call__(self, verdict: CurveVerdict, saw: Mapping[str, float]) -> Diagnosis:
        advice, change = self._words(verdict)
        return Diagnosis(verdict, advice, change, {name: float(f"{value:.4g}") for name, value in saw.items()})

    def _words(self, verdict: CurveVerdict) -> tuple[str, str | None]:
        match verdict:
            case CurveVerdict.DIVERGING:
                return "the learning rate is far too high: halve it at least", self._rate_line("high", 1 / 2)
            case CurveVerdict.OSCILLATING:
                return "the learning rate is somewhat too high: try a third of it", self._rate_line("high", 1 / 3)
            case CurveVerdict.TOO_LOW:
                return "the learning rate is too low: try ten times as much", self._rate_line("low", 10)
            case CurveVerdict.PLATEAU:
                return "it swings around a floor: let the learning rate decay", (
                    "search_space.schedule={choices: [none, cosine, step], default: cosine}"
                )
            case CurveVerdict.OVERFITTING:
                return "it learns its examples by heart: more weight decay or dropout, or stop earlier", (
                    "search_space.weight_decay={low: 1.0e-5, high: 1.0e-2, scale: log, default: 5.0e-4}"
                )
            case CurveVerdict.STILL_IMPROVING:
                return "it had not come to its end: train longer", f"fidelity.max={2 * self._reached:g}"
            case CurveVerdict.TOO_SHORT:
                return f"report at least {MIN_REPORTS} times with a finite loss or metric to have it read", None
            case CurveVerdict.HEALTHY:
                return "nothing to change", None

    def _rate_line(self, bound: str, times: float) -> str | None:
        if self._rate is None:
            return None
        return f"search_space.learning_rate.{bound}={self._rate * times:.3g}"


def _values(point: CurvePoint) -> list[float]:
    return [value for value in (point.train_loss, point.val_loss, point.val_metric) if value is not None]


def _column(curve: Sequence[CurvePoint], name: str) -> list[float] | None:
    """Return one value of every report; None where a report lacks it."""
    values = [getattr(point, name) for point in curve]
    return None if None in values else values


def _end(values: Sequence[float]) -> float:
    return median(values[-max(1, len(values) // 5) :])


def _jump(losses: Sequence[float]) -> float:
    """Return the largest rise from the lowest so far, as a ratio."""
    return max(loss / low for loss, low in zip(losses, accumulate(losses, min), strict=True))


def _late_fall(losses: Sequence[float]) -> float:
    """Return how far it fell from the quarter after the middle to the last, as a share of the end."""
    half, quarter = len(losses) // 2, max(1, len(losses) // 4)
    return (median(losses[half : half + quarter]) - median(losses[-quarter:])) / _end(losses)


def _gain(metric: Sequence[float]) -> float:
    """Return how far a metric rose from the first report to the end, as a share of the first.

    Of one between 0 and 1 that ends at 0.8 or more, at least that end: a model that is tuned further starts high, and
    has not learned nothing because it gains little.
    """
    end = _end(metric)
    gain = (end - metric[0]) / max(abs(metric[0]), 1e-12)
    is_high_share = min(metric) >= 0 and max(metric) <= 1 and end >= 0.8
    return max(gain, end) if is_high_share else gain
