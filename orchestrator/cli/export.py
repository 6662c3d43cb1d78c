"""The command `export`: the best configurations, for another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import SweepArgument
from orchestrator.cli.say import answer_piece, say
from orchestrator.cli.status import open_sweep


def export(
    sweep: SweepArgument,
    form: Annotated[str, typer.Option("--format", help="json, yaml, args, env or hydra.")] = "json",
    top: Annotated[int, typer.Option(min=1, help="How many configurations, best first.")] = 1,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write. Unset: stdout.")] = None,
) -> None:
    """Print the best configurations in a form that another program takes; what the best one's curve shows to stderr."""
    from orchestrator.results.diagnoses import winner_diagnosis
    from orchestrator.results.export import export as exported
    from orchestrator.views.diagnosis import reading_text

    log = open_sweep(sweep, None).results()
    text = exported(log.state, form, top)
    if output is None:
        answer_piece(text)
    else:
        output.write_text(text)
        say(f"wrote {output}")
    if told := reading_text(log.state, winner_diagnosis(log.state, log.events)):
        say(told)
