"""The command `set`: how much of a cluster a sweep asks for, changed while it runs, from any terminal that finds it."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer

from orchestrator.cli.options import AddressOption, IdOption, SweepArgument
from orchestrator.cli.say import answer_text, say
from orchestrator.cli.status import open_sweep
from orchestrator.errors import UsageError
from orchestrator.project.address import to_send

SettingsArgument = Annotated[
    list[str],
    typer.Argument(help="max_concurrent=4, priority=low, normal or high", metavar="KEY=VALUE...", show_default=False),
]


def set_(
    sweep: SweepArgument, settings: SettingsArgument, address: AddressOption = None, sweep_id: IdOption = None
) -> None:
    """Change how many places a running sweep asks for, and its turn among others; no running trial is ended."""
    handle = open_sweep(sweep, to_send(address, "set"))
    handle.refuse_other("set", sweep_id)
    handle.set(_read(settings), time.time(), answer_text)
    say(f"next: stepladder status {handle.typed}")


def _read(settings: list[str]) -> dict[str, Any]:
    """Read `key=value` pairs; `resources.` in front of a key may be left out. A value is JSON, or else plain text."""
    found = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(f"{setting}: write KEY=VALUE, such as max_concurrent=4")
        try:
            found[key.removeprefix("resources.")] = json.loads(value)
        except ValueError:
            found[key.removeprefix("resources.")] = value
    return found
