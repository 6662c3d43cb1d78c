"""What a decision to begin a trial, or another attempt of one, leaves on the log and tells the host."""

from __future__ import annotations

from orchestrator.control.answers import ResumeTrial, StartTrial
from orchestrator.control.fold import SweepState
from orchestrator.ladders import Proposal
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Trial, training_seed


def proposed(proposal: Proposal, number: int, bracket: int, t: float, m: float | None) -> ev.TrialProposed:
    """Return the record of a proposal, written at `t` seconds since the epoch and `m` by the monotonic clock."""
    return ev.TrialProposed(
        t,
        number,
        proposal.config,
        proposal.stage,
        proposal.move,
        list(proposal.block),
        proposal.parent,
        bracket,
        list(proposal.notes),
        proposal.max_fidelity,
        learned_from=proposal.learned_from,
        nearest=proposal.nearest,
        replicates=proposal.replicates,
        m=m,
    )


def start_of(
    state: SweepState, trial: Trial, kind: type[StartTrial | ResumeTrial], checkpoint: str | None = None
) -> StartTrial | ResumeTrial:
    """Return what the host is told of the newest attempt of a trial; `checkpoint` is where its checkpoint lies now."""
    spec, attempt = state.plan.spec, trial.attempt
    end = trial.max_fidelity or spec.fidelity.max
    return kind(
        trial.number,
        trial.trial_id,
        attempt.number,
        dict(trial.config),
        training_seed(spec.seed, trial.number),
        end,
        state.plan.brackets[trial.bracket].rungs_to(end),
        checkpoint,
        attempt.resumed_from,
        trial.checkpoint_iteration if checkpoint else 0.0,
    )
