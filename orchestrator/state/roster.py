"""The trials of a sweep, and what is asked of them all: who leads, who has won, how many are where.

Trials of the search, replicates and tests are kept apart: whatever walks over `trials` (searchers, ladders, schedulers,
who leads, what a stage found) sees nothing else, so that none can be shown one by mistake.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.state.never_read import ReadSoFar
from orchestrator.state.wished import Wished
from orchestrator.sweep.confirmation import Confirmation, Contender, confirmation, contenders
from orchestrator.sweep.event import (
    Heartbeat,
    SweepPlanned,
    TrialReopened,
    TrialWithdrawn,
    WinnerTestBegun,
    WinnerTestMeasured,
)
from orchestrator.sweep.leaderboard import KeptBoard, Leaderboard
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.spelling import as_float
from orchestrator.sweep.standing import ranked
from orchestrator.sweep.tested import WinnerTest
from orchestrator.sweep.trial import FIRST_REPLICATE, FIRST_TEST, Trial, TrialState, trial_id
from orchestrator.sweep.trial_list import KeptTrials, TrialList


class Roster:
    """What a state knows of its trials. Filled by the fold alone."""

    planned: SweepPlanned
    """The log's first record."""
    plan: Plan
    """The plan in force, amendments included."""
    avoided: tuple[str, ...]
    """Names of the nodes that the present driver keeps away from."""

    def __repr__(self) -> str:
        told = f"{len(self.trials)} trials, {len(self.replicates)} replicates, {len(self.open)} open"
        return f"<{type(self).__name__}: {told}>"

    def __init__(self) -> None:
        self.trials: TrialList | KeptTrials = TrialList()
        """Those of the search, by number."""
        self.replicates: list[Trial] = []
        """Those that repeat another's configuration, by number from `FIRST_REPLICATE` on."""
        self.tests: list[WinnerTest] = []
        """Looks at the test set, their runs by number from `FIRST_TEST` on."""
        self.unsaid: Trial | None = None
        """The first trial that completed without saying what `constraints` bounds; None where all said it."""
        self.is_testing = False
        """Whether the present driver only measures the winner on the test set."""
        self.is_aside = False
        """Whether the present driver starts nothing of the search: the sweep stands where it stood."""
        self.open: dict[int, Trial] = {}
        """Trials with an attempt that has not ended, wanted or not."""
        self.waiting: dict[int, Trial] = {}
        """Trials to be offered (again), in the order in which they came to wait."""
        self.promoted: set[int] = set()
        """Numbers of those that a rung had stopped and that were let go on, because budget was left."""
        self.wished = Wished()
        """What people asked for."""
        self.reading = ReadSoFar()
        """What trainings read of their configurations."""
        self.removed_checkpoints = 0
        """How many trials lost their newest checkpoint because nobody could need it any more."""
        self._contenders: list[Contender] | None = None
        self._board: Leaderboard | None = None

    def take_heartbeat(self, event: Heartbeat) -> None:
        """Take in which attempts live, and which are silent."""
        for number, attempt in event.running:
            seen = self.trial(number).attempts[attempt]
            seen.seen_t, seen.seen_s, seen.silent_s = event.t, event.clock_s, 0.0
        self.avoided = tuple(event.avoided)
        for number, silent_s in event.silent:
            self.trial(number).attempt.silent_s = silent_s

    def withdraw(self, trial: Trial, event: TrialWithdrawn) -> TrialState:
        """Take in that somebody asked for a trial's end; returns the state that it comes to."""
        trial.withdrawn_s = event.clock_s
        self.wished.withdrawn(event)
        self.waiting.pop(trial.number, None)
        return TrialState.PRUNED if trial.values else TrialState.FAILED

    def open_again(self, trial: Trial, event: TrialReopened) -> None:
        """Take in that a trial that was over is to run again: it waits, the baseline before all others."""
        if event.promoted:
            self.promoted.add(trial.number)
        else:
            trial.reopened_after, trial.withdrawn_s = len(trial.attempts), None
        self.wished.opened_again(event)
        self._contenders = None
        self.waiting[trial.number] = trial
        if trial.number == 0:  # everything is measured against it, and it says soonest whether the code works
            self.waiting = {0: trial, **self.waiting}

    def trial(self, number: int) -> Trial:
        """Return a trial, a replicate or the run of a test by its number. Raises IndexError where there is none."""
        if number >= FIRST_TEST:
            return self.tests[number - FIRST_TEST].run
        return self.replicates[number - FIRST_REPLICATE] if number >= FIRST_REPLICATE else self.trials[number]

    def changing(self, number: int) -> Trial:
        """Return a trial or replicate that is about to change, and tell so whoever follows the trials."""
        if number < FIRST_REPLICATE:
            self.trials.note(number)
        return self.trial(number)

    def note(self, number: int) -> None:
        """Tell whoever follows the trials that one of them changes."""
        self.trials.note(number)

    def everyone(self) -> Iterator[Trial]:
        """Yield every trial, then every replicate."""
        yield from self.trials
        yield from self.replicates

    @property
    def board(self) -> Leaderboard:
        """Who leads, and how many trials are where, as of now."""
        if self._board is None:
            self._board = Leaderboard(self.plan.goal)
        self._board.update(self.trials)
        return self._board

    def counts(self) -> dict[TrialState, int]:
        """Count the trials of the search by state, every state present."""
        found = self.board.counts()
        return {state: found[state] for state in TrialState}

    def go_on_from_board(self, kept: KeptBoard) -> None:
        """Begin with what was kept of `board`."""
        self._board = Leaderboard(self.plan.goal, kept)

    def in_states(self, *states: TrialState) -> Iterator[Trial]:
        """Yield every trial, then every replicate, that is in one of these states."""
        yield from (self.trials[number] for number in self.board.numbers_in(*states))
        yield from (replicate for replicate in self.replicates if replicate.state in states)

    def leader(self) -> Trial | None:
        """Return the trial with the best current value, running ones included."""
        number = self.board.leader()
        return None if number is None else self.trials[number]

    def winner(self) -> Trial | None:
        """Return what confirming chose; before that the best completed trial, while none has completed, the leader."""
        chosen = self.confirmation()
        number = self.board.winner() if chosen is None else chosen.winner
        return None if number is None else self.trials[number]

    def ranked(self) -> list[Trial]:
        """Return the trials that lead anything, the winner first, then as single trainings rank them."""
        found, first = ranked(self.plan.goal, self.trials), self.winner()
        return found if first is None else [first, *(trial for trial in found if trial is not first)]

    def contenders(self) -> list[Contender]:
        """Return what is confirmed, or would be, the best first: `orchestrator.sweep.confirmation`."""
        if self._contenders is None:
            confirm = self.plan.spec.confirm
            top = 0 if confirm == "none" else confirm.top
            self._contenders = contenders(self.plan.goal, self.trials, self.replicates, top)
        return self._contenders

    def confirmation(self) -> Confirmation | None:
        """Return what fresh seeds say so far; None while they say nothing."""
        return confirmation(self.plan.goal, self.contenders()) if self.replicates else None

    def lose_checkpoint(self, trial: Trial) -> None:
        """Take in that a trial has no checkpoint any more."""
        trial.checkpoint, trial.checkpoint_fidelity, trial.checkpoint_iteration = None, 0.0, 0.0
        self.removed_checkpoints += 1

    def take_test(self, event: WinnerTestBegun | WinnerTestMeasured) -> None:
        """Take in that the winner is to be measured on the test set, or what it was measured at."""
        if isinstance(event, WinnerTestMeasured):
            self._take_measured(event)
            return
        assert event.trial == FIRST_TEST + len(self.tests)
        won = self.trials[event.winner]
        run = Trial(event.trial, trial_id(event.trial, won.config), won.config, "test", "test", (), None, won.bracket)
        run.replicates, run.checkpoint = won.number, won.checkpoint
        run.checkpoint_fidelity, run.checkpoint_iteration = won.checkpoint_fidelity, won.checkpoint_iteration
        self.tests.append(WinnerTest(run, event.t, event.reason))

    def _take_measured(self, event: WinnerTestMeasured) -> None:
        test, value = self.tests[event.trial - FIRST_TEST], as_float(event.value)
        test.value, test.measured_t, test.run.values = value, event.t, {1.0: value}

    @property
    def begun_format(self) -> int:
        """Format of the log that the sweep was begun in: it goes on as a writer of that format would have."""
        return self.planned.format

    @property
    def baseline(self) -> Trial | None:
        """Trial 0; None before it is proposed."""
        return self.trials[0] if self.trials else None

    @property
    def reported(self) -> int:
        """How many trials have a finite value."""
        return self.board.reported
