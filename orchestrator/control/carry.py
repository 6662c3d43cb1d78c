"""What a stage hands on: whoever leads when the next one begins is written down as that stage's starting point."""

from __future__ import annotations

from orchestrator.control.fold import SweepState
from orchestrator.sweep.event import StageEntered


def stage_entries(state: SweepState, stage: str, t: float) -> list[StageEntered]:
    """Return the record of entering `stage` at `t` seconds since the epoch; none if it was entered before."""
    if stage in state.stages_entered:
        return []
    leading = state.leader()
    return [StageEntered(t, stage, leading.number if leading else None, leading.value if leading else None)]
