"""The command `check`: what is wrong with a sweep file, what is known to go wrong, and whether a cluster is ready."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator import exitcodes
from orchestrator.cli.options import (
    PATIENCE_S,
    SWEEP_FILE,
    AddressOption,
    InsecureOption,
    JsonOption,
    OverridesArgument,
    PatienceOption,
    SweepFileArgument,
    file_meant,
)
from orchestrator.cli.say import answer, answer_json, answer_text, say
from orchestrator.errors import UsageError
from orchestrator.project.address import to_join

if TYPE_CHECKING:
    from orchestrator.ray.preflight.findings import Finding
    from orchestrator.rules import ModelFacts
    from orchestrator.sweep.domains import Config
    from orchestrator.sweep.plan import Plan
    from orchestrator.sweepfile.lint import Remark


def check(
    sweep_file: SweepFileArgument = SWEEP_FILE,
    overrides: OverridesArgument = None,
    model: Annotated[
        str | None, typer.Option(help="Also inspect the torch model that module:function returns.", show_default=False)
    ] = None,
    address: AddressOption = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Also look at a Ray started here, as at --address.")] = False,
    insecure: InsecureOption = False,
    patience: PatienceOption = PATIENCE_S,
    as_json: JsonOption = False,
) -> None:
    """Read a sweep file and say everything that is wrong with it, and what is known to go wrong.

    With --address, also look at that running Ray: versions, resources, storage, a smoke trial. Of a dashboard's cluster
    the same is asked from here, with the code that would be sent; nothing is submitted.
    """
    from orchestrator.project.warming import warmed
    from orchestrator.project.workspace import linted_plan
    from orchestrator.views.findings import findings_answer, findings_document
    from orchestrator.views.lint import lint_document
    from orchestrator.views.supplied import supplied_document

    sweep_file, overrides = file_meant(sweep_file, overrides)
    plan, remarks = linted_plan(sweep_file, overrides, _inspector(model, sweep_file.parent))
    if address is not None and address.is_dashboard:
        if smoke or model is not None:
            raise UsageError("--smoke and --model look at this machine; a dashboard's cluster looks at itself")
        _check_there(plan, sweep_file, overrides, address.text, patience, insecure=insecure, as_json=as_json)
        return
    joined = to_join(address, "check")
    for left_out in warmed(plan, sweep_file.parent)[1]:
        say(f"warm_start: {left_out}")
    if not as_json:
        _answer_what_it_says(plan, remarks, sweep_file)
    findings = _preflight(plan, sweep_file.parent, joined, patience) if smoke or joined is not None else []
    if as_json:
        supplied = supplied_document(plan.spec)
        document = {"sweep": plan.sweep_id, "supplied": supplied, "remarks": lint_document(remarks)}
        answer_json(document | {"preflight": findings_document(findings)})
    elif findings:
        answer(findings_answer(findings))
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(exitcodes.FAILED)
    say(f"next: stepladder plan {sweep_file}")


def _check_there(
    plan: Plan, sweep_file: Path, overrides: Sequence[str], dashboard: str, patience_s: float,
    *, insecure: bool, as_json: bool,
) -> None:  # fmt: skip
    """Have the cluster behind a dashboard look, by a job with the code that would be sent; leaves with how it went."""
    from orchestrator.project.submitting import tried

    found = tried(plan, sweep_file, overrides, dashboard, patience_s, say, insecure=insecure, as_json=as_json)
    if as_json:
        answer_json(found.document())
    else:
        answer_text(found.text.rstrip())
    if not found.is_well:
        raise typer.Exit(exitcodes.FAILED)
    say(f"next: stepladder submit {sweep_file} --address {dashboard}")


def _answer_what_it_says(plan: Plan, remarks: Sequence[Remark], sweep_file: Path) -> None:
    """Answer with what is known of a valid file: how its training is called, what was supplied, what goes wrong."""
    from orchestrator.project.spec_files import said_of_calling
    from orchestrator.views.lint import lint_answer
    from orchestrator.views.supplied import supplied_answer

    answer_text(f"{sweep_file}: valid, sweep {plan.sweep_id}")
    if (said := said_of_calling(sweep_file.parent, plan.spec)) is not None:
        say(said)
    if (told := supplied_answer(plan.spec)) is not None:
        answer(told)
    if remarks:
        answer(lint_answer(remarks))
        say("where a remark does not hold, write in the sweep file: ignore: {rule: the reason}")


def _preflight(plan: Plan, folder: Path, address: str | None, patience_s: float) -> list[Finding]:
    from orchestrator.project.environment import whole
    from orchestrator.project.workspace import sweep_folder
    from orchestrator.ray.host.options import HostOptions
    from orchestrator.ray.preflight.preflight import Patience, preflight  # importing ray takes seconds
    from orchestrator.ray.worker.trainable import named_in

    trainable = named_in(plan.spec, folder)
    place = sweep_folder(plan, folder)
    options = HostOptions(address, environment=whole(plan.spec.environment, folder))
    return preflight(plan, trainable, place, options, Patience.of(patience_s))


def _inspector(target: str | None, folder: Path) -> Callable[[Config], ModelFacts] | None:
    if target is None:
        return None
    from orchestrator.rules._inspection import inspect_target  # imports torch

    return partial(inspect_target, target, folder)


def warn(remarks: Sequence[Remark], sweep_file: Path) -> None:
    """Say the warnings among the remarks on stderr, before a sweep is planned or run."""
    from orchestrator.views.lint import warning_lines

    for line in warning_lines(remarks, f"stepladder check {sweep_file}"):
        say(line)
