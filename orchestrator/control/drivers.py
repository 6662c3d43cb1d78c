"""What a driver's first record says, and what it tells of a sweep later: which code its trials run."""

from __future__ import annotations

from orchestrator.policies.changes import deciding_versions
from orchestrator.state.fold import SweepState
from orchestrator.storage.lease import Lease
from orchestrator.storage.marks import journal_name
from orchestrator.sweep import event as ev
from orchestrator.sweep.plan import Plan


def pinned_by_last(state: SweepState) -> str | None:
    """Return the key of the pinned code that the last driver's trials run; None: what lies in the user's folder."""
    return state.sessions[-1].pinned if state.sessions else None


def driver_started(
    lease: Lease, plan: Plan, now: tuple[float, float], changes: list[str], sealed: dict[str, int], pinned: str | None,
    *, tests: bool = False, clears: bool = False,
) -> ev.DriverStarted:  # fmt: skip
    """Return a driver's first record; `now` is the moment by the wall clock and by the monotonic one.

    `tests` says whether it only measures the winner, `clears` whether it only removes what nobody can need any more.

    Every earlier epoch is sealed, also one that left no file: its driver may be asleep just before its first commit.
    """
    sealed = {journal_name(epoch): 0 for epoch in range(1, lease.epoch)} | sealed
    holder = f"{lease.holder.host}:{lease.holder.pid}"
    ground, (t, m) = plan.provenance, now
    started = (t, lease.epoch, holder, ground.code_hash, deciding_versions(ground), changes, sealed)
    return ev.DriverStarted(*started, format=ev.FORMAT, pinned=pinned, tests=tests, clears=clears, m=m)
