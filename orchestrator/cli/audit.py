"""The command `audit`: whether a sweep is whole, and everything in its folder agrees with its log."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator import exitcodes
from orchestrator.cli.options import SWEEP, JsonOption, SweepArgument
from orchestrator.cli.say import answer_json, answer_text, say

if TYPE_CHECKING:
    from orchestrator.results.audit import Audit
    from orchestrator.storage.location import Location

RepairOption = Annotated[
    bool, typer.Option("--repair", help="Make again what follows from the log: tables, best.json, plan.json.")
]


def audit(sweep: SweepArgument = SWEEP, repair: RepairOption = False, as_json: JsonOption = False) -> None:
    """Verify a sweep: its log, and whether tables, best.json, plan.json and checkpoints are what the log says."""
    from orchestrator.project.finding import folder_meant

    folder = folder_meant(sweep)
    rebuilt, found = _audited(folder, repair=repair)
    if as_json:
        answer_json({"sweep": str(folder), "rebuilt": rebuilt, **asdict(found)})
    else:
        _show(rebuilt, found)
    if found.holder is not None:
        say(f"{found.holder}; its tables follow the log by seconds and were not compared")
    if any(finding.can_rebuild for finding in found.findings):
        say(f"next: stepladder audit {shlex.quote(sweep)} --repair")
    raise typer.Exit(exitcodes.DONE if found.is_whole else exitcodes.FAILED)


def _audited(folder: Location, *, repair: bool) -> tuple[list[str], Audit]:
    from orchestrator.results import audit as auditing

    found = auditing.audit(folder)
    if not repair or not any(finding.can_rebuild for finding in found.findings):
        return [], found
    return auditing.repair(folder), auditing.audit(folder)


def _show(rebuilt: list[str], found: Audit) -> None:
    for name in rebuilt:
        answer_text(f"{name}: made again from the log")
    for finding in found.findings:
        answer_text(f"{finding.part}: {finding.problem}")
    if not found.findings:
        answer_text(f"nothing is wrong with {found.looked_at}")
