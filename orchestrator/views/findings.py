"""What a preflight found, for a person and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from orchestrator.ray.preflight.findings import Finding

_MARKS = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("-", "yellow")}


def findings_answer(findings: Sequence[Finding]) -> Table:
    """Return a line for each check: ✓ holds, ✗ does not, - could not be told; what to do stands below."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        mark, style = _MARKS[finding.ok]
        table.add_row(Text(mark, style=style), Text(finding.check, style="bold"), Text(finding.text))
        if finding.remedy is not None:
            table.add_row("", "", Text(f"do: {finding.remedy}"))
    return table


def findings_document(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the findings as plain data."""
    return [asdict(finding) for finding in findings]
