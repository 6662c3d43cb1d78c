"""Which code a sweep's trials run: taken at the start, kept by `resume`, and taken anew only where a person says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.control.drivers import pinned_by_last
from orchestrator.errors import UsageError
from orchestrator.project.pinning import difference, is_pinnable, take_code
from orchestrator.state.fold import SweepState
from orchestrator.storage.location import Location
from orchestrator.storage.pinned_code import PinnedCode, TakenCode, read_code
from orchestrator.sweep.formats import as_begun
from orchestrator.sweep.plan import Plan


@dataclass(frozen=True, slots=True)
class CodeInForce:
    """What a sweep's trials run from now on."""

    plan: Plan
    """The plan, with the hash of that code."""
    taken: TakenCode | None
    """Code to be pinned now; None: what is pinned stays."""
    key: str | None
    """Which pinned code; None: what lies in the user's folder."""
    said: tuple[str, ...] = ()
    """What a person should know, one line each."""


def code_to_begin(plan: Plan, folder: Path, now: float, *, is_in_file: bool = True) -> CodeInForce:
    """Take the code of a new sweep, whose sweep file lies in `folder`; `now` is in seconds since the epoch.

    A function that is not `is_in_file` travels to the workers as it is. Raises UsageError where code cannot be taken.
    """
    if not (is_in_file and is_pinnable(plan.spec)):
        return CodeInForce(plan, None, None)
    taken, said = take_code(folder, plan.spec, now)
    return CodeInForce(_with_hash(plan, taken.code.key), taken, taken.code.key, tuple(said))


def code_to_go_on(
    state: SweepState, sweep: Location, plan: Plan, folder: Path, now: float, *, here: bool
) -> CodeInForce:
    """Say what a sweep goes on with: what is pinned, or with `here` what lies in the sweep file's `folder` now.

    A sweep whose code is not pinned goes on with what lies in the folder, and `here` pins it from now on. Raises
    UsageError where the code cannot be taken, StorageError where the list of the pinned one is damaged.
    """
    spec = as_begun(plan.spec, state.begun_format)
    key = pinned_by_last(state) if spec.code.pin else None
    if here:
        return _taken_here(state, plan, folder, now)
    if key is None:
        return CodeInForce(plan, None, None)
    said = _differing(read_code(sweep.files(), key), plan, folder, now)
    return CodeInForce(_with_hash(plan, key), None, key, tuple(said))


def _taken_here(state: SweepState, plan: Plan, folder: Path, now: float) -> CodeInForce:
    spec = plan.spec
    if not is_pinnable(as_begun(spec, state.begun_format)):
        return CodeInForce(plan, None, None, ("--code here: this sweep's code is not pinned, trials take it there",))
    taken, said = take_code(folder, spec, now)
    return CodeInForce(_with_hash(plan, taken.code.key), taken, taken.code.key, tuple(said))


def _differing(code: PinnedCode, plan: Plan, folder: Path, now: float) -> list[str]:
    """Say so where the user's folder does not hold the pinned code any more."""
    when = datetime.fromtimestamp(code.taken_t, UTC).strftime("%Y-%m-%d %H:%M")
    goes_on = f"trials go on with the code pinned from {code.root} on {when} UTC"
    if not (folder / (plan.spec.trainable or "").rpartition(":")[0]).is_file():
        return [f"{folder} does not hold the sweep's code; {goes_on}"]
    try:
        taken, _ = take_code(folder, plan.spec, now)
    except UsageError as error:
        return [f"whether {folder} still holds the sweep's code cannot be told: {error}; {goes_on}"]
    found = difference(code, taken.code)
    if found is None:
        return []
    return [f"{folder} differs from the sweep's code ({found}); {goes_on}. To take it as it is now: --code here"]


def _with_hash(plan: Plan, key: str) -> Plan:
    return plan.model_copy(update={"provenance": plan.provenance.model_copy(update={"code_hash": key})})
