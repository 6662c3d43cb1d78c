"""Why a report ends its trial, by what the trial itself has come to; what closes a whole sweep is the controller's."""

from __future__ import annotations

import math

from orchestrator.control.answers import Report
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweep.trial import StopReason, Trial


def reason_to_stop(spec: SweepSpec, trial: Trial, report: Report, *, weak: bool) -> StopReason | None:
    """Return why this report, which the trial has taken in, is its last; None where the training goes on.

    `weak` is the scheduler's word. Who reports twice an epoch does so in the last one too, and is waited for.
    """
    if not math.isfinite(report.metrics[spec.objective.metric]):
        return StopReason.NOT_FINITE
    if spec.fidelity.once:
        return None  # the last report counts, and which one that is the training says by its end
    is_last = trial.attempt.repeats >= trial.attempt.usual_repeats
    if report.fidelity >= spec.fidelity.max and is_last:
        return StopReason.FULL_FIDELITY
    if weak and report.trial > 0:  # the baseline is trained to the end: the winner is measured against it
        return StopReason.WEAK
    if trial.max_fidelity is not None and report.fidelity >= trial.max_fidelity and is_last:
        return StopReason.SHORT
    return None
