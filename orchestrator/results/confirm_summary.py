"""What became of confirming the winner, in numbers and in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator import wording
from orchestrator.policies.confirming import Confirming, confirming
from orchestrator.state.spend import seconds_per_fidelity
from orchestrator.sweep.confirmation import Confirmation, Difference, FreshScore, WinnerVerdict
from orchestrator.sweep.standing import holds_bounds
from orchestrator.sweep.trial import TrialState

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState

CHEAPER = 0.9
"""A configuration trains faster that takes less than this part of the other's time for a unit of fidelity."""


@dataclass(frozen=True, slots=True)
class ConfirmSummary:
    """What became of confirming the winner."""

    planned: int
    """Replicates that it may take."""
    begun: int
    """Replicates started so far."""
    open: int
    """Those that have not ended."""
    is_over: bool
    """Whether none is to follow."""
    winner: FreshScore | None
    """What fresh seeds say of the winner; None while they say nothing."""
    baseline: FreshScore | None
    """Likewise of the baseline."""
    difference: Difference | None
    """By how much the chosen trial is better; None without both."""
    verdict: str | None
    """A value of `WinnerVerdict`; None while nothing can be said."""
    text: str | None
    """The same in a sentence, or why nothing is confirmed."""


def confirm_summary(state: SweepState) -> ConfirmSummary:
    """Say what became of confirming."""
    found, so_far = state.confirmation(), confirming(state)
    counts = so_far.planned, so_far.begun, so_far.open, so_far.is_over
    if found is None:
        return ConfirmSummary(*counts, None, None, None, None, so_far.why_not or _why_nothing_is_said(state, so_far))
    winner, baseline = found.scores.get(found.winner), found.scores.get(0)
    return ConfirmSummary(*counts, winner, baseline, found.difference, found.verdict.value, _verdict_text(state, found))


def _why_nothing_is_said(state: SweepState, so_far: Confirming) -> str | None:
    """Return why fresh seeds that were trained say nothing; None while more are to come."""
    if not (so_far.begun and so_far.is_over):
        return None
    ended = [replicate for replicate in state.replicates if replicate.state.is_final]
    bad = sum(replicate.state is not TrialState.COMPLETED or not holds_bounds(replicate) for replicate in ended)
    if bad:
        return f"{bad} of {wording.counted(len(ended), 'training')} with fresh seeds failed, diverged or broke a bound"
    return "it was left before enough fresh seeds had reported"


def _verdict_text(state: SweepState, found: Confirmation) -> str:
    if found.verdict is WinnerVerdict.EXACT:
        return (
            "fresh seeds change nothing: your training fixes its own seed (or is exact); use trial.seed, "
            "so that more than one seed is seen. No interval is claimed"
        )
    if found.verdict is not WinnerVerdict.ALIKE:
        return found.verdict.value
    costs = [(n, seconds_per_fidelity(state.trials[n].attempts)) for n in (found.winner, 0)]
    (_, own), (_, least) = costs
    is_cheaper = own is not None and least is not None and own < CHEAPER * least
    advice = f"take trial {found.winner}, which trains faster" if is_cheaper else "the baseline is as good a choice"
    return f"{found.verdict.value} by these seeds; {advice}"
