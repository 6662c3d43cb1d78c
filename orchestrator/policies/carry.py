"""What a stage hands on: whoever leads when the next one begins is written down as that stage's starting point."""

from __future__ import annotations

from orchestrator.state.fold import SweepState
from orchestrator.sweep.event import StageEntered


def stage_entries(state: SweepState, stage: str, t: float, m: float | None = None) -> list[StageEntered]:
    """Return the record of entering `stage`; none if it was entered before.

    The moment is `t` seconds since the epoch and `m` by the writing driver's monotonic clock.
    """
    if stage in state.stages_entered:
        return []
    leading = state.leader()
    incumbent, value = (None, None) if leading is None else (leading.number, leading.value)
    return [StageEntered(t, stage, incumbent, value, m=m)]
