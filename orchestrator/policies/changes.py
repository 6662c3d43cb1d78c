"""What changed since a sweep's last driver: what may change is told, what may not is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from orchestrator.errors import SpecChangedError, UsageError
from orchestrator.planning.compile import differences
from orchestrator.state.fold import SweepState
from orchestrator.storage.checkpoints import CheckpointFinder
from orchestrator.sweep.event import SpecAmended
from orchestrator.sweep.formats import as_begun
from orchestrator.sweep.growth import misfit
from orchestrator.sweep.plan import Plan, Provenance
from orchestrator.sweep.resources import Resources

SETTABLE = ("max_concurrent", "priority", "avoid")
"""Keys of `resources` that may be set while a driver works: what it asks of the cluster, nothing of the search."""
NAMED = 10
"""How many trials a sentence names before it counts them."""


def refuse_changed_search(state: SweepState, plan: Plan) -> None:
    """Raise SpecChangedError, showing the difference, where `plan` asks for another search than the sweep's."""
    spec = as_begun(plan.spec, state.begun_format)
    refused = differences(state.plan.spec, spec)[1]
    if not refused and spec.search_space != state.plan.spec.search_space:
        refused += filter(None, [misfit(state.trials, spec.search_space)])
    if refused:
        raise SpecChangedError(
            "the search itself changed since the sweep began, so its trials cannot be compared any more:\n"
            + "\n".join(f"  {line}" for line in refused)
            + "\nUndo the change, or give the sweep another name and start anew"
        )


def deciding_versions(ground: Provenance) -> dict[str, str]:
    """Return the versions of everything that decides; that of a member of the user's own is the hash of its code."""
    return {**ground.versions, **ground.members}


def changed_ground(state: SweepState, plan: Plan) -> list[str]:
    """Say how the code and the versions differ from the last driver's, one sentence each."""
    last = state.sessions[-1]
    changes = []
    if last.code_hash != plan.provenance.code_hash:
        changes.append(f"code: {last.code_hash} -> {plan.provenance.code_hash}; later rows carry the new hash")
    versions = deciding_versions(plan.provenance)
    for name in sorted(last.versions.keys() | versions.keys()):
        before, after = last.versions.get(name, "none"), versions.get(name, "none")
        if before != after:
            changes.append(f"{name}: {before} -> {after}")
    return changes


def with_settings(state: SweepState, settings: Mapping[str, Any], t: float, m: float | None) -> SpecAmended | None:
    """Return the record of a sweep that goes on under other `settings`, keys of its resources, at `t` and `m`.

    None where they change nothing. Raises UsageError where one is none that may be set, or a value is wrong.
    """
    spec = state.plan.spec
    if unknown := sorted(settings.keys() - SETTABLE):
        raise UsageError(f"{unknown[0]}: it cannot be set while a sweep runs; what can is {', '.join(SETTABLE)}")
    try:
        resources = Resources.model_validate({**spec.resources.model_dump(), **settings})
    except ValidationError as error:
        wrong = error.errors()[0]
        raise UsageError(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from None
    changed = spec.model_copy(update={"resources": resources})
    changes = differences(spec, changed)[0]
    if not changes:
        return None
    overrides = list(state.plan.provenance.overrides)
    return SpecAmended(t, changed.model_dump(mode="json"), changes, overrides, m=m)


def gone_checkpoints(state: SweepState, finder: CheckpointFinder) -> list[str]:
    """Say which unfinished trials lost the checkpoint that they would go on from. Raises StorageError."""
    owners = {
        trial.checkpoint: trial.number for trial in state.everyone() if trial.checkpoint and not trial.state.is_final
    }
    gone = sorted(owners[checkpoint] for checkpoint in finder.missing(owners))
    if len(gone) == 1:
        return [f"the checkpoint of trial {gone[0]} is gone; it starts again from the beginning"]
    if gone:
        return [f"the checkpoints of trials {named_numbers(gone)} are gone; they start again from the beginning"]
    return []


def named_numbers(numbers: Sequence[int]) -> str:
    """Write trial numbers out: `1, 2 and 5`; where there are many, the first of them and how many there are."""
    if len(numbers) > NAMED:
        return f"{', '.join(map(str, numbers[:NAMED]))}, ... ({len(numbers)} in all)"
    return " and ".join(filter(None, [", ".join(map(str, numbers[:-1])), str(numbers[-1])]))
