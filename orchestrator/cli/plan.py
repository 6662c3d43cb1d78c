"""The command `plan`: what a sweep would do and cost."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.check import warn
from orchestrator.cli.options import (
    SWEEP_FILE,
    JsonOption,
    OverridesArgument,
    SweepFileArgument,
    WorkersOption,
    file_meant,
)
from orchestrator.cli.say import answer, answer_json, say


def plan(
    sweep_file: SweepFileArgument = SWEEP_FILE,
    overrides: OverridesArgument = None,
    workers: WorkersOption = None,
    epoch_seconds: Annotated[float | None, typer.Option(min=0, help="Seconds of one unit of fidelity.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a sweep would do and cost, before anything is paid for."""
    from orchestrator.planning.estimate import planned_workers
    from orchestrator.project.warming import warmed
    from orchestrator.project.workspace import linted_plan, measured_seconds, sweep_folder
    from orchestrator.views.plan import plan_answer, plan_document

    sweep_file, overrides = file_meant(sweep_file, overrides)
    compiled, remarks = linted_plan(sweep_file, overrides)
    warn(remarks, sweep_file)
    compiled, left_out = warmed(compiled, sweep_file.parent)
    for told in left_out:
        say(f"warm_start: {told}")
    seconds = epoch_seconds or measured_seconds(sweep_folder(compiled, sweep_file.parent))
    at_once = workers or planned_workers(compiled)
    if as_json:
        answer_json(plan_document(compiled, at_once, seconds))
        return
    answer(plan_answer(compiled, at_once, seconds))
    say(f"next: stepladder run {sweep_file}")
