"""Whose a sweep is, and which one a command means: what acts on a sweep acts on that one alone.

A sweep is known by its id, `<name>-<hash>`; name and storage are not enough, since two people choose the same. Who
started it is written into its plan. Looking is free; what changes a sweep, or ends its driver, is refused where it is
another's, or another than the file now says, unless its id is given: `stepladder cancel SWEEP --id digits-3fa2b1c0`.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import SpecError, UsageError
from orchestrator.project.provenance import owner_here
from orchestrator.project.workspace import plan_from_file
from orchestrator.wording import duration

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.state.fold import SweepState
    from orchestrator.sweep.plan import Plan


@dataclass(frozen=True, slots=True)
class Meant:
    """What a command was told of the sweep it is to act on."""

    verb: str
    """The command: stop, cancel, submit."""
    typed: str
    """What names the sweep in a command to type next."""
    sweep_id: str | None
    """The id that was given; None without one."""


@dataclass(frozen=True, slots=True)
class SweepThere:
    """What is known of the sweep that lies where a command looks."""

    sweep_id: str
    """Its id."""
    owner: str | None
    """Whose it is; None where its plan does not say."""
    planned_t: float
    """When it was planned, seconds since the epoch."""
    source: str | None = None
    """The sweep file that it was started from, absolute; None where that is not known."""
    overrides: tuple[str, ...] = ()
    """The overrides in force."""

    @classmethod
    def of(cls, state: SweepState) -> SweepThere:
        """Take it from its log."""
        ground = state.plan.provenance
        return cls(state.plan.sweep_id, ground.owner, state.started_t, ground.source, ground.overrides)


def refuse_other(meant: Meant, there: SweepThere, folder: object, file: Path | None = None) -> None:
    """Raise UsageError where the sweep in `folder` is not the one that a command may act on.

    With an id that is the sweep of this id. Else it must be the person's own, as far as is known whose it is, and,
    where a sweep `file` was typed that it was not started from, what that file says.
    """
    if meant.sweep_id is not None:
        if meant.sweep_id != there.sweep_id:
            raise UsageError(f"{folder} holds the sweep {there.sweep_id}, not {meant.sweep_id}; nothing was done")
        return
    person, age = owner_here(os.environ), f"planned {duration(time.time() - there.planned_t)} ago"
    remedy = f"nothing was done. If you mean it: stepladder {meant.verb} {meant.typed} --id {there.sweep_id}"
    if there.owner not in (None, person):
        raise UsageError(
            f"{folder} holds {there.sweep_id}, which is {there.owner}'s, {age}, and you are {person}; {remedy}"
        )
    if file is None or there.source in (None, str(file.absolute())):
        return
    own = _id_of(file, there.overrides)
    if own is not None and own != there.sweep_id:
        raise UsageError(
            f"{folder} holds {there.sweep_id}, {age} from {there.source}, and {file} is another sweep of that name, "
            f"{own}; {remedy}"
        )


def refuse_name_in_use(plan: Plan, there: SweepThere, folder: object, undone: str = "nothing was sent") -> None:
    """Raise UsageError where the folder that a sweep would lie in holds another sweep, or another's.

    The same sweep of the same person goes on. `undone` says what was not done.
    """
    person, age = owner_here(os.environ), f"planned {duration(time.time() - there.planned_t)} ago"
    remedy = f"{undone}: give the sweep another name (name=...) or another storage"
    if there.owner not in (None, person):
        raise UsageError(f"{folder} is in use by {there.owner}'s sweep {there.sweep_id}, {age}; {remedy}")
    if there.sweep_id != plan.sweep_id and there.source not in (None, plan.provenance.source):
        raise UsageError(f"{folder} is in use by the sweep {there.sweep_id}, {age} from {there.source}; {remedy}")


def _id_of(file: Path, overrides: tuple[str, ...]) -> str | None:
    """Return the id of the sweep that a file says; None where it cannot be read: what is there may still be ended."""
    try:
        return plan_from_file(file, overrides, is_code_pinned=True).sweep_id
    except (SpecError, OSError):
        return None
