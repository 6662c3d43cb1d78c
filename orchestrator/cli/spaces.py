"""The command `spaces`: what the catalogue of search spaces holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import JsonOption
from orchestrator.cli.say import answer, answer_json, say

spaces_app = typer.Typer(add_completion=False, rich_markup_mode=None)


@spaces_app.callback(invoke_without_command=True)
def spaces(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the search spaces of the catalogue; `spaces show NAME` shows one."""
    from orchestrator.project.spec_files import shipped_spaces, space_finder
    from orchestrator.sweepfile.catalogue import catalogue_summaries
    from orchestrator.views.spaces import spaces_answer

    if context.invoked_subcommand is not None:
        return
    found = catalogue_summaries(shipped_spaces(), space_finder(Path()))
    if as_json:
        answer_json([{"space": name, "description": description} for name, description in found])
    else:
        answer(spaces_answer(found))
        say("next: stepladder spaces show NAME")


@spaces_app.command("show")
def show_space(
    name: Annotated[str, typer.Argument(help="A space, or the path of a file.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Show a search space: ranges, defaults, tiers, sources, cautions."""
    from orchestrator.project.spec_files import space_finder
    from orchestrator.sweepfile.catalogue import catalogue_space
    from orchestrator.views.spaces import space_answer, space_document

    found = catalogue_space(name, space_finder(Path()))
    if as_json:
        answer_json(space_document(found))
    else:
        answer(space_answer(found))
