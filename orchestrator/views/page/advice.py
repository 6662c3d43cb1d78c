"""What to do next: at most five sentences, each with its evidence and a command to copy. Without evidence, nothing.

An edge of a range is told only where the three best full trainings in its outermost slice beat the three best of the
slice beside it by more than the noise between seeds, and where the range can go on there: not at a natural bound (0 of
a linear scale, 1 of a fraction) and not where a value beside the range lies.
"""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Iterator

from orchestrator import wording
from orchestrator.policies.brake import REASON as BRAKED
from orchestrator.policies.confirming import confirming, is_search_over, search_trials
from orchestrator.results.failing_region import FailingRegion
from orchestrator.state.never_read import NeverRead, describe
from orchestrator.sweep.confirmation import WinnerVerdict, pooled_spread
from orchestrator.sweep.domains import Float, Hyperparameter, Int
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.views.condition import CAPS, is_finished, more_of, why
from orchestrator.views.page.figures.hyperparameter import best_of_slices
from orchestrator.views.page.figures.progress import improvements
from orchestrator.views.page.hyper_axis import HyperAxis
from orchestrator.views.page.parts import NextStep
from orchestrator.views.page.scene import Scene
from orchestrator.views.status import Status

MOST = 5
"""Sentences in all."""
EACH_SIDE = 3
"""Trainings that are compared on each side of an edge."""
LATE = 0.1
"""A winner that ended in this last part of the spend says that more may come."""


def steps(scene: Scene, status: Status) -> tuple[NextStep, ...]:
    """Return what to do next, the most urgent first."""
    where = shlex.quote(status.folder)
    is_running = status.condition == "running"
    found = [*_stopped(scene, where, is_running=is_running), *_failing(status.failing_region)]
    found += _never_read(status.summary.never_read)
    found += _edges(scene, status.folder)
    if not is_running:
        found += [*_unconfirmed(scene, where, status.summary.confirm.text), *_more(scene, where)]
        found += _curve(status)
    found += _use(scene, where)
    return tuple(NextStep(step.text, "" if scene.is_shared else step.command) for step in found[:MOST])


def _stopped(scene: Scene, where: str, *, is_running: bool) -> Iterator[NextStep]:
    state = scene.state
    waiting = [trial for trial in state.everyone() if not trial.state.is_final]
    if is_running:
        return
    if state.stopped == BRAKED:
        text = f"It was stopped because its trials fail alike: {state.stopped_note}. Mend that first."
        yield NextStep(text, f"stepladder resume {where} --retry-failed")
    elif state.stopped in CAPS and (more := more_of(state)) is not None and is_finished(state):
        said = why(state.stopped)
        yield NextStep(f"{said[0].upper()}{said[1:]}. Twice as much:", f"stepladder resume {where} {more}")
    elif not is_finished(state):
        to_come = max(0, search_trials(state) - len(state.trials))
        left = [f"{wording.counted(len(waiting), 'trial')} interrupted"] if waiting else []
        left += [f"{to_come} yet to begin"] if to_come else []
        text = f"Nobody works on it, and it can go on{', with ' if left else ''}{' and '.join(left)}."
        yield NextStep(text, f"stepladder resume {where}")


def _failing(region: FailingRegion | None) -> Iterator[NextStep]:
    if region is not None:
        under = " and ".join(condition.text for condition in region.conditions)
        text = (
            f"{region.failed} of the {region.trials} trials with {under} failed or diverged, against "
            f"{region.failed_elsewhere} of {region.trials_elsewhere} elsewhere; they took "
            f"{wording.duration(region.worker_s)}. Leave that part out of the search space."
        )
        yield NextStep(text, "")


def _never_read(found: tuple[NeverRead, ...]) -> Iterator[NextStep]:
    if found:
        yield NextStep(f"{'; '.join(map(describe, found))}. Use it in the code, or leave it out of the next sweep.", "")


def _edges(scene: Scene, folder: str) -> Iterator[NextStep]:
    for name, domain in scene.space.items():
        for side in ("low", "high"):
            if (bound := best_at_edge(scene, name, domain, side)) is not None:
                said = (
                    f"The best full trainings of {name} lie at the {side} end of its range "
                    f"({HyperAxis(domain).described()}), by more than the noise between seeds. Widen it there in the "
                    "next sweep."
                )
                again = f"name={scene.state.plan.spec.name}-2 search_space.{name}.{side}={bound:g}"
                file = shlex.quote(scene.state.plan.provenance.source or "sweep.yaml")
                yield NextStep(said, f"stepladder run {file} {again} {shlex.quote(f'warm_start=[{folder}]')}")


