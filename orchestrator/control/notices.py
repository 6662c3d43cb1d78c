"""What a driver says on its terminal when it happens, once each: the first failure, what is never read, the brake."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.control.controller import Controller
from orchestrator.policies.first_run import failed_at_once
from orchestrator.state.never_read import describe
from orchestrator.storage.attempt_logs import FOLDER
from orchestrator.sweep.recordable import cleaned
from orchestrator.sweep.trial import FIRST_REPLICATE, Trial, TrialState

MOST_SHOWN = 2_000
"""Characters of an error that a terminal is shown, where the whole of it is kept."""


class Notices:
    """Looks at what changed since its last look; to be called several times a second."""

    def __init__(self, controller: Controller, tell: Callable[[str], None]) -> None:
        self._controller = controller
        self._tell = tell
        self._open: set[int] = set()
        self._has_told_failure = self._has_told_waiting = self._has_told_unsaid = False
        self._told_unread: set[str] = set()
        self._has_told_removal = controller.state.removed_checkpoints > 0
        self._brake: str | None = None

    def look(self) -> None:
        """Say what is new."""
        if not self._has_told_failure:
            self._look_for_failure()
        if not self._has_told_waiting and (waits := self._controller.first_run.told()) is not None:
            self._has_told_waiting = True
            self._tell(waits)
        if not self._has_told_unsaid and (unsaid := self._controller.state.unsaid) is not None:
            self._has_told_unsaid = True
            self._tell(
                f"trial {unsaid.number} was trained to its end and reported no {' and no '.join(unsaid.unsaid)}, which "
                "`constraints` bounds: what does not say it cannot win"
            )
        self._look_for_unread()
        if not self._has_told_removal and self._controller.state.removed_checkpoints:
            self._has_told_removal = True
            self._tell(
                "checkpoints go once nobody can need them any more: of trials that were stopped early or did not win; "
                "`keep_checkpoints: last` keeps each trial's newest"
            )
        note = self._controller.brake_note if self._controller.first_run.note() is None else None
        if (note is None) != (self._brake is None):
            self._brake = note
            said = f"nothing more is started: {note}" if note else "a trial has reported: trials are started again"
            self._tell(f"the brake: {said}")

    def _look_for_unread(self) -> None:
        state = self._controller.state
        for found in state.reading.never(state.plan) if state.reading.is_suspected else ():
            if found.name not in self._told_unread:
                self._told_unread.add(found.name)
                self._tell(describe(found))

    def _look_for_failure(self) -> None:
        state = self._controller.state
        for number in self._open - state.open.keys():
            trial = state.trial(number)
            if trial.state is TrialState.FAILED and trial.withdrawn_s is None and not self._has_told_failure:
                self._has_told_failure = True
                self._tell(first_failure(trial, is_kept=not failed_at_once(state)))
        self._open = set(state.open)


def first_failure(trial: Trial, *, is_kept: bool = True) -> str:
    """Write what a trial failed with: the user's own frames, each with its source line, and the exception.

    `is_kept` says whether what it printed will be there for whoever reads this.
    """
    number = trial.number
    name = f"fresh seed {number - FIRST_REPLICATE + 1}" if trial.is_replicate else f"trial {number}"
    error = (trial.attempt.error or "").strip() or "no error text"
    error = cleaned(error, MOST_SHOWN) if is_kept else error
    lines = [f"{name}{'' if number else ' (the baseline)'} failed:", *(f"  {line}" for line in error.splitlines())]
    where = f"  all that it printed: {FOLDER}/{number}/{trial.attempt.number} in the sweep's folder"
    return "\n".join([*lines, *([where] if is_kept else [])])
