"""What the test set says of the winner, for a person."""

from __future__ import annotations

from datetime import UTC, datetime

from orchestrator import wording
from orchestrator.results.tested import WinnerOnTestSet


def rows_of_test(found: WinnerOnTestSet | None, unit: str) -> list[tuple[str, str]]:
    """Return what the looks at the test set found, each line with its label; nothing before the first."""
    if found is None:
        return []
    rows = [] if found.measured_t is None else [("test", _measured(found, unit))]
    if found.problem is not None:
        rows.append(("test", f"not measured: {found.problem}"))
    if found.times > 1:
        reasons = "; ".join(found.reasons)
        rows.append(("test", f"the test set was used {found.times} times: {reasons}"))
    return rows


def _measured(found: WinnerOnTestSet, unit: str) -> str:
    assert found.measured_t is not None
    value = "no finite number" if found.value is None else wording.number(found.value)
    begun = f"from its checkpoint at {unit} {wording.number(found.from_fidelity)}"
    if not found.from_fidelity:
        begun = "trained anew with a fresh seed"
    when = datetime.fromtimestamp(found.measured_t, UTC).strftime("%Y-%m-%d")
    now = "" if found.is_winner else ", which is not the winner any more"
    return f"{found.metric} {value}: trial {found.trial}{now}, {begun}, on {when}"
