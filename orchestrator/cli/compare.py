"""The command `compare`: sweeps side by side."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from orchestrator.cli.options import JsonOption
from orchestrator.cli.say import answer, answer_json
from orchestrator.cli.status import open_sweep
from orchestrator.errors import UsageError


def compare(
    sweeps: Annotated[
        list[str], typer.Argument(metavar="SWEEP SWEEP...", help="Sweep files, or sweeps' folders.", show_default=False)
    ],
    as_json: JsonOption = False,
) -> None:
    """Show sweeps side by side: what each found, what it cost, and where they differ."""
    from orchestrator.views.comparison import compared, comparison_answer, comparison_document

    if len(sweeps) < 2:
        raise UsageError(f"{sweeps[0]} alone is compared with nothing; name a second sweep")
    now = time.time()
    found = []
    for sweep in sweeps:
        log = open_sweep(sweep, None).results()
        found.append(compared(log.state, str(log.folder), log.holder, now))
    if as_json:
        answer_json(comparison_document(found))
    else:
        answer(comparison_answer(found))
