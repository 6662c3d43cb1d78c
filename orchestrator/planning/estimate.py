"""What a plan would do and cost, before anything is paid for: trials per stage, rungs, training, hours.

An upper bound holds whatever happens (attempts repeated after lost machines aside). An expectation is given where the
scheduler has an ideal rate of survival, as successive halving has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator import members
from orchestrator.ladders import Ladder, union
from orchestrator.planning.compile import PACKAGES
from orchestrator.planning.making import make_ladder
from orchestrator.planning.survival import trained
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.standing import numbers_of

WORKERS = 8
"""Trials at once to reckon with where neither file nor command line says."""
ASKED_SINGLY = 100
"""Trials in a row that are asked for one by one, and not by ends and middle."""


@dataclass(frozen=True, slots=True)
class StageEstimate:
    """One stage."""

    name: str
    """As in the plan."""
    tune: tuple[str, ...]
    """The block."""
    first: int
    """Number of its first trial."""
    last: int
    """Number of its last trial; below `first` where its share is too small for one."""
    model_based: float
    """Expected number of its proposals that follow a model of earlier results."""
    short: float
    """Expected number of its trainings that a searcher ends before a full one, e.g. coarse-to-fine in its rounds."""

    @property
    def trials(self) -> int:
        """How many trials it gets."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class BracketEstimate:
    """One bracket."""

    rungs: tuple[float, ...]
    """Fidelities at which its trials are compared."""
    share: float
    """Chance of a trial to be put into it."""
    expected: float | None
    """Fidelity that one of its trials is expected to train to, unless a searcher ends it early; None where that
    follows from the curves alone."""


@dataclass(frozen=True, slots=True)
class Hours:
    """What some amount of training takes."""

    gpu: float
    """GPUs times hours."""
    cpu: float
    """CPUs times hours."""
    wall: float
    """Hours on the clock with all workers busy; at least one full training."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan comes to at a number of workers."""

    workers: int
    """Trials at once."""
    stages: tuple[StageEstimate, ...]
    """In order."""
    brackets: tuple[BracketEstimate, ...]
    """The shortest first rung first."""
    configurations: int | None
    """How many different configurations the stages can make, conditions ignored; None: without end."""
    most_fidelity: float
    """Training, in `fidelity.metric`, if every trial is trained in full."""
    expected_fidelity: float | None
    """Training expected; None where that follows from the curves alone."""
    most_hours: Hours | None
    """None until the time of one unit of fidelity is known."""
    expected_hours: Hours | None
    """None likewise, or where `expected_fidelity` is."""
    confirm_fidelity: float
    """What is kept back for confirming, part of both sums; 0 where nothing is confirmed."""
    confirm_hours: Hours | None
    """None as `most_hours`, and where nothing is confirmed."""


def planned_workers(plan: Plan) -> int:
    """Return how many trials at once to reckon with where nobody says: the file's `max_concurrent`, else WORKERS."""
    return plan.spec.resources.max_concurrent or WORKERS


def estimate(plan: Plan, workers: int, seconds_per_fidelity: float | None = None) -> Estimate:
    """Estimate a plan with `workers` trials at once, one unit of fidelity (an epoch) taking so many seconds."""
    full = plan.spec.fidelity.max
    survival = _survival(plan)
    stages, ends = _stages(plan, make_ladder(plan), workers)
    kept = plan.reserve.replicates * full
    most, expected = plan.reserve.trials * full + kept, _expected(plan, ends, survival)
    expected = None if expected is None else expected + kept
    return Estimate(
        workers=workers,
        stages=stages,
        brackets=tuple(BracketEstimate(b.rungs, b.share, trained(b, full, survival)) for b in plan.brackets),
        configurations=plan.space.size(union(plan.stages)),
        most_fidelity=most,
        expected_fidelity=expected,
        most_hours=_hours(plan, workers, most, seconds_per_fidelity),
        expected_hours=_hours(plan, workers, expected, seconds_per_fidelity),
        confirm_fidelity=kept,
        confirm_hours=_hours(plan, workers, kept, seconds_per_fidelity) if kept else None,
    )


class _Chances(NamedTuple):
    """What a ladder says of one trial."""

    model: float
    """Chance to follow a model."""
    short: Mapping[float, float]
    """Where its training may end early, with the chance of each."""


def _stages(
    plan: Plan, ladder: Ladder, workers: int
) -> tuple[tuple[StageEstimate, ...], list[tuple[Mapping[float, float], int]]]:
    """Estimate each stage; returns with them the early ends of all trials, each with how many trials have the same."""

    def ask(number: int) -> _Chances:
        ended = _ended(number, workers)
        return _Chances(ladder.model_probability(number, *ended), ladder.short_trainings(number, *ended))

    found, ends = [], []
    for stage in plan.stages:
        numbers = numbers_of(plan, stage)
        chances = list(_alike(numbers, ask)) if numbers else []
        model_based = sum(told.model * count for told, count in chances)
        ended_early = sum(sum(told.short.values()) * count for told, count in chances)
        found.append(StageEstimate(stage.name, stage.tune, numbers.start, numbers.stop - 1, model_based, ended_early))
        ends += [(told.short, count) for told, count in chances]
    return tuple(found), ends


def _alike(numbers: range, ask: Callable[[int], _Chances]) -> Iterator[tuple[_Chances, int]]:
    """Yield the chances of all trials of one stage, and how many have them.

    They change while a ladder or searcher still waits for enough trials, and are the same from then on: a long run
    whose ends and middle agree is taken to agree throughout, a shorter one is asked for trial by trial. A million
    trials take a few dozen questions so.
    """
    if len(numbers) <= ASKED_SINGLY:
        yield from ((ask(number), 1) for number in numbers)
        return
    half = len(numbers) // 2
    first, middle, last = (ask(number) for number in (numbers[0], numbers[half], numbers[-1]))
    if first == middle == last:
        yield first, len(numbers)
        return
    yield from _alike(numbers[:half], ask)
    yield from _alike(numbers[half:], ask)


def _ended(number: int, workers: int) -> tuple[int, int]:
    """Return how many trials have reported before trial `number`, and ended: all but those beside it."""
    return max(0, number - workers), max(0, number - workers)


def _survival(plan: Plan) -> float | None:
    scheduler = members.build(PACKAGES["scheduler"], plan.spec.scheduler).member
    survival: float | None = scheduler.survival(plan.spec.fidelity)
    return survival


def _expected(plan: Plan, short: Sequence[tuple[Mapping[float, float], int]], survival: float | None) -> float | None:
    """Return the training expected of all trials; `short` holds chances to end early, and how many have them."""
    ends: defaultdict[float, float] = defaultdict(float)
    for chances, count in short:
        for end, chance in chances.items():
            ends[end] += chance * count
        ends[plan.spec.fidelity.max] += (1 - sum(chances.values())) * count
    total = 0.0
    for end, trials in ends.items():
        for bracket in plan.brackets:
            part = trained(bracket, end, survival)
            if part is None:
                return None
            total += trials * bracket.share * part
    return total


def _hours(plan: Plan, workers: int, fidelity: float | None, seconds_per_fidelity: float | None) -> Hours | None:
    if fidelity is None or seconds_per_fidelity is None:
        return None
    worker_hours = fidelity * seconds_per_fidelity / 3600
    one_training = plan.spec.fidelity.max * seconds_per_fidelity / 3600
    wall = max(worker_hours / min(workers, plan.spec.budget.trials), one_training)
    resources = plan.spec.resources
    return Hours(gpu=worker_hours * resources.gpus, cpu=worker_hours * resources.cpus, wall=wall)
