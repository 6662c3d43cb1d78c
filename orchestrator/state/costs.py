"""What the attempts of a sweep cost: sums that are kept up attempt by attempt, so that whoever asks adds up none."""

from __future__ import annotations

from orchestrator.state.attempt_time import TimeSum
from orchestrator.state.roster import Roster
from orchestrator.state.spend import OpenTime, Spend, charged_s, paid_from_s
from orchestrator.sweep.event import AttemptEnded, AttemptPlaced, PlaceHeld
from orchestrator.sweep.trial import Attempt


class Costs(Roster):
    """What a state knows of them, beside its trials. Filled by the fold alone."""

    def __init__(self) -> None:
        Roster.__init__(self)
        self.spend = Spend()
        """Closed attempts; see `spend_at` for the open ones."""
        self.open_time = OpenTime()
        """What the open ones have taken."""
        self.ended_time = TimeSum()
        """Where the time of those went that ended."""

    def spend_at(self, now_s: float) -> Spend:
        """Return the spend with the open attempts paid until `now_s`, by the clock that measures (`Event.clock_s`)."""
        return self.spend.with_open((trial.attempt for trial in self.open.values()), now_s, self.plan.spec.resources)

    def spend_about(self, now_s: float) -> Spend | None:
        """Return `spend_at` but for rounding, at a cost that does not grow with what is open; None where it cannot."""
        taken_s = self.open_time.until(now_s)
        return None if taken_s is None else self.spend.charged(taken_s, self.plan.spec.resources)

    def take_place(self, attempt: Attempt, event: AttemptPlaced) -> None:
        """Take in that a worker took an attempt, which is paid from then on."""
        if attempt.placed_t is None:
            attempt.placed_t, attempt.placed_s = event.t, paid_from_s(event)
            if attempt.ended_t is None:
                self.open_time.begin(attempt.placed_s)

    def take_end(self, attempt: Attempt, event: AttemptEnded) -> None:
        """Take in that an attempt ended, and charge it."""
        if attempt.ended_t is None and attempt.placed_s is not None:
            self.open_time.end(attempt.placed_s)
        self.ended_time.leave(attempt)
        attempt.ended_t, attempt.outcome, attempt.error = event.t, event.outcome, event.error
        attempt.cause, attempt.checkpoints_s = event.cause, event.checkpoints_s
        attempt.charged_s = charged_s(attempt, event)
        self.ended_time.take(attempt)
        self.spend.charge(attempt.charged_s, self.plan.spec.resources)

    def take_held(self, event: PlaceHeld) -> None:
        """Charge the seconds that a worker held a place, beyond the end of an attempt if it was one's."""
        if event.trial is not None and event.attempt is not None:
            attempt = self.trial(event.trial).attempts[event.attempt]
            self.ended_time.leave(attempt)
            attempt.charged_s += event.seconds
            self.ended_time.take(attempt)
        self.spend.charge(event.seconds, self.plan.spec.resources)
