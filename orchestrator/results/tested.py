"""What the winner's looks at the test set found, for status, exports and best.json. Nothing before the first look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.sweep.tested import WinnerTest, measured
from orchestrator.sweep.trial import TrialState

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState


@dataclass(frozen=True, slots=True)
class WinnerOnTestSet:
    """What is known of the winner on the test set."""

    metric: str
    """Key of what was measured."""
    value: float | None
    """What the newest look measured; None where that was no finite number, or where no look measured anything."""
    trial: int
    """Number of the trial that had won then."""
    is_winner: bool
    """Whether it has won still."""
    from_fidelity: float
    """Fidelity of the checkpoint that the look began from; 0 where it was trained anew, with a fresh seed."""
    measured_t: float | None
    """When it was measured, seconds since the epoch; None where no look measured anything."""
    times: int
    """How often the test set was used so far."""
    reasons: tuple[str, ...]
    """Why it was used again, each time."""
    problem: str | None
    """What the newest look failed with, or why it has not ended; None where it measured something."""


def winner_on_test_set(state: SweepState) -> WinnerOnTestSet | None:
    """Say what is known of the winner on the test set; None before anybody asked."""
    held_out, winner = state.plan.spec.test, state.winner()
    if held_out is None or not state.tests:
        return None
    looks, newest = measured(state.tests), state.tests[-1]
    shown = looks[-1] if looks else newest
    is_finite = shown.value is not None and math.isfinite(shown.value)
    return WinnerOnTestSet(
        metric=held_out.metric,
        value=shown.value if is_finite else None,
        trial=shown.of,
        is_winner=winner is not None and winner.number == shown.of,
        from_fidelity=shown.run.attempts[-1].resumed_from if shown.run.attempts else 0.0,
        measured_t=shown.measured_t,
        times=len(looks),
        reasons=tuple(look.reason for look in looks if look.reason is not None),
        problem=_problem(newest),
    )


def _problem(look: WinnerTest) -> str | None:
    if look.value is not None:
        return None if math.isfinite(look.value) else f"it measured {look.value}"
    if look.run.state is TrialState.FAILED:
        return look.run.attempt.error or "it failed"
    return "it is running" if look.run.is_open else "it was interrupted; `stepladder test` again goes on with it"
