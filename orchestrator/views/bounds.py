"""What became of the bounds of `constraints`, for a person."""

from __future__ import annotations

from orchestrator import wording
from orchestrator.results.bounds import BoundSummary, ConstraintSummary


def constraint_rows(found: ConstraintSummary | None) -> list[tuple[str, str]]:
    """Return each bound with what the winner reported and how many trials broke it, under its label."""
    return [] if found is None else [("constraint", _row(bound)) for bound in found.bounds]


def _row(bound: BoundSummary) -> str:
    parts = [f"{bound.metric} {bound.text}"]
    if bound.winner is not None:
        parts.append(f"the winner's is {wording.number(bound.winner, 4)}")
    parts.append(f"{wording.counted(bound.broken, 'trial')} beyond it")
    if bound.unsaid:
        parts.append(f"{wording.counted(bound.unsaid, 'trial')} that ended did not say it")
    return "; ".join(parts)
