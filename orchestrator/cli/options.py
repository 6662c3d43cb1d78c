"""The arguments and options that several commands have: each is written once, so that it means one thing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.project.address import FORMS, ClusterAddress

PATIENCE_S = 56.0
"""For trying a cluster, unless told otherwise: with Ray's own start and end about a minute."""

SWEEP = "sweep.yaml"
"""The sweep that is meant where none is named: that of this file, in the current folder."""
SWEEP_FILE = Path(SWEEP)
"""The same, as a file."""

SweepFileArgument = Annotated[
    Path, typer.Argument(help=f"The sweep file. Unset: {SWEEP} here.", metavar="SWEEP_FILE", show_default=False)
]
SweepArgument = Annotated[
    str,
    typer.Argument(
        help=f"The sweep file, or the sweep's folder (a path or, say, s3://...). Unset: {SWEEP} here.",
        metavar="SWEEP",
        show_default=False,
    ),
]
OverridesArgument = Annotated[
    list[str] | None,
    typer.Argument(help="key=value, e.g. budget.trials=20", metavar="KEY=VALUE", show_default=False),
]
IdOption = Annotated[
    str | None,
    typer.Option("--id", metavar="SWEEP_ID", help="The sweep that is meant; needed for another's.", show_default=False),
]
OwnerOption = Annotated[
    str | None,
    typer.Option(envvar="STEPLADDER_OWNER", help="Whose sweep it is to be. Unset: your user name.", show_default=False),
]
TopOption = Annotated[int | None, typer.Option(min=0, help="How many, the best first; 0 is all.", show_default=False)]
TrialOption = Annotated[int | None, typer.Option(min=0, help="Number of one trial, and only that.", show_default=False)]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="File to write. Unset: stdout; importing, sweep.yaml beside FILE; a report, report.html beside its log.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
WatchOption = Annotated[bool, typer.Option("--watch", help="Keep it up to date until its driver ends.")]
OpenOption = Annotated[bool, typer.Option("--open", help="Open it in a browser.")]
AddressOption = Annotated[
    ClusterAddress | None,
    typer.Option(
        parser=ClusterAddress.parse,
        metavar="ADDRESS",
        envvar="STEPLADDER_ADDRESS",
        show_default=False,
        help=f"A cluster: {FORMS}.",
    ),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        envvar="STEPLADDER_CLUSTER",
        show_default=False,
        help="A cluster: a profile, or a definition by file or by name in cluster/.",
    ),
]
CpusOption = Annotated[int | None, typer.Option(min=1, help="CPUs of the Ray started here. Unset: all of them.")]
GpusOption = Annotated[int | None, typer.Option(min=0, help="GPUs of the Ray started here. Unset: all of them.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Trials at once. Unset: the file's max_concurrent, or 8.")
]
InsecureOption = Annotated[bool, typer.Option("--insecure", help="Also send to a cluster that asks for no token.")]
EnvOption = Annotated[
    list[str] | None,
    typer.Option(help="NAME=VALUE for driver and trials; everybody there can read it.", show_default=False),
]
DriverCpusOption = Annotated[
    float | None,
    typer.Option(min=0, help="CPUs set aside for the driver, half a one by default; 0 puts it on the head node."),
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Throw the sweep of this name away first, once agreed to.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Agree to what would be asked.")]
NoCheckOption = Annotated[bool, typer.Option("--no-check", help="Send without trying the cluster first.")]
DetachOption = Annotated[
    bool, typer.Option("--detach", help="Leave once it is sent, without waiting for its driver's first word.")
]
PatienceOption = Annotated[
    float, typer.Option(min=2, help="Seconds for trying the cluster: half for its nodes, half for the smoke trial.")
]


def meant(sweep: str, overrides: list[str] | None) -> tuple[str, list[str]]:
    """Return the sweep and the overrides that were typed: `run budget.trials=20` is `run sweep.yaml budget.trials=20`.

    A first word that is an override, unless a file is called that, leaves the sweep to be the one in this folder.
    """
    given = overrides or []
    is_override = "=" in sweep and "://" not in sweep and not Path(sweep).exists()
    return (SWEEP, [sweep, *given]) if is_override else (sweep, given)


def file_meant(sweep_file: Path, overrides: list[str] | None) -> tuple[Path, list[str]]:
    """Return the sweep file and the overrides that were typed, as `meant`."""
    sweep, given = meant(str(sweep_file), overrides)
    return Path(sweep), given


def set_owner(owner: str | None) -> None:
    """Take what was said of whose sweep it is to be, for this process and what it starts."""
    from orchestrator.project.provenance import OWNER_VARIABLE

    if owner is not None:
        os.environ[OWNER_VARIABLE] = owner
