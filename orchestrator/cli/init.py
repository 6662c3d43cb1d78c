"""The commands that one begins with: `init` writes an example, `schema` tells an editor what a sweep file may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.say import answer_json, say


def init(
    demo: Annotated[str, typer.Argument(help="Which demonstration: digits, fashion or text.")] = "digits",
    to: Annotated[Path | None, typer.Option(help="Folder to make. Unset: the demonstration's name.")] = None,
) -> None:
    """Write a working example: a training function and its sweep file."""
    from orchestrator.demos import write_demo

    folder = write_demo(demo, to or Path(demo))
    say(f"wrote {', '.join(str(path) for path in sorted(folder.iterdir()))}")
    say(f"next: stepladder plan {folder / 'sweep.yaml'}")


def schema() -> None:
    """Print the JSON Schema of the sweep file, for editors."""
    from orchestrator.sweepfile.schema import json_schema

    answer_json(json_schema())
