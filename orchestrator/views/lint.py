"""What the linter found, for a person and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import ConsoleRenderable, Group
from rich.table import Table
from rich.text import Text

from orchestrator.sweepfile.lint import Remark
from orchestrator.views.spaces import SOURCES


def lint_answer(remarks: Sequence[Remark]) -> ConsoleRenderable:
    """Return the remarks, each with its reason, source, fix and rule."""
    parts: list[ConsoleRenderable] = []
    for remark in remarks:
        rule = remark.rule
        parts.append(Text(f"{rule.severity}: {remark.message}", style="bold yellow" if _warns(remark) else "bold"))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for label, text in (("why", rule.reason), ("source", rule.source), ("fix", rule.fix), ("rule", rule.id)):
            grid.add_row(f"  {label}", Text(text))
        parts.append(grid)
    return Group(*parts, Text(""), Text(SOURCES, style="dim"))


def lint_document(remarks: Sequence[Remark]) -> list[dict[str, Any]]:
    """Return the remarks as plain data."""
    return [
        {
            "rule": remark.rule.id,
            "severity": remark.rule.severity,
            "place": str(remark.message.place),
            "key": remark.message.path,
            "seen": remark.message.text,
            "reason": remark.rule.reason,
            "source": remark.rule.source,
            "fix": remark.rule.fix,
        }
        for remark in remarks
    ]


def warning_lines(remarks: Sequence[Remark], ask: str) -> list[str]:
    """Return what `plan` and `run` say first: one line for each warning, then that `ask` tells more; none without."""
    lines = [f"warning: {remark.message} ({remark.rule.id})" for remark in remarks if _warns(remark)]
    return [*lines, f"why, and what to do instead: {ask}"] if lines else []


def _warns(remark: Remark) -> bool:
    return remark.rule.severity == "warning"
