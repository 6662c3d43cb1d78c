"""Whether a sweep still gets better, in a line: which trial was the last that did, and what has ended since without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import wording

if TYPE_CHECKING:
    from orchestrator.state.course import LastImprovement


def improvement_line(found: LastImprovement) -> str:
    """Write it: `last by trial 12, in tier-1; 35 trials ended since, 13 of them trained to the end`."""
    text = f"last by trial {found.trial}, in {found.stage}"
    if not found.ended_since:
        return f"{text}, the newest to end"
    return f"{text}; {wording.counted(found.ended_since, 'trial')} ended since, {found.full_since:,} trained to the end"
