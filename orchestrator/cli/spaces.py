"""The command `spaces`: what the catalogue of search spaces holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.say import answer, say

spaces_app = typer.Typer(add_completion=False, rich_markup_mode=None)


@spaces_app.callback(invoke_without_command=True)
def spaces(context: typer.Context) -> None:
    """List the search spaces of the catalogue; `spaces show NAME` shows one."""
    from orchestrator.project.spec_files import shipped_spaces, space_finder
    from orchestrator.sweepfile.catalogue import catalogue_summaries
    from orchestrator.views.spaces import spaces_answer

    if context.invoked_subcommand is None:
        answer(spaces_answer(catalogue_summaries(shipped_spaces(), space_finder(Path()))))
        say("next: stepladder spaces show NAME")


@spaces_app.command("show")
def show_space(
    name: Annotated[str, typer.Argument(help="A space, or the path of a file.", show_default=False)],
) -> None:
    """Show a search space: ranges, defaults, tiers, sources, cautions."""
    from orchestrator.project.spec_files import space_finder
    from orchestrator.sweepfile.catalogue import catalogue_space
    from orchestrator.views.spaces import space_answer

    answer(space_answer(catalogue_space(name, space_finder(Path()))))
