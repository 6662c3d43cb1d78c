"""The commands that show what the catalogue knows: `spaces`, and `check` with its remarks on a sweep file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from orchestrator.ray.preflight.findings import Finding
    from orchestrator.rules import ModelFacts
    from orchestrator.sweep.domains import Config
    from orchestrator.sweep.plan import Plan
    from orchestrator.sweepfile.lint import Remark

spaces_app = typer.Typer(rich_markup_mode="markdown")


@spaces_app.callback(invoke_without_command=True)
def spaces(context: typer.Context) -> None:
    """List the search spaces of the catalogue; `spaces show NAME` shows one."""
    from orchestrator.project.spec_files import shipped_spaces, space_finder
    from orchestrator.sweepfile.catalogue import catalogue_summaries
    from orchestrator.views.spaces import spaces_answer

    if context.invoked_subcommand is None:
        _answer(spaces_answer(catalogue_summaries(shipped_spaces(), space_finder(Path()))))
        _say("next: stepladder spaces show NAME")


@spaces_app.command("show")
def show_space(
    name: Annotated[str, typer.Argument(help="A space, or the path of a file.", show_default=False)],
) -> None:
    """Show a search space: ranges, defaults, tiers, sources, cautions."""
    from orchestrator.project.spec_files import space_finder
    from orchestrator.sweepfile.catalogue import catalogue_space
    from orchestrator.views.spaces import space_answer

    _answer(space_answer(catalogue_space(name, space_finder(Path()))))


PATIENCE_S = 56.0
"""For trying a cluster, unless told otherwise: with Ray's own start and end about a minute."""
Patience = Annotated[
    float, typer.Option(min=2, help="Seconds for trying the cluster: half for its nodes, half for the smoke trial.")
]


def check(
    sweep_file: Annotated[Path, typer.Argument(help="The sweep file.", show_default=False)],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="key=value, e.g. budget.trials=20", metavar="[KEY=VALUE]...", show_default=False),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Also inspect the torch model that module:function returns.", show_default=False)
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Also look at a running Ray cluster: versions, resources, storage, a smoke trial."),
    ] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="The same on a Ray started here.")] = False,
    patience: Patience = PATIENCE_S,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Read a sweep file and say everything that is wrong with it, and what is known to go wrong."""
    from orchestrator.project.workspace import linted_plan
    from orchestrator.views.findings import findings_answer, findings_document
    from orchestrator.views.lint import lint_answer, lint_document

    plan, remarks = linted_plan(sweep_file, overrides or (), _inspector(model, sweep_file.parent))
    if not as_json:
        typer.echo(f"{sweep_file}: valid, sweep {plan.sweep_id}")
    if remarks and not as_json:
        _answer(lint_answer(remarks))
        _say("where a remark does not hold, write in the sweep file: ignore: {rule: the reason}")
    findings = _preflight(plan, sweep_file.parent, address, patience) if smoke or address is not None else []
    if as_json:
        document = {"sweep": plan.sweep_id, "remarks": lint_document(remarks)}
        typer.echo(json.dumps(document | {"preflight": findings_document(findings)}, indent=2))
    elif findings:
        _answer(findings_answer(findings))
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)
    _say(f"next: stepladder plan {sweep_file}")


def _preflight(plan: Plan, folder: Path, address: str | None, patience_s: float) -> list[Finding]:
    from orchestrator.project.workspace import sweep_folder
    from orchestrator.ray.host.options import HostOptions
    from orchestrator.ray.preflight.preflight import Patience, preflight  # importing ray takes seconds
    from orchestrator.ray.worker.trainable import named_in

    trainable = named_in(plan.spec, folder)
    place = sweep_folder(plan, folder)
    return preflight(plan, trainable, place, HostOptions(address), Patience.of(patience_s))


def _inspector(target: str | None, folder: Path) -> Callable[[Config], ModelFacts] | None:
    if target is None:
        return None
    from orchestrator.rules._inspection import inspect_target  # imports torch

    return partial(inspect_target, target, folder)


def warn(remarks: Sequence[Remark], sweep_file: Path) -> None:
    """Say the warnings among the remarks on stderr, before a sweep is planned or run."""
    from orchestrator.views.lint import warning_lines

    for line in warning_lines(remarks, f"stepladder check {sweep_file}"):
        _say(line)


def _answer(renderable: Any) -> None:
    from orchestrator.views.render import make_console, show

    show(make_console(sys.stdout), renderable)


def _say(message: str) -> None:
    typer.echo(message, err=True)
