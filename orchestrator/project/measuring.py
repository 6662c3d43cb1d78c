"""From what a person typed to a driver that measures a sweep's winner on the test set, and does nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from orchestrator.control.measuring import begun_test, refuse_to_test
from orchestrator.control.session import Session, reopen
from orchestrator.errors import UsageError
from orchestrator.project.code_in_force import CodeInForce, code_to_go_on
from orchestrator.project.places import locate, source_of
from orchestrator.project.provenance import provenance
from orchestrator.state.reading import LogReading
from orchestrator.storage.location import Location
from orchestrator.sweep.plan import Plan


def taken_to_test(
    place: str, on_wait: Callable[[str], None], *, again: bool, reason: str | None
) -> tuple[Session, Path, list[str]]:
    """Take the sweep over to measure its winner; returns the session, the folder of its code and what to know.

    The sweep stays what its log says it is: its file is not read, and may have been changed for the next one. Raises
    UsageError where the winner cannot be measured now, SweepNotFoundError, LeaseHeldError, StorageError.
    """
    target = locate(place)
    reading = LogReading(target.folder, target.folder.files())
    state = reading.go_on()
    refuse_to_test(state, place, again=again, reason=reason)
    source = target.file or source_of(target.folder, state.plan)
    if source is None:
        raise UsageError(f"{place}: it was built in Python, where its function is; measure it there: Sweep(...).test()")
    plan = _on_this_ground(state.plan, source.parent)
    force = code_to_go_on(state, target.folder, plan, source.parent, time.time(), here=False)
    session = reopened_to_test(target.folder, force, place, on_wait, again=again, reason=reason, reading=reading)
    return session, source.parent, [*force.said, _what_runs(session)]


def reopened_to_test(
    folder: Location, force: CodeInForce, place: str, on_wait: Callable[[str], None] = lambda _: None,
    *, again: bool, reason: str | None, reading: LogReading | None = None,
) -> Session:  # fmt: skip
    """Open the sweep for a driver that measures, the look begun on its log; `place` names it in messages.

    `reading` has read its log already. Raises as `taken_to_test`, also where another driver used the test set since it
    was read.
    """
    session, _ = reopen(folder, force.plan, on_wait, code=force.key, tests=True, reading=reading)
    try:
        refuse_to_test(session.state, place, again=again, reason=reason)
        clock = time.time(), time.monotonic()
        if (begun := begun_test(session.state, reason, *clock)) is not None:
            session.controller.write_down(begun)
    except BaseException:
        session.release()
        raise
    return session


def _on_this_ground(plan: Plan, folder: Path) -> Plan:
    if not folder.is_dir():
        return plan
    keep = {"source": plan.provenance.source, "overrides": plan.provenance.overrides}
    return plan.model_copy(update={"provenance": provenance(folder, plan.spec).model_copy(update=keep)})


def _what_runs(session: Session) -> str:
    look = session.state.tests[-1]
    begun = f"from its checkpoint at {look.run.checkpoint_fidelity:g}" if look.run.checkpoint else "anew"
    return f"measuring trial {look.of}, the winner, on the test set: {begun}"