def best_at_edge(scene: Scene, name: str, domain: Hyperparameter, side: str) -> float | None:
    """Return how far a range should reach at one side; None where nothing says that it should reach further."""
    spread = pooled_spread(scene.state.contenders()) if scene.state.replicates else None
    if spread is None or not isinstance(domain, Float | Int) or is_natural(domain, side):
        return None
    slices = [own for _, own in best_of_slices(scene, name, HyperAxis(domain))]
    means = [_mean(scene, own) for own in (slices if side == "low" else reversed(slices))]
    if means[0] is None or means[1] is None or means[0] < max(mean for mean in means if mean is not None):
        return None
    if means[0] - means[1] <= 2 * spread.deviation * (2 / EACH_SIDE) ** 0.5:
        return None
    low, high = float(domain.low), float(domain.high)
    if domain.scale == "log":
        factor = min(10.0, (high / low) ** 0.5)
        bound = low / factor if side == "low" else high * factor
    else:
        bound = low - (high - low) / 2 if side == "low" else high + (high - low) / 2
    return float(round(bound)) if isinstance(domain, Int) else bound


def _mean(scene: Scene, own: list[Trial]) -> float | None:
    """Return the mean of a slice's best trainings, times the sign; None where it has too few."""
    best = [scene.sign * trial.value for trial in own[:EACH_SIDE] if trial.value is not None]
    return statistics.fmean(best) if len(best) == EACH_SIDE else None


def is_natural(domain: Float | Int, side: str) -> bool:
    """Say whether a range cannot go on at one side: a bound that its kind of number has, or a value beside it."""
    edge = domain.low if side == "low" else domain.high
    if isinstance(domain, Float) and any(
        value < domain.low if side == "low" else value > domain.high for value in domain.also
    ):
        return True
    if side == "low":
        return edge == 0 or (isinstance(domain, Int) and edge <= 1)
    return domain.scale == "linear" and domain.low >= 0 and 0.9 <= edge <= 1


def _unconfirmed(scene: Scene, where: str, why_not: str | None) -> Iterator[NextStep]:
    state, winner = scene.state, scene.winner
    said = state.confirmation()
    if winner is None or winner.state is not TrialState.COMPLETED or not is_search_over(state):
        return
    if said is None and state.replicates and confirming(state).is_over:
        yield NextStep(
            f"Nothing is confirmed: {why_not}. Mend that, then confirm again.", f"stepladder confirm {where}"
        )
    elif said is None and winner.number and confirming(state).is_over:
        yield NextStep(
            "The winner was trained once, and the best of many trainings is partly the luckiest. Train it and the "
            "baseline again with fresh seeds before you rely on the difference.",
            f"stepladder confirm {where}",
        )
    elif said is not None and said.verdict is WinnerVerdict.ALIKE:
        yield NextStep(
            "Fresh seeds cannot tell the winner from the baseline. More of them narrow the interval, if it matters.",
            f"stepladder confirm {where} --trainings 16",
        )


def _more(scene: Scene, where: str) -> Iterator[NextStep]:
    found = improvements(scene)
    more = more_of(scene.state)
    if not found or not scene.spent or more is None or scene.state.stopped in CAPS:  # a cap: said above
        return
    part = 1 - scene.spent_by[found[-1].number] / scene.spent
    searched = [trial for trial in scene.state.trials if trial.number]
    if part <= LATE and len(searched) >= 10:
        best, last = found[-1].number, f"{max(part, 0.01):.0%}"
        text = f"It was still getting better: trial {best}, the best so far, ended in the last {last} of the spend."
        yield NextStep(text, f"stepladder resume {where} {more}")


def _curve(status: Status) -> Iterator[NextStep]:
    reading = status.winner_diagnosis
    if reading is not None and reading.is_worth_telling and reading.command is not None:
        yield NextStep(f"The winner's learning curve: {reading.advice}.", reading.command)


def _use(scene: Scene, where: str) -> Iterator[NextStep]:
    said = scene.state.confirmation()
    if said is not None and said.verdict is WinnerVerdict.BASELINE:
        yield NextStep("What was chosen is no better than the defaults over fresh seeds: keep the baseline.", "")
    elif scene.winner is not None and scene.winner.state is TrialState.COMPLETED:
        yield NextStep(
            f"Take the winning configuration, trial {scene.winner.number}.", f"stepladder export {where} --format args"
        )
