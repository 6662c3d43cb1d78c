"""When there is something to tell whoever owns a sweep: five occasions, found in its log.

    finished    its driver left with nothing to do; not again where nothing ended since
    failed      its driver left with nothing to show for it: no trial leads, its cluster is gone, or by an error
    brake       the brake stopped it
    stalled     nothing was reported, begun or ended for ten minutes, or ten times the slowest interval between two
                reports if that is longer, while its driver lives; told again only after something came
    better      a trial of the search completed and beats all that completed before, the baseline aside

Of a sweep that was resumed only what happens under the present driver is an occasion: what came before was told then,
or is no news any more. A driver that a person stopped is none. No clock is read: heartbeats bring the time along.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator import exitcodes, wording
from orchestrator.policies.brake import REASON as BRAKED
from orchestrator.policies.ending import exit_code_of, leaves_work
from orchestrator.sweep import event as ev
from orchestrator.sweep.notify import OccasionName
from orchestrator.sweep.standing import RankedValue, ranked_value
from orchestrator.sweep.trial import TrialState

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.sweep.trial import Trial

STALLED_S = 600.0
"""Silence of a whole sweep is told after so long at least."""
STALLED_INTERVALS = 10.0
"""And after so many of the slowest intervals between two reports of one attempt."""
LOST = "cluster"
"""The reason of a driver whose Ray was gone; it can be resumed, and nobody will unless they know."""
_LIFE = (ev.Reported, ev.AttemptStarted, ev.AttemptPlaced, ev.AttemptEnded, ev.StorageWasAway, ev.DriverStarted)


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something to tell."""

    name: OccasionName
    """Which kind."""
    sentence: str
    """What happened, for people, without a full stop."""
    t: float
    """When, in seconds since the epoch."""


class Occasions:
    """Finds what there is to tell, record by record, from the first one of the log on."""

    def __init__(self, epoch: int) -> None:
        """Find what happens under the driver of this epoch."""
        self._epoch = epoch
        self._is_ours = False
        self._alive_s = 0.0
        self._is_stalled = False
        self._best: RankedValue | None = None
        self._ended = 0
        self._told_at = 0
        self.is_under_way = False
        """Whether the driver has begun and not said that it leaves."""

    def take(self, event: ev.Event, state: SweepState) -> Iterator[Occasion]:
        """Take one record in, which `state` holds already; yield what is to be told of it."""
        if isinstance(event, ev.DriverStarted):
            self._is_ours = self.is_under_way = event.epoch == self._epoch and not event.tests
        if isinstance(event, _LIFE):
            self._alive_s, self._is_stalled = event.clock_s, False
        found = list(self._found(event, state))
        if self._is_ours:
            yield from found

    def _found(self, event: ev.Event, state: SweepState) -> Iterator[Occasion]:
        if isinstance(event, ev.AttemptEnded):
            self._ended += 1
            yield from self._better(state.trial(event.trial), event, state)
        elif isinstance(event, ev.Heartbeat):
            yield from self._stalled(event, state)
        elif isinstance(event, ev.DriverStopped):
            self.is_under_way = False
            if not state.is_testing:
                yield from self._left(event, state)

    def _better(self, trial: Trial, event: ev.AttemptEnded, state: SweepState) -> Iterator[Occasion]:
        place = ranked_value(state.plan.goal, trial)
        if place is None or not trial.is_of_search or trial.state is not TrialState.COMPLETED:
            return
        if self._best is not None and place <= self._best:
            return
        is_first, self._best = self._best is None, place
        if not (is_first and trial.number == 0):
            metric = state.plan.spec.objective.metric
            sentence = f"trial {trial.number} is the best so far: {metric} {wording.number(trial.value)}"
            baseline = state.baseline
            if baseline is not None and baseline.value is not None and baseline is not trial:
                sentence += f", the baseline has {wording.number(baseline.value)}"
            yield Occasion("better", sentence, event.t)

    def _stalled(self, event: ev.Heartbeat, state: SweepState) -> Iterator[Occasion]:
        silent_s = event.clock_s - self._alive_s
        if self._is_stalled or silent_s < max(STALLED_S, STALLED_INTERVALS * (state.slowest_s or 0.0)):
            return
        self._is_stalled = True
        waits = wording.awaited_places(state.awaited) if state.awaited.waiting else ""
        doing = waits or f"{wording.counted(len(state.open), 'trial')} under way"
        yield Occasion("stalled", f"nothing was reported for {wording.duration(silent_s)}: {doing}", event.t)

    def _left(self, event: ev.DriverStopped, state: SweepState) -> Iterator[Occasion]:
        if event.reason == BRAKED:
            yield Occasion("brake", f"stopped by the brake: {event.note or 'everything fails alike'}", event.t)
        elif event.reason == LOST:
            yield Occasion("failed", "its Ray cluster is gone; everything acknowledged is saved: resume it", event.t)
        elif leaves_work(event.reason, state):  # somebody stopped it, who knows
            return
        elif exit_code_of(event.reason, state) != exitcodes.DONE:
            yield Occasion("failed", "it ended, and no trial leads: see `stepladder status`", event.t)
        elif self._told_at < self._ended:
            self._told_at = self._ended
            yield Occasion("finished", _result(state), event.t)


def _result(state: SweepState) -> str:
    winner, metric = state.winner(), state.plan.spec.objective.metric
    assert winner is not None
    ended = sum(trial.state.is_final for trial in state.trials)
    found = f"finished with {wording.counted(ended, 'trial')}: trial {winner.number} has {metric} "
    baseline = state.baseline
    beside = "" if baseline is None or baseline.value is None else f", the baseline {wording.number(baseline.value)}"
    return found + wording.number(winner.value) + beside
