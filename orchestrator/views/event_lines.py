"""Progress where nobody watches a terminal: one line an event, found by comparing a state with what was told before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator import wording
from orchestrator.policies.confirming import search_trials
from orchestrator.results.summary import valued_at
from orchestrator.sweep.awaited import NOTHING_AWAITED
from orchestrator.sweep.standing import RankedValue, ranked_value
from orchestrator.sweep.trial import FIRST_REPLICATE, Trial, TrialState
from orchestrator.views.failures import last_error_line

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState

BURST = 20
"""Lines about single trials that may be written at once."""
LINES_PER_S = 2.0
"""And how many a second on average; the rest is counted and said in one line."""

_WORDS = {
    TrialState.COMPLETED: "done",
    TrialState.PRUNED: "stopped early",
    TrialState.DIVERGED: "diverged",
    TrialState.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    is_important: bool = False
    is_failure: bool = False


class EventLines:
    """Turns the steps of a sweep into lines. Looks at open trials only, so that a step stays cheap."""

    def __init__(self) -> None:
        self._told: dict[int, int] = {}  # open trial -> attempts told
        self._trials = self._replicates = 0
        self._promoted: set[int] = set()
        self._stages = 0
        self._ended = 0
        self._best: RankedValue | None = None
        self._awaited = NOTHING_AWAITED
        self._withheld = 0
        self._credit = float(BURST)
        self._credited_t: float | None = None

    def begin(self, state: SweepState) -> int:
        """Take what happened before the newest driver as told; returns how many trials had ended by then."""
        since = state.sessions[-1].t if state.sessions else state.started_t
        self._stages = sum(1 for entry in state.stages_entered.values() if entry.t < since)
        earlier = [trial for trial in state.trials if trial.attempts and trial.attempts[0].started_t < since]
        repeated = [trial for trial in state.replicates if trial.attempts and trial.attempts[0].started_t < since]
        self._trials, self._replicates = len(earlier), len(repeated)
        self._promoted = set(state.promoted)
        for trial in earlier:
            if not trial.state.is_final or trial.attempt.started_t >= since:
                self._told[trial.number] = sum(1 for attempt in trial.attempts if attempt.started_t < since)
            else:
                self._is_best(state, trial)
        self._ended = self._trials - len(self._told)
        for trial in repeated:
            if not trial.state.is_final or trial.attempt.started_t >= since:
                self._told[trial.number] = sum(1 for attempt in trial.attempts if attempt.started_t < since)
        return self._ended

    def lines(self, state: SweepState, now: float, *, only_failures: bool = False) -> list[str]:
        """Return what is new at `now` (seconds that nobody sets back), oldest first, or of it what failed."""
        since = 0.0 if self._credited_t is None else max(0.0, now - self._credited_t)
        self._credit, self._credited_t = min(BURST, self._credit + since * LINES_PER_S), now
        lines = []
        for line in (*self._entered(state), *self._waited(state), *self._news(state)):
            if only_failures and not line.is_failure:
                continue
            if line.is_important or self._credit >= 1:
                self._credit -= 0 if line.is_important else 1
                lines.append(line.text)
            else:
                self._withheld += 1
        if self._withheld and self._credit >= BURST / 2:
            lines.append(f"and {wording.counted(self._withheld, 'line')} about other trials left out")
            self._withheld = 0
        return lines

    def _entered(self, state: SweepState) -> Iterator[_Line]:
        for entry in list(state.stages_entered.values())[self._stages :]:
            self._stages += 1
            block = next((stage.tune for stage in state.plan.stages if stage.name == entry.stage), ())
            text = f"stage {entry.stage} ({self._stages} of {len(state.plan.stages)}) opens {', '.join(block)}"
            if entry.incumbent is not None:
                text += f"; trial {entry.incumbent} leads with {wording.number(entry.value)}"
            yield _Line(text, is_important=True)

    def _waited(self, state: SweepState) -> Iterator[_Line]:
        before, self._awaited = self._awaited, state.awaited
        if state.awaited.waiting and (not before.waiting or before.is_hopeless != state.awaited.is_hopeless):
            yield _Line(wording.awaited_places(state.awaited), is_important=True)
        elif before.waiting and not state.awaited.waiting:
            yield _Line("the places that were waited for are there", is_important=True)

    def _news(self, state: SweepState) -> Iterator[_Line]:
        for number in range(self._trials, len(state.trials)):
            self._told[number] = 0
        for replicate in state.replicates[self._replicates :]:
            self._told[replicate.number] = 0
        for number in sorted(state.promoted - self._promoted):
            yield self._promotion(state.trials[number])
        self._trials, self._replicates = len(state.trials), len(state.replicates)
        for number in list(self._told):
            trial = state.trial(number)
            if len(trial.attempts) > self._told[number]:
                self._told[number] = len(trial.attempts)
                for note in trial.notes if len(trial.attempts) == 1 else ():
                    yield _Line(f"trial {trial.number}: {note}")
                yield _Line(_started(state, trial))
            if trial.state.is_final:
                del self._told[number]
                self._ended += not trial.is_replicate
                yield self._finished(state, trial)

    def _promotion(self, trial: Trial) -> _Line:
        self._promoted.add(trial.number)
        self._told[trial.number] = len(trial.attempts) - trial.is_open
        self._ended -= 1
        return _Line(f"{_name(trial)}, stopped early for being weak, is let go on: budget is left", is_important=True)

    def _finished(self, state: SweepState, trial: Trial) -> _Line:
        text = f"{_name(trial)} {_WORDS[trial.state]}"
        is_best = False
        if trial.value is not None:
            text += f": {state.plan.spec.objective.metric} {wording.number(trial.value)}"
            text += f" at {state.plan.spec.fidelity.unit} {wording.number(valued_at(trial))}"
            is_best = not trial.is_replicate and self._is_best(state, trial)
            text += ", the best so far" if is_best and trial.number else ""
        if (judged := trial.stopped_by) is not None and judged.threshold is not None:
            text += f", worse than {wording.number(judged.threshold)} among {judged.among}"
        text += f", beyond its bound in {', '.join(trial.breaks)}" if trial.breaks else ""
        has_failed = trial.state is TrialState.FAILED
        if has_failed:
            text += f": {last_error_line(trial)}"
        counted = "" if trial.is_replicate else f" [{self._ended}/{search_trials(state)}]"
        return _Line(f"{text}{counted}", is_important=is_best, is_failure=has_failed)

    def _is_best(self, state: SweepState, trial: Trial) -> bool:
        """Say whether a final trial is the best of the completed ones told so far, itself included."""
        found = ranked_value(state.plan.goal, trial) if trial.state is TrialState.COMPLETED else None
        if found is None or (self._best is not None and found <= self._best):
            return False
        self._best = found
        return True


def _name(trial: Trial) -> str:
    if trial.is_replicate:
        return f"fresh seed {trial.number - FIRST_REPLICATE + 1}, of {_number(trial.replicates or 0)},"
    return _number(trial.number)


def _number(number: int) -> str:
    return f"trial {number}" if number else "trial 0 (the baseline)"


def _started(state: SweepState, trial: Trial) -> str:
    attempt = trial.attempts[-1]
    if attempt.number == 0 and trial.is_replicate:
        return f"{_name(trial)} started, to {'choose' if trial.move == 'race' else 'report on it'}"
    if attempt.number == 0:
        shown = trial.block if trial.parent is not None else state.plan.space.tunable
        origin = "" if trial.parent is None else f" from trial {trial.parent}"
        how = f" ({trial.move}{origin})" if trial.number else ""
        config = {name: trial.config[name] for name in shown if name in trial.config}
        return f"{_name(trial)} started{how}: {wording.configuration(config)}"
    origin = (
        f"{state.plan.spec.fidelity.unit} {wording.number(attempt.resumed_from)}"
        if attempt.resumed_from
        else "the start"
    )
    return f"{_name(trial)} goes on from {origin} (attempt {attempt.number + 1})"
