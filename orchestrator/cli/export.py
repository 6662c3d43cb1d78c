"""The command `export`: the best configurations, for another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import SWEEP, OutputOption, SweepArgument, TopOption
from orchestrator.cli.say import answer_piece, say
from orchestrator.cli.status import open_sweep
from orchestrator.errors import UsageError


def export(
    sweep: SweepArgument = SWEEP,
    form: Annotated[str, typer.Option("--format", help="json, yaml, args, argv0, env or hydra.")] = "json",
    top: TopOption = 1,
    output: OutputOption = None,
) -> None:
    """Print the best configurations in a form that another program takes; to stderr what is known of the best one."""
    from orchestrator.results.diagnoses import winner_diagnosis
    from orchestrator.results.export import export as exported
    from orchestrator.results.export import is_split_by_shells
    from orchestrator.results.tested import winner_on_test_set
    from orchestrator.views.diagnosis import reading_text
    from orchestrator.views.tested import rows_of_test

    handle = open_sweep(sweep, None)
    log = handle.results()
    text = exported(log.state, form, 1 if top is None else top)
    if output is None:
        answer_piece(text)
    else:
        write_whole(output, text)
        say(f"wrote {output}")
    if form == "args" and is_split_by_shells(log.state):
        say(
            "note: these arguments are quoted for a shell that reads them as a command. A bare $(...) tears them "
            f"apart; hand them over as they are: stepladder export {handle.typed} --format argv0 | xargs -0 PROGRAM"
        )
    for _, line in rows_of_test(winner_on_test_set(log.state), log.state.plan.spec.fidelity.unit):
        say(f"test: {line}")
    if told := reading_text(log.state, winner_diagnosis(log.state, log.events)):
        say(told)


def write_whole(output: Path, text: str) -> None:
    """Write the whole text or leave what was there. Raises UsageError where no file can be, StorageError when full."""
    from orchestrator.storage.filesystem import LocalFileSystem

    if output.is_dir():
        raise UsageError(f"{output} is a folder; name a file in it")
    if not output.parent.is_dir():
        raise UsageError(f"{output.parent} is no folder; make it, or write elsewhere")
    if output.exists() and not output.is_file():
        output.write_bytes(text.encode())  # /dev/stdout, a named pipe: nothing to be put in place of
        return
    file = output.resolve()  # a link stays one
    LocalFileSystem(file.parent).replace(file.name, text.encode())
