"""The command `export`: the best configurations, for another program, or the whole sweep, for another tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import SWEEP, OutputOption, SweepArgument, TopOption
from orchestrator.cli.say import answer_piece, answer_text, say
from orchestrator.cli.status import open_sweep
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.project.handle import Handle, SweepLog

FormatOption = Annotated[
    str,
    typer.Option(
        "--format", help="json, yaml, args, argv0, env or hydra; the whole sweep: tensorboard, optuna, mlflow or csv."
    ),
]


def export(
    sweep: SweepArgument = SWEEP,
    form: FormatOption = "json",
    top: TopOption = None,
    output: OutputOption = None,
) -> None:
    """Print the best configurations in a form that another program takes; to stderr what is known of the best one.

    Or write the whole sweep as another tool's data, living or dead: a folder of TensorBoard's, a journal of Optuna's,
    runs of MLflow's, a table. What was written there before is gone on with.
    """
    from orchestrator.results.export import FORMATS

    handle = open_sweep(sweep, None)
    log = handle.results()
    if form in FORMATS:
        _export_best(handle, log, form, 1 if top is None else top, output)
    elif top is not None:
        raise UsageError(f"--format {form} is the whole sweep; leave out --top")
    else:
        _export_whole(log, form, output)


def _export_best(handle: Handle, log: SweepLog, form: str, top: int, output: Path | None) -> None:
    from orchestrator.results.diagnoses import diagnosed_winner
    from orchestrator.results.export import export as exported
    from orchestrator.results.export import is_split_by_shells
    from orchestrator.results.tested import winner_on_test_set
    from orchestrator.views.diagnosis import reading_text
    from orchestrator.views.tested import rows_of_test

    text = exported(log.state, form, top)
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
    if told := reading_text(log.state, diagnosed_winner(log.folder, log.state)):
        say(told)


def _export_whole(log: SweepLog, form: str, output: Path | None) -> None:
    from orchestrator.results.export import FORMATS
    from orchestrator.results.sink_export import fill, sink_at, sink_formats
    from orchestrator.storage.location import Location

    if form not in sink_formats() and ":" not in form:
        raise UsageError(f"--format {form!r} is not a format; choose one of {', '.join([*FORMATS, *sink_formats()])}")
    if form == "csv" and output is None:
        from orchestrator.results.trial_rows import csv_text, trial_table

        table = trial_table(log.folder)
        answer_piece(csv_text(table, table.to_pylist(), None))
        return
    if output is not None and not output.absolute().parent.is_dir():
        raise UsageError(f"{output.parent} is no folder; make it, or write elsewhere")
    sink = sink_at(form, None if output is None else Location.parse(output), log.state.plan.spec.name)
    fill(sink, log.folder)
    answer_text(sink.told_place)
    if sink.opened_by:
        say(f"next: {sink.opened_by}")


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
