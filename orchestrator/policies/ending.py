"""What it means to whoever started a driver that it left: its exit code, and whether there is more to do."""

from __future__ import annotations

from orchestrator import exitcodes
from orchestrator.policies.caps import is_used_up
from orchestrator.state.fold import SweepState


def exit_code_of(reason: str, state: SweepState) -> int:
    """Return the exit code of a driver that left for `reason`; FAILED where nothing came of it: no trial leads."""
    if leaves_work(reason, state):
        return exitcodes.OF_LEAVING[reason]
    return exitcodes.FAILED if state.leader() is None else exitcodes.DONE


def leaves_work(reason: str, state: SweepState) -> bool:
    """Say whether a driver that left for `reason` left work to do: not where a cap of all drivers is used up."""
    return reason in exitcodes.OF_LEAVING and not is_used_up(state, reason)
