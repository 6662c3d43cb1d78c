"""What a decision to begin a trial, a replicate, or another attempt leaves on the log and tells the host."""

from __future__ import annotations

from orchestrator.control.answers import ResumeTrial, StartTrial
from orchestrator.ladders import Proposal
from orchestrator.policies.carry import stage_entries
from orchestrator.policies.confirming import STAGE, NextReplicate
from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import FIRST_REPLICATE, Trial, training_seed


def begun(state: SweepState, wanted: Proposal | NextReplicate, t: float, m: float | None) -> list[ev.Event]:
    """Return the records of a trial's beginning, written at `t` seconds since the epoch and `m` by the monotonic clock.

    Those of the stage that it enters come first, the start of its first attempt last.
    """
    if isinstance(wanted, Proposal):
        return [*stage_entries(state, wanted.stage, t, m), *_proposed(state, wanted, t, m)]
    return _repeated(state, wanted, t, m)


def _proposed(state: SweepState, proposal: Proposal, t: float, m: float | None) -> list[ev.Event]:
    number = len(state.trials)
    made = (number, proposal.config, proposal.stage, proposal.move, list(proposal.block), proposal.parent)
    record = ev.TrialProposed(
        t,
        *made,
        state.scheduler.bracket_of(number),
        list(proposal.notes),
        proposal.max_fidelity,
        learned_from=proposal.learned_from,
        nearest=proposal.nearest,
        replicates=proposal.replicates,
        m=m,
    )
    return [record, ev.AttemptStarted(t, number, 0, m=m)]


def _repeated(state: SweepState, wanted: NextReplicate, t: float, m: float | None) -> list[ev.Event]:
    """Return the records of a replicate: the same configuration and rungs, a number and so a seed of its own."""
    number, trial = FIRST_REPLICATE + len(state.replicates), wanted.trial
    record = ev.TrialProposed(
        t, number, dict(trial.config), STAGE, wanted.part, [], None, trial.bracket, replicates=trial.number, m=m
    )
    return [record, ev.AttemptStarted(t, number, 0, m=m)]


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
        training_seed(spec.seed, _seeded_by(trial, checkpoint)),
        end,
        state.plan.brackets[trial.bracket].rungs_to(end),
        checkpoint,
        attempt.resumed_from,
        trial.checkpoint_iteration if checkpoint else 0.0,
        "test" if trial.is_test else "train",
    )


def _seeded_by(trial: Trial, checkpoint: str | None) -> int:
    """Return the number that seeds a training: a test goes on as the trial that it takes the checkpoint of."""
    return trial.replicates if trial.is_test and checkpoint and trial.replicates is not None else trial.number
