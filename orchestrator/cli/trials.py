"""The commands that look at trials: `trials` lists them, `show` tells everything about one."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from orchestrator.cli.options import SWEEP, JsonOption, SweepArgument, TopOption
from orchestrator.cli.say import answer, answer_json, answer_piece, say
from orchestrator.cli.status import open_sweep
from orchestrator.errors import UsageError
from orchestrator.views.trials import SHOWN
from orchestrator.wording import counted

StateOption = Annotated[
    list[str] | None,
    typer.Option(help="Only these: done, stopped, failed, running, waiting or a state's own name.", show_default=False),
]
StageOption = Annotated[list[str] | None, typer.Option(help="Only trials of this stage.", show_default=False)]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(metavar="CONDITION", help="Only where it holds: 'lr>=0.01', 'node=n3'.", show_default=False),
]
SortOption = Annotated[
    str | None, typer.Option(metavar="[-]COLUMN", help="Smallest first, with - largest. Unset: the best first.")
]
ColumnsOption = Annotated[str | None, typer.Option(metavar="A,B,...", help="Unset: as many as there is room for.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Answer in CSV, with every column unless some are named.")]


def trials(
    sweep: SweepArgument = SWEEP,
    state: StateOption = None,
    stage: StageOption = None,
    where: WhereOption = None,
    sort: SortOption = None,
    columns: ColumnsOption = None,
    top: TopOption = None,
    as_csv: CsvOption = False,
    as_json: JsonOption = False,
) -> None:
    """List a sweep's trials, living or dead: sorted, filtered, for a person or for another program."""
    from orchestrator.results.trial_rows import Selection, columns_named, csv_text, selected, trial_table
    from orchestrator.views.trials import preferred_columns, row_document, trials_answer

    handle = open_sweep(sweep, None)
    log = handle.results()
    table = trial_table(log.folder)
    selection = Selection(tuple(state or ()), tuple(stage or ()), tuple(where or ()), sort)
    rows = selected(table.to_pylist(), selection, [trial.number for trial in log.state.ranked()])
    named = columns_named(columns, table.column_names) if columns is not None else None
    most = top if top is not None else (0 if as_csv or as_json else SHOWN)
    shown = rows[:most] if most else rows
    if as_csv:
        answer_piece(csv_text(table, shown, named))
    elif as_json:
        chosen = [row_document(row) for row in shown]
        answer_json([{name: row[name] for name in named} for row in chosen] if named else chosen)
    elif not shown:
        say(f"none of {counted(table.num_rows, 'trial')} is so; without a filter: stepladder trials {handle.typed}")
    else:
        wanted = named or preferred_columns(log.state.plan, table.column_names, shown)
        answer(trials_answer(shown, wanted, _width(), fits=named is None, left_out=len(rows) - len(shown)))
        say(f"next: stepladder show {handle.typed} TRIAL")


def show(
    sweep: SweepArgument = SWEEP,
    number: Annotated[
        str | None, typer.Argument(metavar="TRIAL", help="Its number, or `winner`.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell everything about one trial: its configuration, curve, attempts, why it ended, what it printed last."""
    from orchestrator.views.trial import trial_answer, trial_document, trial_meant

    if number is None and (sweep.isdecimal() or sweep == "winner"):
        sweep, number = SWEEP, sweep
    if number is None:
        raise UsageError(f"which trial? `stepladder show {sweep} 0` is the baseline, `stepladder show {sweep} winner`")
    log = open_sweep(sweep, None).results()
    trial = trial_meant(log.state, number)
    if as_json:
        answer_json(trial_document(log.state, trial, log.folder))
    else:
        answer(trial_answer(log.state, trial, log.folder))


def _width() -> int:
    from orchestrator.views.render import make_console

    return make_console(sys.stdout).width
