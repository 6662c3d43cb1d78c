"""`stepladder status SWEEP --trial N`: one trial, how it came to be, how it ended, and by what evidence."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from orchestrator import wording
from orchestrator.control.caps import TRIAL_LIMIT
from orchestrator.errors import UsageError
from orchestrator.results.export import ordered
from orchestrator.results.summary import valued_at
from orchestrator.sweep.trial import FIRST_REPLICATE, TrialState
from orchestrator.views.render import pairs

if TYPE_CHECKING:
    from orchestrator.control.fold import SweepState
    from orchestrator.sweep.trial import Attempt, Trial


def find_trial(state: SweepState, number: int) -> Trial:
    """Return a trial of the sweep; raises UsageError where there is none of this number, with those there are."""
    if FIRST_REPLICATE <= number < FIRST_REPLICATE + len(state.replicates):
        return state.replicates[number - FIRST_REPLICATE]
    if not 0 <= number < len(state.trials):
        there = f"it has trials 0 to {len(state.trials) - 1}" if state.trials else "it has no trial yet"
        raise UsageError(f"--trial {number}: the sweep has no such trial; {there}")
    return state.trials[number]


def trial_document(state: SweepState, number: int) -> dict[str, Any]:
    """Return everything known of a trial as plain data; raises as `find_trial`."""
    trial = find_trial(state, number)
    content = asdict(trial) | {"value": trial.value, "judgement": None}
    if (judged := trial.judgement) is not None:
        content["judgement"] = {field: getattr(judged, field) for field in judged.__struct_fields__}
    return content


def trial_answer(state: SweepState, number: int) -> Group:
    """Return a trial for a person; raises as `find_trial`."""
    trial = find_trial(state, number)
    rows = [("values", wording.configuration(ordered(state, trial))), ("came from", _origin(trial))]
    rows += [("note", note) for note in trial.notes]
    rows.append(("reached", _reached(state, trial)))
    if (why := _stop(state, trial)) is not None:
        rows.append(("stopped", why))
    unit = state.plan.spec.fidelity.unit
    rows += [(f"attempt {attempt.number}", _attempt(attempt, unit)) for attempt in trial.attempts]
    return Group(Text(f"trial {number}: {trial.state}, stage {trial.stage}", style="bold"), Text(), pairs(rows))


def _origin(trial: Trial) -> str:
    if trial.replicates is not None:
        return f"{trial.move}; repeats trial {trial.replicates} with another seed"
    parts = [trial.move]
    if trial.block:
        parts.append(f"drew {', '.join(trial.block)}")
    if trial.parent is not None:
        parts.append(f"the rest from trial {trial.parent}")
    if trial.learned_from is not None:
        parts.append(f"learned from {wording.counted(trial.learned_from, 'trial')}")
    if trial.nearest is not None:
        parts.append(f"nearest to trial {trial.nearest}")
    return "; ".join(parts)


def _reached(state: SweepState, trial: Trial) -> str:
    objective, unit = state.plan.spec.objective.metric, state.plan.spec.fidelity.unit
    if trial.value is None:
        return f"no finite {objective} reported"
    return f"{objective} {wording.number(trial.value)} at {unit} {wording.number(valued_at(trial))}"


def _stop(state: SweepState, trial: Trial) -> str | None:
    """Say by what evidence it was stopped early; None where it was not, or the log does not say."""
    judged = trial.stopped_by
    if trial.state is TrialState.PRUNED and trial.attempt.cause == TRIAL_LIMIT:
        taken_s = sum(attempt.charged_s for attempt in trial.attempts)
        return f"after {wording.duration(taken_s)}: as long as limits.trial lets one trial take"
    if judged is None:
        return None
    where = f"at {state.plan.spec.fidelity.unit} {wording.number(judged.rung)}"
    if judged.threshold is None:
        return f"{where}, by the scheduler"
    among = f", made from {wording.counted(judged.among, 'value')} of other trials" if judged.among else ""
    return f"{where}: worse than {wording.number(judged.threshold)}{among}"


def _attempt(attempt: Attempt, unit: str) -> str:
    parts = [attempt.outcome.value if attempt.outcome is not None else "not ended"]
    if attempt.cause is not None:
        parts.append(f"by {attempt.cause}")
    begun = f"from {unit} {wording.number(attempt.resumed_from)} " if attempt.resumed_from else ""
    parts.append(f"{begun}to {unit} {wording.number(attempt.fidelity)}" if attempt.fidelity else "no report")
    if attempt.node is not None:
        gpus = f", GPUs {attempt.gpu_ids}" if attempt.gpu_ids else ""
        parts.append(f"on {attempt.node}{gpus}")
    if attempt.ended_t is None and attempt.silent_s:
        parts.append(f"silent for {wording.duration(attempt.silent_s)}")
    if attempt.ended_t is not None:
        parts.append(wording.duration(attempt.charged_s))
    text = "; ".join(parts)
    return f"{text}\n{attempt.error}" if attempt.error else text
