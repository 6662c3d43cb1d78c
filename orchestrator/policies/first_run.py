"""The first run: nothing but the baseline is started until it has shown that the code works.

    the baseline has reported, or ended well                   the others start
    it has been in the training function for `SHOWN_S`         the others start
    it fails, and nothing has reported                         nothing is started: a mistake has cost one trial
    it ran out of memory                                       the others start: theirs may fit

What is asked is the state alone, so that a resume decides the same: a trial beside the baseline that was begun since it
was opened (again) shows that it was let go already. Sweeps begun in format 1 have none of this.
"""

from __future__ import annotations

from orchestrator.state.fold import SweepState
from orchestrator.state.gist import message_of, place_of
from orchestrator.sweep.trial import Outcome, Trial, TrialState
from orchestrator.wording import duration

SHOWN_S = 30.0
"""Seconds in the training function without failing after which its code is taken to work."""


def failed_at_once(state: SweepState) -> bool:
    """Say whether all that the sweep has is a baseline that failed, and nothing was ever reported."""
    return state.plan.spec.baseline_first and len(state.trials) == 1 and _has_failed(state.trials[0])


def failure_of(state: SweepState) -> str | None:
    """Say what the baseline failed with before it reported anything, in one sentence; None where it did not."""
    baseline = state.baseline
    if baseline is None or not _has_failed(baseline):
        return None
    error, place = baseline.attempt.error, place_of(baseline.attempt.error)
    text = " ".join(message_of(error).split()) or "no error text"
    return f"the baseline failed before anything was reported: {text}{f' ({place})' if place else ''}"


class FirstRun:
    """Watches the baseline for one driver. It decides from the state alone; once it has let go, it never holds."""

    def __init__(self, state: SweepState) -> None:
        self._state = state
        self._is_over = not state.plan.spec.baseline_first or any(map(_has_begun, state.everyone()))
        self._has_held = False

    def holds(self, now_s: float) -> bool:
        """Say whether nothing but the baseline may be started at `now_s`, by the clock that measures."""
        if not self._is_over:
            baseline = self._state.baseline
            self._is_over = baseline is not None and _is_shown(baseline, now_s)
        return not self._is_over

    def next(self, *, is_more_left: bool) -> Trial | None:
        """Return the baseline where it waits to be started (again), while all else is held back.

        `is_more_left` says whether there is something else that could have been started.
        """
        self._has_held = self._has_held or (is_more_left and bool(self._state.open))
        return self._state.waiting.get(0)

    @property
    def awaits(self) -> int | None:
        """The trial of which must be known when its training function is entered; None where of none."""
        return None if self._is_over else 0

    def told(self) -> str | None:
        """Say, once it holds back what has a place, that it does and until when; None before."""
        if not self._has_held:
            return None
        return (
            "the baseline runs first, by itself: the others start once it has reported, or has trained for "
            f"{duration(SHOWN_S)} (baseline_first: false starts all at once)"
        )

    def note(self) -> str | None:
        """Say what the baseline failed with, in one sentence, while nothing has reported; None where it did not."""
        return None if self._is_over else failure_of(self._state)


def _has_begun(trial: Trial) -> bool:
    """Say whether a trial shows that the others were let go before: it reported, or began beside the baseline."""
    return bool(trial.report_count) or (trial.number > 0 and bool(trial.counted_attempts))


def _has_failed(baseline: Trial) -> bool:
    """Say whether the code failed with every default, memory apart."""
    is_own = baseline.state is TrialState.FAILED and baseline.attempt.outcome is not Outcome.OUT_OF_MEMORY
    return is_own and not baseline.report_count


def _is_shown(baseline: Trial, now_s: float) -> bool:
    if baseline.report_count or (baseline.state.is_final and not _has_failed(baseline)):
        return True
    entered_s = baseline.attempt.entered_s if baseline.is_open else None
    return entered_s is not None and now_s - entered_s >= SHOWN_S
