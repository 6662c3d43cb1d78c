"""The command `import`: another tool's sweep as a sweep file of ours, what was invented and what was lost told."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import OutputOption
from orchestrator.cli.say import answer_text, say
from orchestrator.errors import StorageError, UsageError

if TYPE_CHECKING:
    from orchestrator.imports.draft import Draft
    from orchestrator.sweep.plan import Plan


class ForeignTool(StrEnum):
    """Whose sweep is imported."""

    WANDB = "wandb"
    OPTUNA = "optuna"
    RAY = "ray"
    HYDRA = "hydra"


def import_foreign(
    tool: Annotated[ForeignTool, typer.Argument(help="Whose sweep it is.", show_default=False)],
    file: Annotated[Path, typer.Argument(help="The tool's own file.", show_default=False)],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="What a Python file is given, after --.", show_default=False)
    ] = None,
    output: OutputOption = None,
    program: Annotated[
        str | None, typer.Option(help="The training program, where the file names none.", show_default=False)
    ] = None,
    run: Annotated[
        bool, typer.Option("--run/--no-run", help="Run a Python file to read it, a minute at most; or its text alone.")
    ] = True,
) -> None:
    """Write a sweep file from another tool's; say what was invented, and name what could not be carried.

    Exit code 0 if `stepladder check` takes what was written. `optuna` and `ray` run the file, with whatever would train
    replaced: import no stranger's.
    """
    from orchestrator.imports.programs import hydra_app
    from orchestrator.imports.reading import Reading, read_draft
    from orchestrator.project.spec_files import read_foreign_file

    content = read_foreign_file(file)
    to = output or _beside(file)
    if tool is ForeignTool.HYDRA and program is None:
        program = hydra_app(to.parent)
    if tool in (ForeignTool.OPTUNA, ForeignTool.RAY) and run:
        say(f"running {file} to read it, for a minute at most; nothing trains (--no-run reads its text alone)")
    draft = read_draft(tool.value, content, file, Reading(program, run, tuple(arguments or ())))
    write_and_check(draft, to)
    say(f"next: stepladder check {to}; what is marked `invented` in it is a guess")


def write_and_check(draft: Draft, output: Path) -> Plan:
    """Write a draft, tell what is not in it, and check it as `stepladder check` does. Raises SpecError."""
    from orchestrator.imports.supplying import tell_supplied
    from orchestrator.imports.writing import text_of
    from orchestrator.project.spec_files import space_finder
    from orchestrator.project.workspace import linted_plan

    tell_supplied(draft, space_finder(output.parent))
    files = {output: text_of(draft)} | {output.parent / name: text for name, text in draft.beside.items()}
    for path in files:
        if path.exists():
            raise UsageError(f"{path} is there already and may hold your changes; choose another with -o")
    try:
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}; choose another with -o") from error
    tuned = len(draft.tunable)
    answer_text(f"wrote {', '.join(map(str, files))}: {tuned} hyperparameter{'' if tuned == 1 else 's'} to tune")
    for title, lines in draft.lists:
        for line in lines:
            say(f"{title}: {line}")
    plan, _ = linted_plan(output)
    answer_text(f"{output}: valid, sweep {plan.sweep_id}")
    return plan


def _beside(file: Path) -> Path:
    """Return where the sweep file goes unless told otherwise: W&B's own is often called sweep.yaml too."""
    wanted = file.parent / "sweep.yaml"
    return wanted if file.name != wanted.name else file.parent / "stepladder.yaml"
