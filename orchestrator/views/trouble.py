"""What is odd about a sweep, in words: silent trials, places it waits for, nodes to avoid, what is never read."""

from __future__ import annotations

from orchestrator import wording
from orchestrator.results.summary import Summary
from orchestrator.state.never_read import describe

SHOWN_SILENT = 3
"""How many silent trials are named; the others are counted."""


def trouble_rows(summary: Summary) -> list[tuple[str, str]]:
    """Return the lines of a status that tell of it, each with its label."""
    silent = "; ".join(silences(summary))
    rows = [("silent", silent)] if silent else []
    if said := wording.awaited_places(summary.awaited):
        rows.append(("places", said))
    if summary.avoided:
        rows.append(("avoided", f"{', '.join(summary.avoided)}: attempts keep dying there, and do well elsewhere"))
    return [*rows, *(("never read", describe(found)) for found in summary.never_read)]


def silences(summary: Summary) -> list[str]:
    """Say which trials give no sign of life for longer than is usual: `trial 3 on w1 silent for 12m 04s`."""
    said = [
        f"trial {found.trial}{f' on {found.node}' if found.node else ''} silent for {wording.duration(found.silent_s)}"
        for found in summary.silent[:SHOWN_SILENT]
    ]
    more = len(summary.silent) - SHOWN_SILENT
    return [*said, f"{more} more silent"] if more > 0 else said
