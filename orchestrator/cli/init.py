"""The commands that one begins with: `init` writes an example, or a sweep file for code that is there; `schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.say import answer, answer_json, say


def init(
    demo: Annotated[str, typer.Argument(help="Which demonstration: digits, fashion or text.")] = "digits",
    to: Annotated[
        Path | None, typer.Option(help="Folder to make; with --from, the sweep file. Unset: the demonstration's name.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE.py[:FUNCTION]", help="Your training code: write a sweep file for it."),
    ] = None,
    from_run: Annotated[
        str | None,
        typer.Option(help="Instead, a sweep file that goes on from this sweep's winner.", show_default=False),
    ] = None,
) -> None:
    """Write a working example: a training function and its sweep file. Or, with --from, a sweep file for your code.

    The code is read, not run: what hyperparameters it takes is met with the catalogue by name.
    """
    if from_run is not None:
        from orchestrator.project.going_on import write_next

        file, notes = write_next(from_run, to)
        for note in notes:
            say(note)
        say(f"wrote {file}")
        say(f"next: stepladder plan {file}")
        return
    from orchestrator.demos import write_demo

    if source is not None:
        _init_from(source, to)
        return
    folder = write_demo(demo, to or Path(demo))
    say(f"wrote {', '.join(str(path) for path in sorted(folder.iterdir()))}")
    say(f"next: stepladder plan {folder / 'sweep.yaml'}")


def _init_from(source: str, to: Path | None) -> None:
    """Write a sweep file beside a training file, and show its first plan."""
    from orchestrator.cli.importing import write_and_check
    from orchestrator.demos import add_schema
    from orchestrator.imports.code_draft import draft_of_code
    from orchestrator.imports.python_source import parsed
    from orchestrator.planning.estimate import planned_workers
    from orchestrator.project.spec_files import read_foreign_file, space_finder
    from orchestrator.views.plan import plan_answer

    name, colon, function = source.rpartition(":") if source.rpartition(":")[0].endswith(".py") else (source, "", "")
    file = Path(name)
    content = read_foreign_file(file)
    module = parsed(content, str(file))
    output = to or file.parent / "sweep.yaml"
    draft = draft_of_code(content, module, file, function if colon else None, space_finder(output.parent))
    plan = write_and_check(draft, output)
    add_schema(output)
    answer(plan_answer(plan, planned_workers(plan), None))
    say(f"next: look at what is marked `invented` in {output}, then stepladder check {output}")


def schema(
    verb: Annotated[
        list[str] | None,
        typer.Argument(metavar="VERB", help="Instead, of what this verb answers with --json.", show_default=False),
    ] = None,
) -> None:
    """Print the JSON Schema of the sweep file, for editors; with a verb, of what that answers with --json."""
    if not verb:
        from orchestrator.sweepfile.schema import json_schema

        answer_json(json_schema())
        return
    from orchestrator.views.schema_files import answer_schema

    answer_json(answer_schema(" ".join(verb)))
