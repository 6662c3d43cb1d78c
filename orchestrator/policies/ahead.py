"""What a sweep has still to start, and in which order.

Trials that wait, what people asked for, the search's next, those that were stopped and go on, then replicates.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import TypeAlias

from orchestrator.ladders import Proposal
from orchestrator.planning.making import make_ladder
from orchestrator.policies.caps import Caps
from orchestrator.policies.confirming import NextReplicate, allowance, next_replicate, search_trials
from orchestrator.policies.first_run import FirstRun
from orchestrator.policies.placing import resources_in, resources_of, resources_of_confirming
from orchestrator.policies.promoting import Promotion, promotions
from orchestrator.state.fold import SweepState
from orchestrator.sweep.asked import MOVE
from orchestrator.sweep.event import ConfigurationAsked
from orchestrator.sweep.resources import Resources
from orchestrator.sweep.standing import stage_of, stages_of
from orchestrator.sweep.trial import Trial

Ahead: TypeAlias = Trial | Proposal | NextReplicate | Promotion
"""A trial that goes on, a new one, a replicate, or trials that were stopped and are to go on."""


class WorkAhead:
    """Knows what comes next. It decides from the state alone, and forgets nothing that the state does not hold."""

    def __init__(self, state: SweepState, caps: Caps) -> None:
        self._state = state
        self._caps = caps
        self._ladder = make_ladder(state.plan)
        self._reopened = state.wished.reopened
        self.first_run = FirstRun(state)
        """What holds all but the baseline back until that has shown that the code works."""
        self._exhausted = False

    def next(self, now_s: float) -> Ahead | None:
        """Return what is to be started at `now_s`; None where there is nothing, or what runs must be awaited first."""
        if self._state.trials and self.first_run.holds(now_s):
            return self.first_run.next(is_more_left=self.is_left)
        if self._caps.reached(now_s, by_replicate=False) is None:
            searched = self._searched()
            if searched is not None:
                return searched
            if promoted := self._promoted():
                return Promotion(tuple(promoted))
        waiting = self._first_waiting(is_replicate=True)
        if waiting is not None:
            return waiting
        if any(trial.is_of_search for trial in self._state.open.values()):
            return None  # who the contenders are is known once the search is over
        wanted = next_replicate(self._state)
        return wanted if wanted is None or self._caps.has_room(now_s) else None

    def startable(self, now_s: float) -> int:
        """Return how many of them there are at `now_s`: as many starts as `next` answers with, or more."""
        if self.first_run.holds(now_s):
            is_due = not self._state.trials or self.first_run.next(is_more_left=self.is_left) is not None
            return 1 if is_due else 0
        waiting = self._state.waiting.values()
        replicates = sum(1 for trial in waiting if trial.is_replicate)
        count = replicates
        if self._caps.reached(now_s, by_replicate=False) is None:
            new = max(0, search_trials(self._state) - len(self._state.trials))
            new = min(new, len(self._state.wished.configurations)) if self._exhausted else new
            count += len(waiting) - replicates + (new or len(self._promoted()))
        if count or any(trial.is_of_search for trial in self._state.open.values()):
            return count
        if next_replicate(self._state) is None or not self._caps.has_room(now_s):
            return 0
        return max(1, allowance(self._state) - len(self._state.replicates))

    def resources(self, now_s: float) -> Iterator[tuple[Resources, int]]:
        """Yield what they take, and where, in their order, each with how many in a row do.

        Without end, as replicates may follow; what is left of a stage is one piece, however many trials it is.
        """
        state, spec = self._state, self._state.plan.spec
        if self._caps.reached(now_s, by_replicate=False) is None:
            yield from ((resources_of(spec, trial), 1) for trial in state.waiting.values() if trial.is_of_search)
            new = len(state.wished.configurations) if self._exhausted else search_trials(state)
            for stage, numbers in stages_of(state.plan, range(len(state.trials), search_trials(state))[:new]):
                yield resources_in(spec, stage.name), len(numbers)
            yield from ((resources_of(spec, trial), 1) for trial in self._promoted())
        yield from repeat((resources_of_confirming(spec), 1))

    def ending(self, now_s: float) -> str:
        """Return why there is nothing more: a cap, exhausted or finished."""
        capped = self._caps.reached(now_s, by_replicate=False)
        return capped or ("exhausted" if self._exhausted else "finished")

    @property
    def is_left(self) -> bool:
        """Say whether there is work that waits for nothing but a place."""
        is_more = bool(self._state.wished.configurations) or not self._exhausted
        more = len(self._state.trials) < search_trials(self._state) and is_more
        is_search_left = bool(self._state.waiting) or more or bool(self._promoted())
        return is_search_left or next_replicate(self._state) is not None

    def _searched(self) -> Trial | Proposal | None:
        waiting, number = self._first_waiting(is_replicate=False), len(self._state.trials)
        if waiting is not None:
            return waiting
        if number >= search_trials(self._state):
            return None
        if number and self._state.wished.configurations:
            return self._asked(number, self._state.wished.configurations[0])
        if self._exhausted:
            return None
        if self._reopened != self._state.wished.reopened:  # it learned from an end that was none
            self._reopened, self._ladder = self._state.wished.reopened, make_ladder(self._state.plan)
        proposal = self._ladder.propose(number, self._state.trials)
        self._exhausted = proposal is None
        return proposal

    def _promoted(self) -> list[Trial]:
        """Return those that were stopped and go on now; none while the search has something to begin."""
        is_begun = self._exhausted or len(self._state.trials) >= search_trials(self._state)
        return promotions(self._state) if is_begun and self._first_waiting(is_replicate=False) is None else []

    def _asked(self, number: int, asked: ConfigurationAsked) -> Proposal:
        stage = stage_of(self._state.plan, number).name
        return Proposal(dict(asked.config), stage, MOVE, (), notes=tuple(asked.notes))

    def _first_waiting(self, *, is_replicate: bool) -> Trial | None:
        waiting = self._state.waiting.values()
        return next((trial for trial in waiting if trial.is_replicate == is_replicate), None)
