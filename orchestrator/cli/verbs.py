"""The verbs of `stepladder`: where each lies and what it is for, so that none is imported before it is typed.

Help, and a mistyped verb, cost what Python costs. So the line that a verb has in the help stands here, beside its name;
a test holds it against what the verb says of itself.
"""

from __future__ import annotations

import importlib
import os
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from orchestrator.cli.loudness import LOG_FILE_VARIABLE, lifted


class Verb(NamedTuple):
    """One verb, not imported."""

    place: str
    """Its module in `orchestrator.cli`, and the function, or the group of verbs, there: `plan:plan`."""
    purpose: str
    """What it is for: the first paragraph of its docstring."""


PANELS: dict[str, dict[str, Verb]] = {
    "Begin": {
        "init": Verb(
            "init:init",
            "Write a working example: a training function and its sweep file. Or, with --from, a sweep file for your "
            "code.",
        ),
        "import": Verb(
            "importing:import_foreign",
            "Write a sweep file from another tool's; say what was invented, and name what could not be carried.",
        ),
        "spaces": Verb("spaces:spaces_app", "List the search spaces of the catalogue; `spaces show NAME` shows one."),
        "check": Verb(
            "check:check", "Read a sweep file and say everything that is wrong with it, and what is known to go wrong."
        ),
        "plan": Verb("plan:plan", "Show what a sweep would do and cost, before anything is paid for."),
        "simulate": Verb(
            "simulate:simulate",
            "Play a sweep file on recorded trainings: what its ladder, searcher, rungs and budget find there, in "
            "seconds.",
        ),
    },
    "Run": {
        "run": Verb("run:run", "Run a new sweep and write its winner to best.json."),
        "resume": Verb("resume:resume", "Go on with an interrupted sweep, or extend a finished one."),
        "submit": Verb("submit:submit", "Send a sweep to a cluster and leave."),
        "try": Verb(
            "trying:try_configuration",
            "Try a configuration of your own next: lr=3e-4, the rest as in the best trial so far.",
        ),
        "retry": Verb(
            "trying:retry",
            "Run a trial that failed again, with `--trial 7`: in a sweep that runs, or with its next resume.",
        ),
        "set": Verb(
            "set:set_",
            "Change how many places a running sweep asks for, and its turn among others; no running trial is ended.",
        ),
        "stop": Verb("stop:stop", "Let the running trials finish and start no new ones; the sweep can go on later."),
        "cancel": Verb(
            "stop:cancel", "End a sweep's driver within seconds, everything saved; the sweep can go on later."
        ),
    },
    "Look": {
        "status": Verb("status:status", "Show how a sweep stands, living or dead, from any terminal."),
        "report": Verb(
            "report:report",
            "Make a page of a sweep, one HTML file: running, finished or dead, from its log alone.",
        ),
        "ui": Verb(
            "ui:ui",
            "Show the sweeps of a storage in a browser, live: each with its page and its trials. Acts on nothing.",
        ),
        "trials": Verb(
            "trials:trials",
            "List a sweep's trials, living or dead: sorted, filtered, for a person or for another program.",
        ),
        "show": Verb(
            "trials:show",
            "Tell everything about one trial: its configuration, curve, attempts, why it ended, what it printed last.",
        ),
        "logs": Verb(
            "jobs:logs",
            "Print what all of a sweep's trials printed, or one of them; of one that was sent off, what its driver "
            "did.",
        ),
        "ls": Verb(
            "jobs:ls",
            "List the sweeps that lie here or were sent off from here; with --address, those that the cluster knows.",
        ),
    },
    "Use": {
        "compare": Verb(
            "compare:compare", "Show sweeps side by side: what each found, what it cost, and where they differ."
        ),
        "export": Verb(
            "export:export",
            "Print the best configurations in a form that another program takes; to stderr what is known of the best "
            "one.",
        ),
        "confirm": Verb(
            "confirm:confirm",
            "Train a finished sweep's best trials and its baseline again with fresh seeds, and choose the winner anew.",
        ),
        "test": Verb(
            "measure:measure",
            "Measure a finished sweep's winner on the test set, once: what `test` in the sweep file names.",
        ),
    },
    "Keep": {
        "audit": Verb(
            "audit:audit",
            "Verify a sweep: its log, and whether tables, best.json, plan.json and checkpoints are what the log says.",
        ),
        "gc": Verb(
            "gc:gc",
            "Show what lies in a sweep's folder and nobody can need any more, and how large it is; with --yes, remove "
            "it.",
        ),
        "schema": Verb(
            "init:schema",
            "Print the JSON Schema of the sweep file, for editors; with a verb, of what that answers with --json.",
        ),
    },
}
"""The verbs in the order of their use, as `stepladder --help` shows them."""

_VERBS = {name: verb for verbs in PANELS.values() for name, verb in verbs.items()}


class VerbGroup(TyperGroup):
    """The group of all verbs: it knows their names, and imports the one that is typed."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict.fromkeys(_VERBS)  # type: ignore[assignment]  # names: who mistypes one is told the nearest

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the command line apart; what is for every verb (`loudness`) may stand anywhere on it.

        A verb in front leaves no option to us; to read none of them takes pydantic.
        """
        front, rest = lifted(args)
        if not front and rest and rest[0] in _VERBS and LOG_FILE_VARIABLE not in os.environ:
            self.params, self.add_help_option = [], False
        return super().parse_args(ctx, [*front, *rest])

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - Typer hands it
        """Import a verb and return it as a command; None where there is none of that name."""
        return command(cmd_name) if cmd_name in _VERBS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer hands it
        """Write the panels of the help."""
        width = max(map(len, _VERBS))
        for panel, verbs in PANELS.items():
            with formatter.section(panel):
                formatter.write_dl([(name.ljust(width), verb.purpose) for name, verb in verbs.items()])


def function_of(name: str) -> Any:
    """Import a verb and return it as it was written: a function, or a `typer.Typer` where it has verbs of its own."""
    module, _, attribute = _VERBS[name].place.partition(":")
    return getattr(importlib.import_module(f"orchestrator.cli.{module}"), attribute)


def command(name: str) -> Any:
    """Import a verb and return it as a command."""
    written = function_of(name)
    if not isinstance(written, typer.Typer):
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        alone.command(name)(written)
        written = alone
    found = get_command(written)
    found.name = name
    return found
